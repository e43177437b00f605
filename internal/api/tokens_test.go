package api

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

const userID = "8ccaa7af-909f-44e7-84cb-67cdccb56be6"

// project is a Supabase project: it publishes keys, and counts how often they are read.
type project struct {
	mu    sync.Mutex
	keys  map[string]*ecdsa.PrivateKey
	reads int
}

func (p *project) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reads++
	list := []map[string]string{}
	for id, key := range p.keys {
		point, err := key.PublicKey.Bytes()
		if err != nil {
			panic(err)
		}
		x, y := point[1:33], point[33:]
		list = append(list, map[string]string{"kid": id, "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig",
			"x": base64.RawURLEncoding.EncodeToString(x), "y": base64.RawURLEncoding.EncodeToString(y)})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": list})
}

func (p *project) add(t *testing.T, id string) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keys == nil {
		p.keys = map[string]*ecdsa.PrivateKey{}
	}
	p.keys[id] = key
	return key
}

func userClaims(change func(jwt.MapClaims)) jwt.MapClaims {
	c := jwt.MapClaims{"sub": userID, "aud": "authenticated", "role": "authenticated", "exp": time.Now().Add(time.Hour).Unix(), "is_anonymous": false}
	if change != nil {
		change(c)
	}
	return c
}

func sign(t *testing.T, method jwt.SigningMethod, id string, key any, c jwt.MapClaims) string {
	token := jwt.NewWithClaims(method, c)
	token.Header["kid"] = id
	text, err := token.SignedString(key)
	require.NoError(t, err)
	return text
}

func TestTokensByPublishedKeys(t *testing.T) {
	p := &project{}
	key := p.add(t, "one")
	s := httptest.NewServer(p)
	defer s.Close()
	tokens, err := NewTokens(t.Context(), s.URL, providers.Secret{}, s.Client(), func(err error) { t.Error(err) })
	require.NoError(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	public, err := key.PublicKey.Bytes()
	require.NoError(t, err)
	with := func(name string, value any) jwt.MapClaims {
		return userClaims(func(c jwt.MapClaims) { c[name] = value })
	}
	for name, tt := range map[string]struct {
		token string
		want  string
	}{
		"valid":                 {sign(t, jwt.SigningMethodES256, "one", key, userClaims(nil)), userID},
		"a little too old":      {sign(t, jwt.SigningMethodES256, "one", key, with("exp", time.Now().Add(-5*time.Second).Unix())), userID},
		"expired":               {sign(t, jwt.SigningMethodES256, "one", key, with("exp", time.Now().Add(-time.Minute).Unix())), ""},
		"without an end":        {sign(t, jwt.SigningMethodES256, "one", key, userClaims(func(c jwt.MapClaims) { delete(c, "exp") })), ""},
		"of the service":        {sign(t, jwt.SigningMethodES256, "one", key, with("role", "service_role")), ""},
		"of another audience":   {sign(t, jwt.SigningMethodES256, "one", key, with("aud", "anon")), ""},
		"of an anonymous user":  {sign(t, jwt.SigningMethodES256, "one", key, with("is_anonymous", true)), ""},
		"without a user":        {sign(t, jwt.SigningMethodES256, "one", key, with("sub", "")), ""},
		"of a user that is odd": {sign(t, jwt.SigningMethodES256, "one", key, with("sub", "../"+userID)), ""},
		"by another key":        {sign(t, jwt.SigningMethodES256, "one", other, userClaims(nil)), ""},
		"without a signature":   {sign(t, jwt.SigningMethodNone, "one", jwt.UnsafeAllowNoneSignatureType, userClaims(nil)), ""},
		"public key as secret":  {sign(t, jwt.SigningMethodHS256, "one", public, userClaims(nil)), ""},
		"by the empty secret":   {sign(t, jwt.SigningMethodHS256, "one", []byte{}, userClaims(nil)), ""},
		"no token":              {"sk_1", ""},
	} {
		id, ok := tokens.User(tt.token)
		require.Equal(t, tt.want, id, name)
		require.Equal(t, tt.want != "", ok, name)
	}
}

// A new key is read when the first token comes that it has signed. Tokens with invented keys have the keys read once a minute, not each time.
func TestKeysThatChange(t *testing.T) {
	p := &project{}
	p.add(t, "one")
	s := httptest.NewServer(p)
	defer s.Close()
	tokens, err := NewTokens(t.Context(), s.URL, providers.Secret{}, s.Client(), func(err error) { t.Error(err) })
	require.NoError(t, err)
	next := p.add(t, "two")
	id, _ := tokens.User(sign(t, jwt.SigningMethodES256, "two", next, userClaims(nil)))
	require.Equal(t, userID, id)
	read := p.reads
	for i := range 50 {
		_, ok := tokens.User(sign(t, jwt.SigningMethodES256, fmt.Sprint("invented", i), next, userClaims(nil)))
		require.False(t, ok)
	}
	require.Equal(t, read, p.reads)
}

func TestTokensBySecret(t *testing.T) {
	const secret = "super-secret-jwt-token-with-at-least-32-characters-long"
	tokens, err := NewTokens(t.Context(), "", providers.NewSecret(secret), nil, nil)
	require.NoError(t, err)
	id, ok := tokens.User(sign(t, jwt.SigningMethodHS256, "", []byte(secret), userClaims(nil)))
	require.True(t, ok)
	require.Equal(t, userID, id)
	_, ok = tokens.User(sign(t, jwt.SigningMethodHS256, "", []byte(secret+"x"), userClaims(nil)))
	require.False(t, ok)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	_, ok = tokens.User(sign(t, jwt.SigningMethodES256, "one", key, userClaims(nil)))
	require.False(t, ok)
}

// While the project can't be reached, no token is valid. The first one after that finds the keys.
func TestAProjectThatIsAway(t *testing.T) {
	p := &project{}
	key := p.add(t, "one")
	away := true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		p.ServeHTTP(w, r)
	}))
	defer s.Close()
	failed := 0
	tokens, err := NewTokens(t.Context(), s.URL, providers.Secret{}, s.Client(), func(error) { failed++ })
	require.NoError(t, err)
	require.Equal(t, 1, failed)
	away = false
	_, ok := tokens.User(sign(t, jwt.SigningMethodES256, "one", key, userClaims(nil)))
	require.True(t, ok)
}
