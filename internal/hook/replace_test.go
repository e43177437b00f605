package hook

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// taken tells which of the secrets a call may be signed with now.
func taken(t *testing.T, s Secrets, texts ...string) []bool {
	var verified []bool
	for _, text := range texts {
		header := http.Header{}
		parsed(t, text).Sign(header, NewUUID(), time.Now(), nil)
		verified = append(verified, s.Verify(header, nil) == nil)
	}
	return verified
}

// A replaced secret is taken for five minutes from when it was replaced, whatever is loaded meanwhile.
func TestReplacing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := key("a", 32), key("b", 32), key("c", 32)
		s := parsed(t, a)
		load := func(text string) {
			replaced, err := parsed(t, text).Replacing(s, time.Now())
			require.NoError(t, err)
			s = replaced
		}
		load(b)
		require.Equal(t, []bool{true, true, false}, taken(t, s, a, b, c))
		time.Sleep(3 * time.Minute)
		load(b)
		load(c + "|" + b)
		require.Equal(t, []bool{true, true, true}, taken(t, s, a, b, c))
		time.Sleep(2 * time.Minute)
		require.Equal(t, []bool{true, true, true}, taken(t, s, a, b, c))
		time.Sleep(time.Second)
		require.Equal(t, []bool{false, true, true}, taken(t, s, a, b, c), "five minutes after it was replaced, not after the last load")
		load(c)
		require.Len(t, s, 2, "what is over is forgotten")
		load(b)
		time.Sleep(time.Hour)
		require.Equal(t, []bool{false, true, false}, taken(t, s, a, b, c), "who is back stays")
		for i := range 10 * mostReplaced {
			load(key(string(rune('0'+i)), 32))
		}
		require.Len(t, s, 1+mostReplaced)
	})
}

// Every text that a file holds while a secret is written is refused, whatever was there before.
func TestHalfWrittenSecrets(t *testing.T) {
	whole := key("n", 32)
	old := parsed(t, key("o", 32))
	for length := range len(whole) {
		var half Secrets
		err := half.UnmarshalText([]byte(whole[:length]))
		if err == nil {
			_, err = half.Replacing(old, time.Now())
		}
		require.Error(t, err, length)
	}
	_, err := parsed(t, whole[:41]).Replacing(old, time.Now())
	require.EqualError(t, err, "secret 1: is shorter than those before, as if its file were half written; if it is whole, that takes a restart")

	both, err := parsed(t, whole+"|"+key("s", 24)).Replacing(append(old, parsed(t, key("s", 24))...), time.Now())
	require.NoError(t, err, "a short one that was there before is whole")
	require.Len(t, both, 3)
	_, err = parsed(t, key("l", 64)).Replacing(old, time.Now())
	require.NoError(t, err)
	_, err = parsed(t, whole).Replacing(parsed(t, key("l", 64)), time.Now())
	require.NoError(t, err, "a shorter one whose end is there")
}
