package call_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/providertest"
)

const token = "t0ken+with/odd=chars&"

// post makes the request that most tests send.
func post(base call.BaseURL) call.Request {
	return call.Form(string(base)+"/messages", fields("to", "+447700900123"))
}

// fields are those of a form, a name and a value in turn.
func fields(pairs ...string) *call.Fields {
	f := new(call.Fields)
	for i := 0; i < len(pairs); i += 2 {
		f.Add(pairs[i], pairs[i+1])
	}
	return f
}

// do sends it.
func do(t *testing.T, client *http.Client, base call.BaseURL) (*call.Answer, error) {
	t.Helper()
	return call.New(client, providers.NewSecret(token)).Do(t.Context(), providertest.Message(), post(base))
}

// requireFailure tests an error of Do, and that it tells nothing.
func requireFailure(t *testing.T, err error, kind providers.Kind, text string) {
	t.Helper()
	var failed *providers.Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, kind, failed.Kind, err)
	require.ErrorContains(t, err, text)
	providertest.AssertClean(t, err.Error(), token)
}

// transport is a provider that is a function.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func client(f transport) *http.Client {
	return &http.Client{Transport: f, CheckRedirect: call.NewClient().CheckRedirect}
}

var errBroken = errors.New("broken")
