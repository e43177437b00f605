package hook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/smshook/smshook/providers"
)

// Secrets are the keys that Auth signs with: any of them may have signed a call.
type Secrets []secret

type secret struct {
	webhook *standardwebhooks.Webhook
	text    providers.Secret // the key, in Base64
	until   time.Time        // when it is no longer taken; zero if that isn't known
}

// The least and the greatest length of a key in bytes: those of Auth's own ^v1,whsec_[A-Za-z0-9+/=]{32,88}$. The library takes any,
// even an empty one, which anybody could sign with.
const (
	minKey = 22
	maxKey = 66
)

// tolerance is how long a signature is valid: the library's own time.
const tolerance = 5 * time.Minute

// NewSecret returns the text of one new secret, from 32 random bytes.
func NewSecret() string {
	var key [32]byte
	rand.Read(key[:]) // it never fails
	return "v1,whsec_" + base64.StdEncoding.EncodeToString(key[:])
}

// UnmarshalText reads the text of Auth's own setting: "v1,whsec_…", several joined by "|".
func (s *Secrets) UnmarshalText(text []byte) error {
	var secrets Secrets
	for i, entry := range strings.Split(string(text), "|") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue // Auth skips these too
		}
		one, err := parseSecret(entry)
		if err != nil {
			return fmt.Errorf("secret %d: %w", i+1, err)
		}
		secrets = append(secrets, one)
	}
	if len(secrets) == 0 {
		return errors.New("want v1,whsec_… as in Auth's own setting")
	}
	*s = secrets
	return nil
}

func parseSecret(entry string) (secret, error) {
	if strings.HasPrefix(entry, "v1a,") {
		return secret{}, errors.New("is asymmetric (v1a), which Auth can't sign with; want v1,whsec_…")
	}
	text, ok := strings.CutPrefix(entry, "v1,whsec_")
	if !ok {
		return secret{}, errors.New("want v1,whsec_… as in Auth's own setting")
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // which Go passes over, and Auth doesn't
		return secret{}, errors.New("what follows whsec_ is not base64, or is cut off")
	}
	if len(key) < minKey || len(key) > maxKey {
		return secret{}, fmt.Errorf("the key has %d bytes, want %d to %d", len(key), minKey, maxKey)
	}
	webhook, err := standardwebhooks.NewWebhookRaw(key)
	return secret{webhook: webhook, text: providers.NewSecret(text)}, err
}

// Keys returns the secrets as texts, for something else to be derived from them.
func (s Secrets) Keys() []providers.Secret {
	keys := make([]providers.Secret, len(s))
	for i, one := range s {
		keys[i] = one.text
	}
	return keys
}

func (s secret) key() []byte {
	key, _ := base64.StdEncoding.DecodeString(s.text.Reveal()) // it was decoded before
	return key
}

// The headers as net/http keeps them. By the library's names, each look at one would make a new text.
var (
	idHeader        = http.CanonicalHeaderKey(standardwebhooks.HeaderWebhookID)
	timestampHeader = http.CanonicalHeaderKey(standardwebhooks.HeaderWebhookTimestamp)
	signatureHeader = http.CanonicalHeaderKey(standardwebhooks.HeaderWebhookSignature)
)

// Signed returns nil if a call has the headers of a signature, whatever is in them, and otherwise what is wrong, in words that
// are safe to log. The body of one that hasn't needs no reading.
func Signed(header http.Header) error {
	id, signature := header.Get(idHeader), header.Get(signatureHeader)
	switch {
	case id != "" && signature == "":
		return errors.New("the signature is empty: Auth has no secret for this hook")
	case id == "" || signature == "" || header.Get(timestampHeader) == "":
		return errors.New("a webhook-id, webhook-timestamp or webhook-signature header is missing: Auth signs its calls, and smshook sign signs one for a test")
	}
	return nil
}

var (
	errSeconds = errors.New("webhook-timestamp is not a number of seconds")
	errOff     = errors.New("webhook-timestamp is more than five minutes off: an old call, or one of the clocks is wrong")
	errNoMatch = errors.New("the signature matches none of our secrets")
)

// Verify returns nil if one of the secrets signed the body within five minutes of now, and otherwise what is wrong, in
// words that are safe to log. It reads the raw body: another JSON of the same meaning has another signature.
//
// With several secrets Auth sends one header "v1,A=, v1,B=", of which any pairing with ours will do.
//
// It does what the library does, which signs here: that would copy the body three times for each secret, and strangers send long
// ones. https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme
func (s Secrets) Verify(header http.Header, body []byte) error {
	if err := Signed(header); err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(header.Get(timestampHeader), 10, 64)
	if err != nil {
		return errSeconds
	}
	now, at := time.Now(), time.Unix(seconds, 0)
	if now.Sub(at) > tolerance || at.After(now.Add(tolerance)) {
		return errOff
	}
	given := signatures(header.Get(signatureHeader))
	signed := fmt.Appendf(nil, "%s.%d.", header.Get(idHeader), seconds)
	verified := false
	for _, one := range s { // all of them: the time taken must not tell which one it was
		if !one.over(now) && one.signed(given, signed, body) {
			verified = true
		}
	}
	if !verified {
		return errNoMatch
	}
	return nil
}

// signatures returns those of version 1 that a header has. Between them stands a space, or what Auth writes, a comma and a space.
func signatures(header string) []string {
	var list []string
	for _, one := range strings.Split(header, " ") {
		if parts := strings.Split(one, ","); len(parts) > 1 && parts[0] == "v1" {
			list = append(list, parts[1])
		}
	}
	return list
}

// signed reports whether one of the signatures is the secret's.
func (s secret) signed(signatures []string, parts ...[]byte) bool {
	mac := hmac.New(sha256.New, s.key())
	for _, part := range parts {
		mac.Write(part)
	}
	want := []byte(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	found := false
	for _, signature := range signatures {
		if hmac.Equal([]byte(signature), want) {
			found = true
		}
	}
	return found
}

// Sign adds to header what Auth would: an id, the time and a signature for each secret.
func (s Secrets) Sign(header http.Header, id string, at time.Time, body []byte) {
	signatures := make([]string, 0, len(s))
	for _, one := range s {
		signature, _ := one.webhook.Sign(id, at, body) // it has no way to fail
		signatures = append(signatures, signature)
	}
	header.Set(idHeader, id)
	header.Set(timestampHeader, strconv.FormatInt(at.Unix(), 10))
	header.Set(signatureHeader, strings.Join(signatures, ", "))
}
