package providertest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers/providertest"
)

// ask posts a short body, and returns what came back as far as it came.
func ask(ctx context.Context, f *providertest.Fake) (status int, body string, err error) {
	request, err := http.NewRequestWithContext(ctx, "POST", f.URL+"/a%20b?x=1", strings.NewReader("body"))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Basic dXNlcjpwYXNz")
	response, err := f.Client().Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	return response.StatusCode, string(read), err
}

func TestFakeRecordsRequests(t *testing.T) {
	f := providertest.NewFake(t)
	_, _, err := ask(t.Context(), f)
	require.NoError(t, err)
	const want = "POST /a%20b?x=1 HTTP/1.1\nAuthorization: Basic, decoded: user:pass\nUser-Agent: Go-http-client/1.1\n\nbody\n"
	require.Equal(t, want, f.Next().String())
	requests := f.Requests()
	require.Len(t, requests, 1)
	require.Equal(t, want, requests[0].String())
	require.Empty(t, f.Requests())
}

func TestFakeAnswersInTurn(t *testing.T) {
	f := providertest.NewFake(t)
	status, body, err := ask(t.Context(), f)
	require.NoError(t, err)
	require.Equal(t, []any{200, ""}, []any{status, body})

	f.Answer(providertest.Answer{Status: 400, Body: "no"}, providertest.Answer{Body: "yes", Header: http.Header{"X": {"1"}}})
	for _, want := range [][]any{{400, "no"}, {200, "yes"}, {200, "yes"}} {
		status, body, err := ask(t.Context(), f)
		require.NoError(t, err)
		require.Equal(t, want, []any{status, body})
	}
}

func TestFakeFaults(t *testing.T) {
	for _, test := range []struct {
		answer providertest.Answer
		body   string
		err    string
	}{
		{providertest.Answer{Fault: providertest.Close}, "", "EOF"},
		{providertest.Answer{Fault: providertest.Reset}, "", "connection reset by peer"},
		{providertest.Answer{Fault: providertest.Half, Body: "0123456789"}, "01234", "unexpected EOF"},
	} {
		_, body, err := ask(t.Context(), providertest.NewFake(t, test.answer))
		require.ErrorContains(t, err, test.err)
		require.Equal(t, test.body, body)
	}
}

func TestFakeHangs(t *testing.T) {
	f := providertest.NewFake(t, providertest.Answer{Fault: providertest.Hang, Status: 201, Body: "late"})
	go func() {
		f.Next()
		f.Release()
	}()
	status, body, err := ask(t.Context(), f)
	require.NoError(t, err)
	require.Equal(t, []any{201, "late"}, []any{status, body})
}

func TestPipeFakeTakesNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewPipeFake(t,
			providertest.Answer{Body: "late", Delay: time.Hour},
			providertest.Answer{Body: "slow", Drip: time.Minute},
		)
		start := time.Now()
		_, body, err := ask(t.Context(), f)
		require.NoError(t, err)
		require.Equal(t, "late", body)
		require.Equal(t, time.Hour, time.Since(start))

		start = time.Now()
		_, body, err = ask(t.Context(), f)
		require.NoError(t, err)
		require.Equal(t, "slow", body)
		const bytes = len("HTTP/1.1 200 \r\nContent-Length: 4\r\n\r\nslow")
		require.Equal(t, bytes*int(time.Minute), int(time.Since(start)))

		// Each on a new connection: on an old one, net/http may call a reset an idle connection that was closed, and ask again.
		_, _, err = ask(t.Context(), providertest.NewPipeFake(t, providertest.Answer{Fault: providertest.Reset}))
		require.ErrorContains(t, err, "EOF")

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err = ask(ctx, providertest.NewPipeFake(t, providertest.Answer{Fault: providertest.Hang}))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestFakeStaysHere(t *testing.T) {
	_, err := providertest.NewFake(t).Client().Get("http://192.0.2.1/")
	require.ErrorContains(t, err, "a test may not call 192.0.2.1:80")
	_, err = providertest.NewFake(t).Client().Get("http://provider.example/")
	require.ErrorContains(t, err, "a test may not call provider.example:80")
}

func TestRequestString(t *testing.T) {
	for _, test := range []struct{ contentType, body, want string }{
		{"application/x-www-form-urlencoded", "b=2&a=%C3%A9+x&b=1%0A3", "a=é x\nb=1\n\t3\nb=2"},
		{"application/x-www-form-urlencoded; charset=utf-8", "a=1", "a=1"},
		{"application/x-www-form-urlencoded", "a=%zz", "not a form: a=%zz"},
		{"application/json", `{"b":1.50,"a":["<",null]}`, "{\n  \"a\": [\n    \"<\",\n    null\n  ],\n  \"b\": 1.50\n}"},
		{"application/json", `{"a":`, `not JSON: {"a":`},
		{"application/json", `{}{}`, `not JSON: {}{}`},
		{"text/plain", "b=2&a=1", "b=2&a=1"},
	} {
		r := providertest.Request{Method: "POST", Target: "/", Proto: "HTTP/1.1", Body: test.body,
			Header: http.Header{"Content-Type": {test.contentType}, "Content-Length": {"1"}}}
		require.Equal(t, "POST / HTTP/1.1\nContent-Type: "+test.contentType+"\n\n"+test.want+"\n", r.String())
	}
	r := providertest.Request{Method: "GET", Target: "/", Proto: "HTTP/1.1", Header: http.Header{"B": {"2", "1"}, "A": {"Basic ???"}}}
	require.Equal(t, "GET / HTTP/1.1\nA: Basic ???\nB: 2\nB: 1\n", r.String())
}
