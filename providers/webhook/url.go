package webhook

import (
	"errors"
	"net/url"
	"regexp"
	"strings"

	"github.com/smshook/smshook/providers/call"
)

// URL is the address of a gateway, with placeholders in its path and its query.
type URL struct {
	origin      *url.URL // scheme and host
	path, query template
}

var urlParts = regexp.MustCompile(`^(https?://[^/?#{}@\\\s]+)(/[^?#]*)?(?:\?([^#]*))?$`)

// UnmarshalText checks the address. No placeholder may be before the path, because a message must not choose the
// host.
func (u *URL) UnmarshalText(text []byte) error {
	wanted := errors.New("want an address such as https://api.example.com/messages?to={{ .To }}, with placeholders behind the host only")
	found := urlParts.FindStringSubmatch(string(text))
	if found == nil {
		return wanted
	}
	origin, err := url.Parse(found[1])
	if err != nil || origin.Hostname() == "" || strings.HasSuffix(origin.Host, ":") {
		return wanted
	}
	if err := call.CheckHost(origin.Hostname(), origin.Scheme == "http"); err != nil {
		return err
	}
	parsed := URL{origin: origin}
	parsed.path, err = parseTemplate(found[2], inPath)
	if err != nil {
		return err
	}
	for _, literal := range parsed.path.literals() {
		if !pathText.MatchString(literal) {
			return wanted
		}
	}
	if found[3] != "" {
		if parsed.query, err = parseForm(found[3]); err != nil {
			return err
		}
	}
	*u = parsed
	return nil
}

func (u URL) fill(values map[string]string) string {
	filled := u.origin.String() + u.path.fill(values)
	if len(u.query.parts) > 0 {
		filled += "?" + u.query.fill(values)
	}
	return filled
}

func (u URL) has(names ...string) bool { return u.path.has(names...) || u.query.has(names...) }
