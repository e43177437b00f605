package vonage

import (
	"math/big"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/providertest"
)

// header returns that of a request which the signer has signed.
func header(t *testing.T, s *signer) http.Header {
	t.Helper()
	r, err := s.authorize(call.Get("https://api.nexmo.com/"))
	require.NoError(t, err)
	return r.Header
}

// A token is used again until ten minutes old, and replaced with at least five to spare.
func TestTokenIsRenewed(t *testing.T) {
	key := testPrivateKey()
	synctest.Test(t, func(t *testing.T) {
		s := &signer{application: testApplication, key: key}
		first := header(t, s)
		start := time.Now()
		claimed := verify(t, first)
		require.Equal(t, testApplication, claimed.ApplicationID)
		require.Equal(t, start.Unix(), claimed.IssuedAt.Unix())
		require.Equal(t, start.Add(15*time.Minute).Unix(), claimed.ExpiresAt.Unix())

		time.Sleep(10*time.Minute - time.Nanosecond)
		require.Equal(t, first, header(t, s))
		time.Sleep(time.Nanosecond)
		second := header(t, s)
		require.NotEqual(t, first, second)
		renewed := verify(t, second)
		require.Equal(t, start.Add(25*time.Minute).Unix(), renewed.ExpiresAt.Unix())
		require.NotEqual(t, claimed.ID, renewed.ID)
		require.Equal(t, second, header(t, s))

		time.Sleep(24 * time.Hour)
		verify(t, header(t, s))
	})
}

// The clock was ahead when the token was made, and was then set right: Vonage wouldn't take a token from the future.
func TestTokenFromTheFuture(t *testing.T) {
	s := &signer{application: testApplication, key: testPrivateKey()}
	now := time.Now()
	early, err := s.current(now.Add(time.Hour))
	require.NoError(t, err)
	right, err := s.current(now)
	require.NoError(t, err)
	require.NotEqual(t, early.Reveal(), right.Reveal())
	verify(t, http.Header{"Authorization": {"Bearer " + right.Reveal()}})
}

// One token serves everybody who asks at once.
// A caller that has read the clock and then waited for another one takes the token of that one.
func TestTokenOfAFasterCaller(t *testing.T) {
	s, now := &signer{application: testApplication, key: testPrivateKey()}, time.Now()
	faster, err := s.current(now.Add(time.Millisecond))
	require.NoError(t, err)
	token, err := s.current(now)
	require.NoError(t, err)
	require.Equal(t, faster.Reveal(), token.Reveal())
}

func TestTokenIsShared(t *testing.T) {
	s := &signer{application: testApplication, key: testPrivateKey()}
	headers := make([]http.Header, 32)
	var wg sync.WaitGroup
	for i := range headers {
		wg.Go(func() {
			r, err := s.authorize(call.Get("https://api.nexmo.com/"))
			if err == nil {
				headers[i] = r.Header
			}
		})
	}
	wg.Wait()
	verify(t, headers[0])
	for _, h := range headers {
		require.Equal(t, headers[0], h)
	}
}

// A signed request doesn't share its header with the one it was made from.
func TestAuthorizeLeavesTheHeaderAlone(t *testing.T) {
	s := &signer{application: testApplication, key: testPrivateKey()}
	plain := http.Header{"Accept": {"application/json"}}
	signed, err := s.authorize(call.Request{Header: plain})
	require.NoError(t, err)
	require.Len(t, signed.Header, 2)
	require.Equal(t, http.Header{"Accept": {"application/json"}}, plain)
}

// A key that parses and yet can't sign is the operator's to put right. Nothing is sent.
func TestKeyThatCannotSign(t *testing.T) {
	f := providertest.NewFake(t)
	p, err := with(withApplication).Open(f.Base, providers.Deps{HTTP: f.Client()})
	require.NoError(t, err)
	broken := *testPrivateKey()
	broken.N = new(big.Int).Rsh(broken.N, 1600)
	p.(*Provider).signer.key = &broken
	_, err = p.Send(t.Context(), providertest.Message())
	providertest.RequireFailure(t, err, providers.Account, "", "the private key can't sign")
	providertest.RequireFailure(t, p.(*Provider).Check(t.Context()), providers.Account, "", "the private key can't sign")
	require.Empty(t, f.Requests())
}
