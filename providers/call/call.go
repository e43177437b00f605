package call

import (
	"cmp"
	"context"
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

// refusalWait is how long the body of a failure may take. The body says only why; the status says what to do.
const refusalWait = 500 * time.Millisecond

// Caller calls one provider with one set of credentials. It may be used concurrently.
type Caller struct {
	http    *http.Client
	secrets []providers.Secret
}

// New returns a Caller that masks the given secrets in all errors. It uses only the client's transport: it follows no redirects and
// keeps no cookies, and the deadline comes with each call.
func New(client *http.Client, secrets ...providers.Secret) *Caller {
	return &Caller{http: client, secrets: secrets}
}

// Do sends r for the message m, which may be empty, and returns the provider's answer with any status. An error is an
// [*providers.Error] without secrets:
//
//   - [providers.Temporary] if the request never left;
//   - [providers.Unknown] if it left and no answer came, or a success ended early.
//
// A failure that ends early is an answer, because the status says enough.
//
// Do repeats nothing. It never sends an Idempotency-Key header, because net/http would repeat a written request that has one.
func (c *Caller) Do(ctx context.Context, m providers.Message, r Request) (*Answer, error) {
	hide := scrubber{message: m, credentials: c.secrets, authorization: r.Header.Get("Authorization")}
	fail := func(kind providers.Kind, err error) (*Answer, error) {
		return nil, &providers.Error{Kind: kind, Err: hide.error(err)}
	}
	ctx, watched := Watch(ctx)
	watched.clear() // an earlier request of the same attempt may have been written
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, strings.NewReader(r.Body))
	if err = cmp.Or(r.err, err); err != nil {
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

	if resp.StatusCode < 200 { // a switch of protocols, after which ctx no longer ends the connection
		return fail(providers.Unknown, fmt.Errorf("answer %d is no answer", resp.StatusCode))
	}
	answer := &Answer{Status: resp.StatusCode, hide: hide}
	if !answer.OK() { // the status is enough: don't wait long for the body
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

// Ask sends r as Do does. A success is decoded into v, unless v is nil. If the answer is no success, the error is what refused
// returns.
func (c *Caller) Ask(ctx context.Context, m providers.Message, r Request, v any, refused func(*Answer) error) (*Answer, error) {
	answer, err := c.Do(ctx, m, r)
	if err != nil {
		return nil, err
	}
	if !answer.OK() {
		return nil, refused(answer)
	}
	if v == nil {
		return answer, nil
	}
	return answer, answer.Decode(v)
}

// bare returns an error of net/http without its URL, which holds a key at some providers.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
