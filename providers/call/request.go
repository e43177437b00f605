package call

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/smshook/smshook/providers"
)

// Request is what to send. The fields other than Method and URL may be empty.
type Request struct {
	Method string
	URL    string
	Header http.Header
	Body   string

	err error // why the body can't be made; Do returns it
}

// Get returns a GET.
func Get(url string) Request { return Request{Method: http.MethodGet, URL: url} }

// JSON returns a POST of a value as JSON.
func JSON(url string, value any) Request {
	body, err := json.Marshal(value)
	if err != nil {
		err = errors.New("the body can't be written as JSON") // the parser's own text may quote it
	}
	return Request{Method: http.MethodPost, URL: url, Body: string(body), err: err}.With("Content-Type", "application/json")
}

// Form returns a POST of a form.
func Form(url string, f *Fields) Request {
	return Request{Method: http.MethodPost, URL: url, Body: f.encoded.String()}.With("Content-Type", "application/x-www-form-urlencoded")
}

// Fields are those of a form, in the order in which they are added.
type Fields struct{ encoded strings.Builder }

// Add adds a field.
func (f *Fields) Add(name, value string) {
	if f.encoded.Len() == 0 {
		f.encoded.Grow(512)
	} else {
		f.encoded.WriteByte('&')
	}
	f.encoded.WriteString(url.QueryEscape(name))
	f.encoded.WriteByte('=')
	f.encoded.WriteString(url.QueryEscape(value))
}

// With returns the request with a header.
func (r Request) With(header, value string) Request {
	r.Header = maps.Clone(r.Header)
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set(header, value)
	return r
}

// BasicAuth returns the request with HTTP Basic credentials.
func (r Request) BasicAuth(user string, password providers.Secret) Request {
	return r.With("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+password.Reveal())))
}

// Bearer returns the request with a bearer token.
func (r Request) Bearer(token providers.Secret) Request {
	return r.With("Authorization", "Bearer "+token.Reveal())
}
