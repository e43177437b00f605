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

// Secrets are the keys that Auth signs with. A call is valid if any of them has signed it. They are not changed after they are made, and
// may be used concurrently.
type Secrets []secret

type secret struct {
	webhook *standardwebhooks.Webhook
	text    providers.Secret // the key, in Base64
	until   time.Time        // when it expires; zero if it isn't replaced
	bar     bool             // it is the last one, and "|" follows it
}

// The length of a key in bytes, by Auth's own ^v1,whsec_[A-Za-z0-9+/=]{32,88}$. The library accepts any key, even an empty one.
const (
	minKey = 22
	maxKey = 66
)

// tolerance is how long a signature is valid, as in the library.
const tolerance = 5 * time.Minute

// NewSecret returns the text of a new secret of 32 random bytes.
func NewSecret() string {
	var key [32]byte
	rand.Read(key[:]) // crypto/rand never returns an error
	return "v1,whsec_" + base64.StdEncoding.EncodeToString(key[:])
}

// UnmarshalText reads the value of Auth's own setting: "v1,whsec_…", or several, joined by "|".
func (s *Secrets) UnmarshalText(text []byte) error {
	var secrets Secrets
	entries := strings.Split(string(text), "|")
	for i, entry := range entries {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue // Auth skips empty ones too
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
	secrets[len(secrets)-1].bar = strings.TrimSpace(entries[len(entries)-1]) == ""
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
	if err != nil || strings.ContainsAny(text, "\r\n") { // Go ignores these, Auth doesn't
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
	key, _ := base64.StdEncoding.DecodeString(s.text.Reveal()) // parseSecret has decoded it before
	return key
}

// The headers in net/http's own spelling: any other makes Header.Get allocate.
var (
	idHeader        = http.CanonicalHeaderKey(standardwebhooks.HeaderWebhookID)
	timestampHeader = http.CanonicalHeaderKey(standardwebhooks.HeaderWebhookTimestamp)
	signatureHeader = http.CanonicalHeaderKey(standardwebhooks.HeaderWebhookSignature)
)

// Signed returns an error if a call lacks a header of the signature. It doesn't check the signature. The error is safe to log. If there is
// one, the body needn't be read.
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

// Verify returns nil if one of the secrets has signed the body within five minutes of now. The error is safe to log. The body must be
// as received: the same JSON written differently has another signature.
//
// With several secrets, Auth sends one header "v1,A=, v1,B=". It is enough if one of these matches one of ours.
//
// The library could verify too. It copies the body three times for each secret, and an attacker can send large bodies.
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme
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
	for _, one := range s { // all of them: the time must not depend on which one matches
		if !one.expired(now) && one.signed(given, signed, body) {
			verified = true
		}
	}
	if !verified {
		return errNoMatch
	}
	return nil
}

// signatures returns the signatures of version 1 in a header. They are separated by a space, or, as Auth does, by a comma and a space.
func signatures(header string) []string {
	var list []string
	for _, one := range strings.Split(header, " ") {
		if parts := strings.Split(one, ","); len(parts) > 1 && parts[0] == "v1" {
			list = append(list, parts[1])
		}
	}
	return list
}

// signed reports whether one of the signatures is by this secret.
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

// Sign adds Auth's headers: an id, the time, and a signature by each secret.
func (s Secrets) Sign(header http.Header, id string, at time.Time, body []byte) {
	signatures := make([]string, 0, len(s))
	for _, one := range s {
		signature, _ := one.webhook.Sign(id, at, body) // the error is always nil
		signatures = append(signatures, signature)
	}
	header.Set(idHeader, id)
	header.Set(timestampHeader, strconv.FormatInt(at.Unix(), 10))
	header.Set(signatureHeader, strings.Join(signatures, ", "))
}
