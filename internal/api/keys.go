package api

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// Keys are the callers that have a key, each by a name and by the SHA-256 of its key. They are not changed after they are made, and may be
// used concurrently.
type Keys []key

type key struct {
	name string
	sum  [sha256.Size]byte
}

var nameShape = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// UnmarshalText reads name:sha256-of-the-key, or several, joined by "|". A name may stand twice while a key is replaced.
func (k *Keys) UnmarshalText(text []byte) error {
	var keys Keys
	for i, entry := range strings.Split(string(text), "|") {
		name, sum, _ := strings.Cut(strings.TrimSpace(entry), ":")
		if !nameShape.MatchString(name) {
			return fmt.Errorf("key %d: want a name of a-z, 0-9, _ and -, then a colon", i+1)
		}
		raw, err := hex.DecodeString(sum)
		if err != nil || len(raw) != sha256.Size {
			return fmt.Errorf("key %d: want the SHA-256 of the key in 64 hex digits after the colon; smshook secret -api NAME makes both", i+1)
		}
		keys = append(keys, key{name, [sha256.Size]byte(raw)})
	}
	*k = keys
	return nil
}

// NewKey returns a key for a caller, and the entry of the setting that lets it in.
func NewKey(name string) (secret, entry string, err error) {
	if !nameShape.MatchString(name) {
		return "", "", errors.New("want a name of a-z, 0-9, _ and -, with 32 characters at most")
	}
	var random [32]byte
	rand.Read(random[:]) // crypto/rand never returns an error
	secret = "sk_" + base64.RawURLEncoding.EncodeToString(random[:])
	sum := sha256.Sum256([]byte(secret))
	return secret, name + ":" + hex.EncodeToString(sum[:]), nil
}

// Caller returns the name of the caller whose key it is. The time that it takes doesn't depend on the key.
func (k Keys) Caller(secret string) (name string, ok bool) {
	sum := sha256.Sum256([]byte(secret))
	for _, one := range k {
		if subtle.ConstantTimeCompare(one.sum[:], sum[:]) == 1 {
			name, ok = one.name, true
		}
	}
	return name, ok
}

// Bearer returns what stands after Bearer in the Authorization header. It is empty if nothing does.
func Bearer(header http.Header) string {
	scheme, secret, _ := strings.Cut(header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(secret)
}

// NoKey refuses a request without a key, or with one that is not known.
var NoKey = &Problem{Status: http.StatusUnauthorized, Code: Unauthorized, Message: "The Authorization header must be 'Bearer' and a valid key"}

// IdempotencyKey returns the Idempotency-Key of a request, which may be empty.
func IdempotencyKey(header http.Header) (string, *Problem) {
	values := header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 || !idempotencyKey.MatchString(values[0]) {
		return "", invalid("The Idempotency-Key header must be one, with 1 to 255 visible ASCII characters")
	}
	return values[0], nil
}

var idempotencyKey = regexp.MustCompile(`^[!-~]{1,255}$`)

// KeyInQuery refuses a key that stands in the address: addresses are logged by proxies.
var KeyInQuery = &Problem{Status: http.StatusUnauthorized, Code: Unauthorized, Message: "The key must stand in the Authorization header, never in the address; replace that key"}
