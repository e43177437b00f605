package api

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"

	"github.com/smshook/smshook/providers"
)

// Tokens recognises the access tokens of a Supabase project's users. It may be used concurrently.
// https://supabase.com/docs/guides/auth/jwts
type Tokens struct {
	published jwt.Keyfunc // by the address of the project's public keys; nil without one
	secret    providers.Secret
	parser    *jwt.Parser
}

const (
	// keysTime is how long the project may take to answer with its keys.
	keysTime = 5 * time.Second
	// keysEvery is how often the keys are read again. Supabase's own addresses keep an answer for 10 minutes, and a new key waits for longer
	// than that before it signs: https://supabase.com/docs/guides/auth/signing-keys
	keysEvery = 10 * time.Minute
	// unknownEvery is how often a token with an unknown key has the keys read again. Anybody can make such a token.
	unknownEvery = time.Minute
)

// NewTokens reads the keys of a project at an address, now and every ten minutes until ctx ends, and tells failed when it can't. Projects
// with a shared secret have no such address: they sign by HS256. One of the two must be given.
func NewTokens(ctx context.Context, address string, secret providers.Secret, client *http.Client, failed func(error)) (*Tokens, error) {
	t := &Tokens{secret: secret}
	methods := []string{}
	if !secret.Empty() {
		methods = append(methods, jwt.SigningMethodHS256.Alg())
	}
	if address != "" {
		keys, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{address}, keyfunc.Override{
			Client:            client,
			HTTPTimeout:       keysTime,
			RateLimitWaitMax:  100 * time.Millisecond, // a request that would wait for longer is refused at once
			RefreshInterval:   keysEvery,
			RefreshUnknownKID: rate.NewLimiter(rate.Every(unknownEvery), 1),
			RefreshErrorHandlerFunc: func(string) func(context.Context, error) {
				return func(_ context.Context, err error) { failed(err) }
			},
		})
		if err != nil {
			return nil, err
		}
		t.published = keys.Keyfunc
		methods = append(methods, jwt.SigningMethodES256.Alg(), jwt.SigningMethodRS256.Alg(), jwt.SigningMethodEdDSA.Alg())
	}
	t.parser = jwt.NewParser(jwt.WithValidMethods(methods), jwt.WithAudience("authenticated"), jwt.WithExpirationRequired(), jwt.WithLeeway(clocks))
	return t, nil
}

// With returns Tokens with another shared secret, and the same published keys. Both or neither must have a secret.
func (t *Tokens) With(secret providers.Secret) *Tokens {
	return &Tokens{published: t.published, secret: secret, parser: t.parser}
}

// clocks is how much the clocks of Auth and of this machine may differ.
const clocks = 10 * time.Second

// claims are the parts of an access token that count: https://supabase.com/docs/guides/auth/jwt-fields
type claims struct {
	jwt.RegisteredClaims
	Role      string `json:"role"`
	Anonymous bool   `json:"is_anonymous"`
}

var userShape = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// User returns the ID of the user whose access token it is. It is false for a token that is not valid now, and for that of an anonymous
// user: everybody can have one.
func (t *Tokens) User(token string) (id string, ok bool) {
	var c claims
	if _, err := t.parser.ParseWithClaims(token, &c, t.key); err != nil {
		return "", false
	}
	if c.Role != "authenticated" || c.Anonymous || !userShape.MatchString(c.Subject) {
		return "", false
	}
	return c.Subject, true
}

var errNoKey = errors.New("no key")

// key returns the key that a token must be signed with. A public key is never taken for a shared secret: the token doesn't choose which of the
// two it is.
func (t *Tokens) key(token *jwt.Token) (any, error) {
	if token.Method == jwt.SigningMethodHS256 {
		return []byte(t.secret.Reveal()), nil
	}
	if t.published == nil {
		return nil, errNoKey
	}
	return t.published(token)
}
