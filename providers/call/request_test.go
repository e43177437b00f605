package call_test

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/providertest"
)

func TestRequests(t *testing.T) {
	secret := providers.NewSecret(token)
	for name, test := range map[string]struct {
		request call.Request
		want    call.Request
	}{
		"GET": {call.Get("https://h/p"), call.Request{Method: "GET", URL: "https://h/p"}},
		"JSON": {call.JSON("https://h/p", map[string]any{"a": 1, "b": "<"}), call.Request{
			Method: "POST", URL: "https://h/p", Header: http.Header{"Content-Type": {"application/json"}}, Body: `{"a":1,"b":"\u003c"}`,
		}},
		"form": {call.Form("https://h/p", fields("a", "1 &", "b", "")), call.Request{
			Method: "POST", URL: "https://h/p", Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: "a=1+%26&b=",
		}},
		"bearer": {call.Get("https://h/p").Bearer(secret), call.Request{
			Method: "GET", URL: "https://h/p", Header: http.Header{"Authorization": {"Bearer " + token}},
		}},
		"basic and a header": {call.Get("https://h/p").BasicAuth("user", providers.NewSecret("pass")).With("accept", "text/plain"), call.Request{
			Method: "GET", URL: "https://h/p", Header: http.Header{"Authorization": {"Basic dXNlcjpwYXNz"}, "Accept": {"text/plain"}},
		}},
	} {
		require.Equal(t, test.want, test.request, name)
	}
}

func TestHeadersAreAddedToACopy(t *testing.T) {
	request := call.JSON("https://h/p", nil)
	_ = request.Bearer(providers.NewSecret(token))
	require.Equal(t, http.Header{"Content-Type": {"application/json"}}, request.Header)
}

func TestBodyThatIsNoJSONIsNotSent(t *testing.T) {
	f := providertest.NewFake(t)
	request := call.JSON(f.URL, map[string]any{"text": make(chan int)})
	_, err := call.New(f.Client()).Do(t.Context(), providertest.Message(), request)
	providertest.RequireFailure(t, err, providers.Account, "", "making the request: the body can't be written as JSON")
	require.Empty(t, f.Requests())
}

func TestAsk(t *testing.T) {
	refused := func(a *call.Answer) error { return a.Fail(providers.Recipient, "7", "no") }
	for _, test := range []struct {
		answer providertest.Answer
		read   string
		err    string
	}{
		{providertest.Answer{Body: `{"id":"x"}`}, "x", ""},
		{providertest.Answer{Status: 202, Body: `{"id":"x"}`}, "x", ""},
		{providertest.Answer{Body: `{"id":`}, "", "unknown: answer 200: the answer is not the JSON it should be"},
		{providertest.Answer{Status: 400, Body: `{"id":"x"}`}, "", "recipient (code 7): answer 400: no"},
	} {
		f := providertest.NewFake(t, test.answer)
		var read struct{ ID string }
		_, err := call.New(f.Client()).Ask(t.Context(), providertest.Message(), call.Get(f.URL), &read, refused)
		require.Equal(t, test.read, read.ID)
		if test.err == "" {
			require.NoError(t, err)
		} else {
			require.EqualError(t, err, test.err)
		}
	}
	_, err := call.New(providertest.NewFake(t).Client()).Ask(t.Context(), providertest.Message(), call.Get(string(providertest.Refusing(t))), nil, refused)
	require.Equal(t, providers.Temporary, providertest.KindOf(t, err))
	f := providertest.NewFake(t, providertest.Answer{Body: "no JSON"})
	_, err = call.New(f.Client()).Ask(t.Context(), providertest.Message(), call.Get(f.URL), nil, refused)
	require.NoError(t, err)
}

func TestAccepted(t *testing.T) {
	f := providertest.NewFake(t)
	answer, err := do(t, f.Client(), f.Base)
	require.NoError(t, err)
	shape := regexp.MustCompile(`^id-[0-9]+$`)

	sent, err := answer.Accepted("id", "id-1", shape)
	require.NoError(t, err)
	require.Equal(t, providers.Sent{IDs: []string{"id-1"}}, sent)

	sent, err = answer.Accepted("id", "+447700900123", shape)
	require.NoError(t, err)
	require.Equal(t, providers.Sent{}, sent)

	sent, err = answer.Accepted("id", "id-00447700900123", shape)
	require.NoError(t, err)
	require.Equal(t, providers.Sent{}, sent, "a name of the right form that repeats the number")

	sent, err = answer.Accepted("id", "", shape)
	providertest.RequireFailure(t, err, providers.Unknown, "", "answer 200: no id in the answer")
	require.Equal(t, providers.Sent{}, sent)
}
