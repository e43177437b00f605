package vonage

import (
	"crypto/rsa"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// A token is valid as long as those of Vonage's own libraries. It is renewed 5 minutes before it expires, because Vonage's clock may
// be ahead.
const (
	tokenLife  = 15 * time.Minute
	renewAfter = 10 * time.Minute
)

// signer makes an application's tokens. It may be used concurrently.
// https://developer.vonage.com/en/getting-started/concepts/authentication#json-web-tokens
type signer struct {
	application string
	key         *rsa.PrivateKey

	mu     sync.Mutex
	token  providers.Secret
	issued time.Time
}

type claims struct {
	ApplicationID string `json:"application_id"`
	jwt.RegisteredClaims
}

func (s *signer) authorize(r call.Request) (call.Request, error) {
	token, err := s.current(time.Now().Round(0)) // Round: the time while the machine sleeps must count too
	if err != nil {
		return r, &providers.Error{Kind: providers.Account, Err: err}
	}
	return r.Bearer(token), nil
}

// current returns the last token. It returns a new one if the last is too old, or is from the future because the clock was set back.
func (s *signer) current(now time.Time) (providers.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Another caller, which has read the clock a moment later, may have been here first.
	if age := now.Sub(s.issued); !s.token.Empty() && age > -time.Second && age < renewAfter {
		return s.token, nil
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims{s.application, jwt.RegisteredClaims{
		ID:        providers.NewUUID(), // as Vonage's libraries do
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(tokenLife)),
	}}).SignedString(s.key)
	if err != nil {
		return providers.Secret{}, errors.New("the private key can't sign")
	}
	s.token, s.issued = providers.NewSecret(token), now
	return s.token, nil
}

// parseKey reads a private key. In an environment variable line ends are often written as \n. RS256 needs at least 2048 bits,
// https://www.rfc-editor.org/rfc/rfc7518#section-3.3.
func parseKey(text providers.Secret) (*rsa.PrivateKey, error) {
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(strings.ReplaceAll(text.Reveal(), `\n`, "\n")))
	if err != nil || key.N.BitLen() < 2048 {
		return nil, errors.New("the private key can't be read") // the parser's own text may quote the key
	}
	return key, nil
}
