package api

import (
	"errors"
	"net/url"

	"github.com/smshook/smshook/providers/call"
)

// Address is an address that the operator lets us call. It may hold a token, and is not printed.
type Address struct{ target *url.URL }

// UnmarshalText reads an address. What must not be called is that of [call.CheckHost]. The error doesn't quote the address.
func (a *Address) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return errors.New("want an address such as https://example.com/path, without a name and password")
	}
	if err := call.CheckHost(u.Hostname(), u.Scheme == "http"); err != nil {
		return err
	}
	*a = Address{u}
	return nil
}

// Given reports whether there is an address.
func (a Address) Given() bool { return a.target != nil }

// String hides the address.
func (a Address) String() string {
	if !a.Given() {
		return ""
	}
	return "[address]"
}

// URL returns the address.
func (a Address) URL() *url.URL { return a.target }
