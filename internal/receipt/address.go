// Package receipt makes the addresses to which providers send delivery receipts: one for each instance, with a secret token in its path.
// Several providers don't sign their receipts, and then the token is the only proof.
package receipt

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/smshook/smshook/providers"
)

// Path is the start of the path of receipts. The instance's name and its token follow.
const Path = "/receipts/"

// Site is the public address of smshook, such as https://sms.example.com. It has a path if a proxy adds one before ours.
type Site struct{ base string }

// UnmarshalText reads a setting.
func (s *Site) UnmarshalText(text []byte) error {
	u, err := url.Parse(strings.TrimRight(string(text), "/"))
	switch {
	case err != nil, u.Scheme != "https", u.Hostname() == "":
		return errors.New("want an address such as https://sms.example.com")
	case u.User != nil, u.RawQuery != "", u.Fragment != "", strings.ContainsAny(string(text), "?#"):
		return errors.New("want an address without user, query or fragment")
	case strings.Contains(u.Host, "_"): // https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
		return errors.New("want a host without _: providers refuse it")
	case strings.ContainsFunc(u.Host, isForeign): // providers convert such a host, and sign the result
		return errors.New("want a host in ASCII: xn--…")
	case isLocal(u.Hostname()):
		return errors.New("want an address that providers can reach from outside")
	}
	s.base = u.String()
	return nil
}

func isForeign(r rune) bool { return r > unicode.MaxASCII }

func isLocal(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip.IsLoopback() || ip.IsUnspecified()
}

// Secrets make the tokens. Providers get tokens by the first secret. Tokens by the others are still valid: providers still know addresses
// from before a secret was changed.
type Secrets []providers.Secret

// minSecret is the minimum length of a secret: 128 bits are 22 characters in Base64.
const minSecret = 22

// UnmarshalText reads one secret, or several, joined by "|".
func (s *Secrets) UnmarshalText(text []byte) error {
	var secrets Secrets
	for i, secret := range strings.Split(string(text), "|") {
		secret = strings.TrimSpace(secret)
		if len(secret) < minSecret {
			return fmt.Errorf("secret %d: has %d characters, want %d or more; smshook secret makes one", i+1, len(secret), minSecret)
		}
		secrets = append(secrets, providers.NewSecret(secret))
	}
	*s = secrets
	return nil
}

// Addresses are the addresses of all instances. The zero value has none: receipts are off. It is not changed after it is made, and may be
// used concurrently.
type Addresses struct {
	site     Site
	secrets  Secrets
	replaced []replaced // the newest first
}

// NewAddresses returns the addresses at a site. Without a site or without secrets, receipts are off.
func NewAddresses(site Site, secrets Secrets) Addresses {
	if site.base == "" || len(secrets) == 0 {
		return Addresses{}
	}
	return Addresses{site: site, secrets: secrets}
}

// On reports whether receipts are on.
func (a Addresses) On() bool { return len(a.secrets) > 0 }

// Of returns the address of an instance. It is empty if receipts are off.
func (a Addresses) Of(instance string) providers.Callback {
	if !a.On() {
		return providers.Callback{}
	}
	return providers.NewCallback(a.whole(instance, token(a.secrets[0], instance)))
}

// Called returns the whole address that a provider has called, and reports whether the token is valid for the instance. The host is the
// configured one, not the one in the request: providers sign the address that they were given.
func (a Addresses) Called(instance, given, query string) (address string, ok bool) {
	for _, secret := range a.secrets { // all of them: the time must not depend on which one matches
		if hmac.Equal([]byte(token(secret, instance)), []byte(given)) {
			ok = true
		}
	}
	now := time.Now()
	for _, old := range a.replaced {
		if hmac.Equal([]byte(token(old.secret, instance)), []byte(given)) && !now.After(old.until) {
			ok = true
		}
	}
	address = a.whole(instance, given)
	if query != "" {
		address += "?" + query
	}
	return address, ok
}

func (a Addresses) whole(instance, token string) string {
	return a.site.base + Path + instance + "/" + token
}

// token is half of an HMAC: 128 bits can't be guessed, and providers limit the length of an address.
func token(secret providers.Secret, instance string) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte("receipts of " + instance))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}
