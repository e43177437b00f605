// Package receipt knows where providers report what becomes of messages: an address for each instance, whose path proves who
// calls it. Several providers sign nothing else.
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
	"unicode"

	"github.com/smshook/smshook/providers"
)

// Path is where receipts come in. The instance and its token follow.
const Path = "/receipts/"

// Site is where providers reach us from outside, such as https://sms.example.com, with a path if a proxy puts one before ours.
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
	case strings.ContainsFunc(u.Host, isForeign): // what providers make of it isn't what we would check a signature with
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

// Secrets make the tokens. The first one makes those that providers are given; the others are still taken, so that a secret can
// be changed while providers know addresses of the old one.
type Secrets []providers.Secret

// minSecret is the least length of a secret: the 22 characters that 128 bits take in Base64.
const minSecret = 22

// UnmarshalText reads one secret, or several joined by a vertical bar.
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

// Addresses are those of all instances. The zero value has none: receipts are off.
type Addresses struct {
	site    Site
	secrets Secrets
}

// NewAddresses returns the addresses at a site. Without a site or secrets there are none.
func NewAddresses(site Site, secrets Secrets) Addresses {
	if site.base == "" || len(secrets) == 0 {
		return Addresses{}
	}
	return Addresses{site, secrets}
}

// On reports whether there are any.
func (a Addresses) On() bool { return len(a.secrets) > 0 }

// Of returns the address of an instance, for its provider to call.
func (a Addresses) Of(instance string) providers.Callback {
	if !a.On() {
		return providers.Callback{}
	}
	return providers.NewCallback(a.whole(instance, token(a.secrets[0], instance)))
}

// Called returns the whole address that a provider has called, and reports whether its token is the instance's. Nothing of it
// is taken from what the caller says of itself, such as the Host header.
func (a Addresses) Called(instance, given, query string) (address string, ok bool) {
	for _, secret := range a.secrets { // all of them: the time taken must not tell which one it was
		if hmac.Equal([]byte(token(secret, instance)), []byte(given)) {
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

// token takes half of an HMAC: 128 bits are not guessed, and providers bound the length of an address.
func token(secret providers.Secret, instance string) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte("receipts of " + instance))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}
