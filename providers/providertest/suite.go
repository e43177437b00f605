package providertest

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// Open makes a Provider that calls base instead of the provider.
type Open func(base call.BaseURL, d providers.Deps) (providers.Provider, error)

// Provider is what the suite needs to know about a provider. Fields are required unless they are said to be optional.
type Provider struct {
	Open    Open
	Secrets []string // the credentials that Open gives to the Provider
	Codes   providers.Codes

	Accepted Answer         // accepts a message
	Sent     providers.Sent // what Send returns then

	// Refused returns the answer with which the provider refuses a message, by a code and a text. Either may be empty. The
	// status must not say more than the code.
	Refused func(code, text string) Answer

	Checked Answer // satisfies Check; optional unless the Provider is a Checker

	// Requests are sent one by one to a provider that accepts. Each whole request is compared with testdata/requests/NAME.txt,
	// and the request of Check with check.txt.
	Requests []Case

	// Dir is the folder below testdata/requests for a provider that runs the suite more than once; optional.
	Dir string
	// Stable checks what differs between requests, such as a signature, and replaces it by something constant; optional.
	Stable func(testing.TB, Request) Request
}

// Case is one request to be compared.
type Case struct {
	Name    string
	Open    Open
	Message providers.Message
}

// Run tests that a provider keeps the contract of [providers.Provider].
func Run(t *testing.T, c Provider) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Provider)
	}{
		{"the whole request", wholeRequest},
		{"accepted", accepted},
		{"counts of segments", segmentCounts},
		{"every status", everyStatus},
		{"every code", everyCode},
		{"no answer", noAnswer},
		{"never reached", neverReached},
		{"an answer that can't be read", unreadable},
		{"the end of the context", endOfContext},
		{"a context that is over", contextOver},
		{"echoes", echoes},
		{"echoes where a name should be", echoedNames},
		{"concurrent use", concurrentUse},
		{"check", check},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, c) })
	}
}

func (c Provider) open(t *testing.T, f *Fake) providers.Provider {
	t.Helper()
	return open(t, c.Open, f.Base, f.Client())
}

func open(t *testing.T, open Open, base call.BaseURL, client *http.Client) providers.Provider {
	t.Helper()
	p, err := open(base, providers.Deps{HTTP: client})
	require.NoError(t, err)
	return p
}

// failure sends the message, which must fail, checks that the error has no secrets, and returns it.
func (c Provider) failure(t *testing.T, p providers.Provider) *providers.Error {
	t.Helper()
	sent, err := p.Send(t.Context(), Message())
	require.Equal(t, providers.Sent{}, sent)
	return c.clean(t, err)
}

func (c Provider) clean(t *testing.T, err error) *providers.Error {
	t.Helper()
	require.Error(t, err)
	AssertClean(t, err.Error(), c.Secrets...)
	AssertClean(t, fmt.Sprintf("%+v %#v", err, err), c.Secrets...)
	var failed *providers.Error
	require.ErrorAs(t, err, &failed)
	return failed
}

func wholeRequest(t *testing.T, c Provider) {
	for _, test := range c.Requests {
		t.Run(test.Name, func(t *testing.T) {
			f := NewFake(t, c.Accepted)
			_, err := open(t, test.Open, f.Base, f.Client()).Send(t.Context(), test.Message)
			require.NoError(t, err)
			requests := f.Requests()
			require.Len(t, requests, 1)
			require.Empty(t, repeating(requests[0]), "net/http repeats a request with such a header")
			c.golden(t, test.Name, requests[0])
		})
	}
}

func (c Provider) golden(t *testing.T, name string, r Request) {
	t.Helper()
	if c.Stable != nil {
		r = c.Stable(t, r)
	}
	Golden(t, filepath.Join("testdata", "requests", c.Dir, name+".txt"), r.String())
}

func repeating(r Request) string {
	return r.Header.Get("Idempotency-Key") + r.Header.Get("X-Idempotency-Key")
}

func accepted(t *testing.T, c Provider) {
	f := NewFake(t, c.Accepted)
	sent, err := c.open(t, f).Send(t.Context(), Message())
	require.NoError(t, err)
	require.Equal(t, c.Sent, sent)
}

// The status decides if the body has no known code. A redirect leads to an address that accepts everything.
func everyStatus(t *testing.T, c Provider) {
	f := NewPipeFake(t)
	p := c.open(t, f)
	bodies := []string{"", "{}", "<html>Sorry</html>", c.Refused("no-such-code", "").Body}
	for status := 300; status <= 599; status++ {
		for _, body := range bodies {
			f.Answer(Answer{Status: status, Body: body, Header: http.Header{"Location": {"/elsewhere"}}}, c.Accepted)
			failed := c.failure(t, p)
			require.Equal(t, call.KindOf(status), failed.Kind, "status %d with the body %q", status, body)
			require.Len(t, f.Requests(), 1, "status %d must be neither followed nor repeated", status)
		}
	}
}

func everyCode(t *testing.T, c Provider) {
	f := NewPipeFake(t)
	p := c.open(t, f)
	for code, kind := range c.Codes {
		f.Answer(c.Refused(code, "a reason"))
		failed := c.failure(t, p)
		require.Equal(t, kind, failed.Kind, "code %s", code)
		require.Equal(t, code, failed.Code)
		require.Contains(t, failed.Error(), "a reason")
		require.Len(t, f.Requests(), 1, "code %s", code)
	}
}

func noAnswer(t *testing.T, c Provider) {
	for _, test := range []struct {
		name  string
		fault Fault
	}{
		{"closed", Close},
		{"reset", Reset},
	} {
		t.Run(test.name, func(t *testing.T) {
			// The second request uses the connection of the first. net/http treats such a request differently.
			f := NewFake(t, Answer{Fault: test.fault}, c.Accepted, Answer{Fault: test.fault})
			p := c.open(t, f)
			require.Equal(t, providers.Unknown, c.failure(t, p).Kind)
			_, err := p.Send(t.Context(), Message())
			require.NoError(t, err)
			require.Equal(t, providers.Unknown, c.failure(t, p).Kind)
			require.Len(t, f.Requests(), 3, "a request that was written is not repeated")
		})
	}
}

func neverReached(t *testing.T, c Provider) {
	t.Run("refused", func(t *testing.T) {
		p := open(t, c.Open, Refusing(t), NewFake(t).Client())
		require.Equal(t, providers.Temporary, c.failure(t, p).Kind)
	})
	t.Run("TLS", func(t *testing.T) {
		f := NewUntrustedFake(t)
		require.Equal(t, providers.Temporary, c.failure(t, c.open(t, f)).Kind)
		require.Empty(t, f.Requests())
	})
}

func unreadable(t *testing.T, c Provider) {
	page := "<!DOCTYPE html><html><body>" + strings.Join(Echoes(c.Secrets), "<br>") + "</body></html>"
	half := c.Accepted
	half.Fault = Half
	long := c.Accepted
	long.Body += strings.Repeat(" ", 10<<20)
	for _, test := range []struct {
		name   string
		answer Answer
		kind   providers.Kind
	}{
		{"half a success", half, providers.Unknown},
		{"a page", Answer{Status: 200, Body: page, Header: http.Header{"Content-Type": {"text/html"}}}, providers.Unknown},
		{"nothing", Answer{Status: 200}, providers.Unknown},
		{"an empty object", Answer{Status: 200, Body: "{}"}, providers.Unknown},
		{"null", Answer{Status: 200, Body: "null"}, providers.Unknown},
		{"10 MB", long, providers.Unknown},
		{"half a failure", Answer{Status: 500, Body: "{ }", Fault: Half}, providers.Temporary},
		{"a failure as a page", Answer{Status: 502, Body: page}, providers.Temporary},
		{"a failure of 10 MB", Answer{Status: 503, Body: strings.Repeat("x", 10<<20)}, providers.Temporary},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := NewFake(t, test.answer)
			require.Equal(t, test.kind, c.failure(t, c.open(t, f)).Kind)
			require.Len(t, f.Requests(), 1)
		})
	}
}

// Send returns as soon as its context ends, before the answer or within it, and knows that the request was written.
func endOfContext(t *testing.T, c Provider) {
	slow := c.Accepted
	slow.Drip = 100 * time.Millisecond
	for _, test := range []struct {
		name   string
		answer Answer
	}{
		{"before the answer", Answer{Fault: Hang}},
		{"within the answer", slow},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := NewPipeFake(t, test.answer)
				p := c.open(t, f)
				ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
				defer cancel()
				ctx, watched := call.Watch(ctx)

				start := time.Now()
				_, err := p.Send(ctx, Message())
				require.Equal(t, 1500*time.Millisecond, time.Since(start))
				require.Equal(t, providers.Unknown, c.clean(t, err).Kind)
				require.True(t, watched.Written())
			})
		})
	}
}

func contextOver(t *testing.T, c Provider) {
	f := NewFake(t, c.Accepted)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.open(t, f).Send(ctx, Message())
	require.Equal(t, providers.Temporary, c.clean(t, err).Kind)
	require.Empty(t, f.Requests())
}

// A provider repeats what it was sent, anywhere in its answer. None of it may be in the error.
func echoes(t *testing.T, c Provider) {
	f := NewPipeFake(t, c.Accepted)
	p := c.open(t, f)
	_, err := p.Send(t.Context(), Message())
	require.NoError(t, err)

	heard := Echoes(c.Secrets)
	if _, credentials, ok := strings.Cut(f.Requests()[0].Header.Get("Authorization"), " "); ok {
		c.Secrets = append(c.Secrets[:len(c.Secrets):len(c.Secrets)], credentials)
		heard = append(heard, credentials)
	}
	for _, echo := range heard {
		for _, answer := range []Answer{
			c.Refused("", "bad value "+echo+"."),
			c.Refused("", echo),
			c.Refused("", strings.Repeat("é", 150)+echo+strings.Repeat(" ", 150)+echo), // cut off somewhere
			c.Refused(echo, ""),
			{Status: 400, Body: echo},
			{Status: 200, Body: echo},
			{Status: 200, Body: echo, Fault: Half},
			{Status: 302, Header: http.Header{"Location": {"/elsewhere?value=" + strings.ReplaceAll(echo, "\n", "")}}},
		} {
			f.Answer(answer)
			c.failure(t, p)
		}
	}
}

func concurrentUse(t *testing.T, c Provider) {
	f := NewFake(t, c.Accepted)
	p := c.open(t, f)
	const parallel = 32
	var numbers []string
	var wg sync.WaitGroup
	errs := make([]error, parallel)
	for i := range parallel {
		number := fmt.Sprintf("4477009001%02d", i)
		numbers = append(numbers, number)
		m := Message()
		m.To = providers.NewSecret("+" + number)
		wg.Go(func() { _, errs[i] = p.Send(t.Context(), m) })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	requests := f.Requests()
	require.Len(t, requests, parallel)
	for _, number := range numbers {
		count := 0
		for _, r := range requests {
			if strings.Contains(r.String(), number) {
				count++
			}
		}
		require.Equal(t, 1, count, "requests for %s", number)
	}
}

func check(t *testing.T, c Provider) {
	f := NewFake(t, c.Checked)
	checker, ok := c.open(t, f).(providers.Checker)
	if !ok {
		t.Skip("the provider has no Check")
	}
	require.NoError(t, checker.Check(t.Context()))
	requests := f.Requests()
	require.Len(t, requests, 1)
	c.golden(t, "check", requests[0])

	for _, status := range []int{301, 401, 403, 404, 429, 500} {
		f.Answer(Answer{Status: status, Header: http.Header{"Location": {"/elsewhere"}}})
		require.Equal(t, call.KindOf(status), c.clean(t, checker.Check(t.Context())).Kind, "status %d", status)
	}
	unreachable := open(t, c.Open, Refusing(t), f.Client()).(providers.Checker)
	require.Equal(t, providers.Temporary, c.clean(t, unreachable.Check(t.Context())).Kind)
}
