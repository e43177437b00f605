package call

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/smshook/smshook/providers"
)

// MaxAnswer is how many bytes of an answer are read. Providers answer in one or two KiB.
const MaxAnswer = 64 << 10

// refusalWait is how long the body of a failure may take: it tells why, while the status tells what to do.
const refusalWait = 500 * time.Millisecond

// Caller calls one provider with one set of credentials. It may be used concurrently.
type Caller struct {
	http    *http.Client
	secrets []providers.Secret
}

// New returns a Caller that hides the given secrets from all it reports. Of the client it uses the
// transport alone: it neither follows redirects nor keeps cookies, and its time comes with each call.
func New(client *http.Client, secrets ...providers.Secret) *Caller {
	return &Caller{http: client, secrets: secrets}
}

// Request is what to send. The fields other than Method and URL may be empty.
type Request struct {
	Method string
	URL    string
	Header http.Header
	Body   string
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

// Form returns a POST of a form.
func Form(url string, f *Fields) Request {
	return Request{
		Method: http.MethodPost,
		URL:    url,
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
		Body:   f.encoded.String(),
	}
}

// Get returns a GET.
func Get(url string) Request {
	return Request{Method: http.MethodGet, URL: url}
}

// BasicAuth adds HTTP Basic credentials.
func (r Request) BasicAuth(user string, password providers.Secret) Request {
	r.Header = maps.Clone(r.Header)
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+password.Reveal())))
	return r
}

// Do sends r for the message m, which may be empty, and returns the provider's answer, whatever its status: the caller
// judges it. An error is an [*providers.Error], final and safe to log:
//
//   - [providers.Temporary] if the request never left;
//   - [providers.Unknown] if it left and no answer came, or a success came that can't be read to its end.
//
// A failure that breaks off behind its status is an answer: the status says enough.
//
// Do repeats nothing. No Idempotency-Key header is ever sent: net/http would repeat written requests because of it.
func (c *Caller) Do(ctx context.Context, m providers.Message, r Request) (*Answer, error) {
	hide := scrubber{message: m, credentials: c.secrets, authorization: r.Header.Get("Authorization")}
	fail := func(kind providers.Kind, err error) (*Answer, error) {
		return nil, &providers.Error{Kind: kind, Err: hide.error(err)}
	}
	ctx, watched := Watch(ctx)
	watched.written.Store(false) // whatever the attempt has asked for before
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, strings.NewReader(r.Body))
	if err != nil {
		return fail(providers.Account, fmt.Errorf("making the request: %w", bare(err)))
	}
	maps.Copy(req.Header, r.Header)
	req.Header.Set("User-Agent", "smshook")

	resp, err := c.http.Transport.RoundTrip(req)
	if err != nil {
		if watched.Written() {
			return fail(providers.Unknown, fmt.Errorf("no answer: %w", bare(err)))
		}
		return fail(providers.Temporary, fmt.Errorf("not reached: %w", bare(err)))
	}
	defer resp.Body.Close()

	if resp.StatusCode < 200 { // it wants another protocol on a connection that ctx has then no hold of
		return fail(providers.Unknown, fmt.Errorf("answer %d is no answer", resp.StatusCode))
	}
	answer := &Answer{Status: resp.StatusCode, hide: hide}
	if !answer.OK() { // the status decides; what the body adds isn't worth a long wait
		defer time.AfterFunc(refusalWait, func() { resp.Body.Close() }).Stop()
	}
	answer.Body, err = io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
	if answer.OK() && err != nil {
		return fail(providers.Unknown, fmt.Errorf("answer %d broken off: %w", resp.StatusCode, bare(err)))
	}
	if answer.OK() && len(answer.Body) > MaxAnswer {
		return fail(providers.Unknown, fmt.Errorf("answer %d is over %d bytes", resp.StatusCode, MaxAnswer))
	}
	return answer, nil
}

// bare takes the URL out of an error of net/http: some providers want their key in it.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Answer is what a provider said.
type Answer struct {
	Status int
	Body   []byte // whole if OK; of a failure, as much as came, and at most MaxAnswer+1 bytes

	hide scrubber
}

// OK reports whether the status is a success. The body may still say otherwise.
func (a *Answer) OK() bool { return a.Status/100 == 2 }

// Decode reads the body, which must be JSON, into v. Of a failed answer, what can't be read is left empty: the status says
// enough. Of a success, it is an error of Kind [providers.Unknown], since the message may have been sent.
func (a *Answer) Decode(v any) error {
	err := json.Unmarshal(bytes.TrimPrefix(a.Body, []byte("\xef\xbb\xbf")), v) // some write a byte order mark
	if err == nil || !a.OK() {
		return nil
	}
	// The parser's own text quotes what it found.
	return a.Fail(providers.Unknown, "", "the answer is not the JSON it should be")
}

// Echoes reports whether a text of the answer holds the number, the code, the text or a credential. A message's name that
// does must not be passed on: names are logged.
func (a *Answer) Echoes(text string) bool { return a.hide.echoes(text) }

// Fail returns the error of an answer that is a failure of the given kind, with the provider's own code and text.
func (a *Answer) Fail(kind providers.Kind, code, text string) error {
	err := fmt.Errorf("answer %d", a.Status)
	if text != "" {
		err = fmt.Errorf("answer %d: %s", a.Status, text)
	}
	return &providers.Error{Kind: kind, Code: a.hide.clean(code), Err: a.hide.error(err)}
}

// Refuse returns the error of a refused message: of the Kind that codes has for the provider's code, else of the Kind that
// goes with the status. A refusal inside a success is [providers.Rejected].
func (a *Answer) Refuse(codes providers.Codes, code, text string) error {
	kind, known := codes[code]
	if !known {
		kind = KindOf(a.Status)
	}
	return a.Fail(kind, code, text)
}

// KindOf returns the Kind of a refusal whose code nobody knows, by its HTTP status.
func KindOf(status int) providers.Kind {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusPaymentRequired, status == http.StatusForbidden:
		return providers.Account
	case status/100 == 3: // the address is wrong, and is not followed
		return providers.Account
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status/100 == 5:
		return providers.Temporary
	default:
		return providers.Rejected
	}
}
