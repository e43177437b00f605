package ledger_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

func secret(text string) providers.Secret { return providers.NewSecret(text) }

var whole = providers.Message{
	ID:       "4fe7b0a2-16c5-4a0e-8e04-000000000001",
	To:       secret("+447700900123"),
	National: secret("7700900123"),
	Locale:   "pt-BR",
	Text:     secret("Seu código é 028687 \x00 😀"),
	Code:     secret("028687"),
	Unicode:  true,
	Segments: 2,
	Life:     5 * time.Minute,
}

func TestContentsAreSealedAndOpened(t *testing.T) {
	s := ledger.NewSealer(secret("a long random text"))
	for _, m := range []providers.Message{whole, {ID: "empty", To: secret(""), National: secret(""), Text: secret(""), Code: secret("")}} {
		sealed := s.Seal(m)
		opened, err := s.Open(m.ID, sealed)
		require.NoError(t, err)
		require.Equal(t, m, opened)
		for _, part := range []string{"447700900123", "028687", "Seu", "pt-BR"} {
			require.NotContains(t, string(sealed), part)
		}
		require.NotEqual(t, sealed, s.Seal(m), "each nonce is used once")
	}
}

func TestChangedContentsAreNotOpened(t *testing.T) {
	s := ledger.NewSealer(secret("a long random text"))
	sealed := s.Seal(whole)
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		_, err := s.Open(whole.ID, changed)
		require.Error(t, err, "byte %d", i)
		_, err = s.Open(whole.ID, sealed[:i])
		require.Error(t, err, "only %d bytes", i)
	}
	_, err := s.Open("another message", sealed)
	require.EqualError(t, err, "the contents can't be opened: they were sealed with another key, for another message, or have been changed")
}

// The new secret stands first. What the old one has sealed is opened as long as the old one is there.
func TestSecretsAreChangedWithoutLoss(t *testing.T) {
	before := ledger.NewSealer(secret("old"))
	sealed := before.Seal(whole)
	opens := func(s *ledger.Sealer, sealed []byte) bool {
		_, err := s.Open(whole.ID, sealed)
		return err == nil
	}
	both := ledger.NewSealer(secret("new"), secret("old"))
	require.True(t, opens(both, sealed))
	require.True(t, opens(ledger.NewSealer(secret("new")), both.Seal(whole)), "the first secret seals")
	require.False(t, opens(ledger.NewSealer(secret("new")), sealed))

	before.Replace(secret("new"))
	require.True(t, opens(before, sealed), "the process goes on with what it has sealed")
	require.True(t, opens(ledger.NewSealer(secret("new")), before.Seal(whole)))
	before.Replace(secret("newest"))
	require.False(t, opens(before, sealed))
}

// Whatever is in the store, opening it returns: with the contents that were sealed, or with an error.
func FuzzOpen(f *testing.F) {
	s := ledger.NewSealer(secret("a long random text"), secret("another long random text"))
	f.Add(whole.ID, s.Seal(whole))
	f.Add("", []byte(nil))
	f.Add(whole.ID, []byte{1})
	f.Add(whole.ID, bytes.Repeat([]byte{1}, 29))
	f.Fuzz(func(t *testing.T, id string, sealed []byte) {
		opened, err := s.Open(id, sealed)
		if err != nil {
			require.Zero(t, opened.To.Reveal()+opened.Text.Reveal()+opened.Code.Reveal()+opened.ID)
			return
		}
		require.Equal(t, whole, opened, "nobody else knows the key")
	})
}
