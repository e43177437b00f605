package call

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// BaseURL is a setting: the address of a provider's API. It must be https, because credentials are sent there, or http to this
// machine, for tests and development.
type BaseURL string

// UnmarshalText checks the address and takes a final slash away.
func (b *BaseURL) UnmarshalText(text []byte) error {
	wanted := errors.New("want an address such as https://api.example.com, or http:// for this machine only")
	u, err := url.Parse(string(text))
	if err != nil || u.Hostname() == "" || u.User != nil || strings.ContainsAny(string(text), "?#") {
		return wanted
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
		return wanted
	}
	*b = BaseURL(strings.TrimSuffix(string(text), "/"))
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
