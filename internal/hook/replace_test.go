package hook

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// valid reports, for each secret, whether a call that is signed with it is verified now.
func valid(t *testing.T, s Secrets, texts ...string) []bool {
	var verified []bool
	for _, text := range texts {
		header := http.Header{}
		parsed(t, text).Sign(header, providers.NewUUID(), time.Now(), nil)
		verified = append(verified, s.Verify(header, nil) == nil)
	}
	return verified
}

// A replaced secret is valid for five more minutes, whatever is loaded in these.
func TestReplacedSecretsExpireAfterFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := key("a", 32), key("b", 32), key("c", 32)
		s := parsed(t, a)
		load := func(text string) {
			replaced, err := parsed(t, text).Replacing(s, time.Now())
			require.NoError(t, err)
			s = replaced
		}
		load(b)
		require.Equal(t, []bool{true, true, false}, valid(t, s, a, b, c))
		time.Sleep(3 * time.Minute)
		load(b)
		load(c + "|" + b)
		require.Equal(t, []bool{true, true, true}, valid(t, s, a, b, c))
		time.Sleep(2 * time.Minute)
		require.Equal(t, []bool{true, true, true}, valid(t, s, a, b, c))
		time.Sleep(time.Second)
		require.Equal(t, []bool{false, true, true}, valid(t, s, a, b, c), "five minutes after it was replaced, not after the last load")
		load(c)
		require.Len(t, s, 2, "expired secrets are dropped")
		load(b)
		time.Sleep(time.Hour)
		require.Equal(t, []bool{false, true, false}, valid(t, s, a, b, c), "a secret that is loaded again doesn't expire")
		for i := range 10 * maxReplaced {
			load(key(string(rune('0'+i)), 32))
		}
		require.Len(t, s, 1+maxReplaced)
	})
}

// Each text that a file can hold while a secret is written is refused.
func TestHalfWrittenSecretsAreRefused(t *testing.T) {
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
	require.EqualError(t, err, "secret 1: is shorter than the old secrets, or the beginning of one, as if its file were half written; if it is complete, restart to use it")

	two := parsed(t, whole+"|"+key("s", 24))
	for _, cut := range []string{whole[:49], whole[:41] + "|" + key("s", 24)} { // longer than the short secret
		var half Secrets
		err := half.UnmarshalText([]byte(cut))
		if err == nil {
			_, err = half.Replacing(two, time.Now())
		}
		require.Error(t, err, cut)
	}
	_, err = parsed(t, whole+"|").Replacing(old, time.Now())
	require.EqualError(t, err, "nothing follows the last |, as if the file were half written; if there is no other secret, remove the |")
	_, err = parsed(t, whole+"|").Replacing(parsed(t, key("o", 32)+"|"), time.Now())
	require.NoError(t, err, "the old text ended like this too, and was complete")

	both, err := parsed(t, whole+"|"+key("s", 24)).Replacing(append(old, parsed(t, key("s", 24))...), time.Now())
	require.NoError(t, err, "an old short secret is complete")
	require.Len(t, both, 3)
	_, err = parsed(t, key("l", 64)).Replacing(old, time.Now())
	require.NoError(t, err)
	_, err = parsed(t, whole).Replacing(parsed(t, key("l", 64)), time.Now())
	require.NoError(t, err, "a shorter secret that ends in =")
}
