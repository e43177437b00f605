package config

import (
	"errors"
	"net/url"
	"strings"

	"github.com/smshook/smshook/providers"
)

// URL is the address of a page in a browser. The zero value is none.
type URL struct{ address *url.URL }

// UnmarshalText reads a setting.
func (u *URL) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "" {
		return errors.New("want an address such as https://ops.example.com/smshook")
	}
	if parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "" || strings.ContainsAny(string(text), "?#") {
		return errors.New("want an address without user, query or fragment")
	}
	u.address = parsed
	return nil
}

// Address returns the address, or nil if there is none. It must not be changed.
func (u URL) Address() *url.URL { return u.address }

// minPassword is the least length of a password: an attacker has five tries a minute.
const minPassword = 12

// adminProblems are those of the settings for the operator's own address.
func (c Config) adminProblems() (problems []error) {
	for _, s := range []struct {
		name  string
		value providers.Secret
	}{{"ADMIN_PASSWORD", c.AdminPassword}, {"METRICS_TOKEN", c.MetricsToken}} {
		switch {
		case s.value.Empty():
		case c.AdminAddr == "":
			problems = append(problems, providers.Problem{Setting: s.name, Want: "is set, and " + Prefix + "ADMIN_ADDR is missing"})
		case len(s.value.Reveal()) < minPassword:
			problems = append(problems, providers.Problem{Setting: s.name, Want: "want 12 characters or more; smshook secret makes a long one"})
		}
	}
	if c.AdminURL != (URL{}) && c.AdminAddr == "" {
		problems = append(problems, providers.Problem{Setting: "ADMIN_URL", Want: "is set, and " + Prefix + "ADMIN_ADDR is missing"})
	}
	return problems
}
