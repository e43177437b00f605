package plivo

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

// send sends the suite's message to a Plivo that answers so.
func send(t *testing.T, answer providertest.Answer) (providers.Sent, error) {
	t.Helper()
	_, p := opener.Start(t, answer)
	return p.Send(t.Context(), providertest.Message())
}

// Plivo shows 202, but doesn't say that it is always that.
func TestAcceptedWithAnySuccess(t *testing.T) {
	for _, status := range []int{200, 201, 202, 206} {
		answer := accepted(nil)
		answer.Status = status
		sent, err := send(t, answer)
		require.NoError(t, err, "status %d", status)
		require.Equal(t, providers.Sent{IDs: []string{testMessage}}, sent, "status %d", status)
	}
}

// What isn't a UUID is not passed on: names are logged.
func TestNamesOfMessages(t *testing.T) {
	second := strings.ToUpper("0000000a-0000-4000-8000-000000000002")
	for _, test := range []struct {
		uuids any
		want  []string
	}{
		{[]any{testMessage}, []string{testMessage}},
		{[]any{testMessage, second}, []string{testMessage, second}},
		{[]any{"447700900123", testMessage}, []string{testMessage}},
		{[]any{"", testMessage, nil}, []string{testMessage}},
		{[]any{"447700900123"}, nil},
		{[]any{"482913"}, nil},
		{[]any{482913}, nil},
		{[]any{testMessage + testMessage}, nil},
		{[]any{"x" + testMessage}, nil},
		{[]any{strings.Repeat("0", 32)}, nil},
	} {
		sent, err := send(t, accepted(map[string]any{"message_uuid": test.uuids}))
		require.NoError(t, err, "%v: it is accepted all the same", test.uuids)
		require.Equal(t, providers.Sent{IDs: test.want}, sent, "%v", test.uuids)
	}
}

// The message may have been sent, but nothing proves it.
func TestAcceptedWithoutName(t *testing.T) {
	for _, uuids := range []any{nil, []any{}, []any{""}, []any{nil}, []any{map[string]any{}}} {
		_, err := send(t, accepted(map[string]any{"message_uuid": uuids}))
		providertest.RequireFailure(t, err, providers.Unknown, "", "answer 202: no message_uuid in the answer")
	}
	_, err := send(t, accepted(map[string]any{"message_uuid": nil, "error": "'447700900123' got no 482913"}))
	providertest.RequireFailure(t, err, providers.Unknown, "", "answer 202: no message_uuid in the answer '[secret]' got no [secret]")
	for _, uuids := range []any{testMessage, map[string]any{}} {
		_, err := send(t, accepted(map[string]any{"message_uuid": uuids}))
		providertest.RequireFailure(t, err, providers.Unknown, "", "answer 202: the answer is not the JSON it should be")
	}
	_, err = send(t, providertest.Answer{Status: http.StatusNoContent})
	providertest.RequireFailure(t, err, providers.Unknown, "", "answer 204: the answer is not the JSON it should be")
}

func TestRefused(t *testing.T) {
	const id = `{"api_id":"00000000-0000-4000-8000-0000000000ff",`
	for _, test := range []struct {
		status     int
		body       string
		kind       providers.Kind
		code, text string
	}{
		{400, id + `"error":"src parameter not present"}`, providers.Rejected, "", "answer 400: src parameter not present"},
		{401, id + `"error":"authentication failed"}`, providers.Account, "", "answer 401: authentication failed"},
		{401, `Could not verify your access level for that URL.`, providers.Account, "", "answer 401"},
		{402, ``, providers.Account, "", "answer 402"},
		{404, `{}`, providers.Rejected, "", "answer 404"},
		{405, id + `"error":"method not allowed"}`, providers.Rejected, "", "answer 405: method not allowed"},
		{429, id + `"error":"rate limit"}`, providers.Temporary, "", "answer 429: rate limit"},
		{500, id + `"error":"internal server error"}`, providers.Temporary, "", "answer 500: internal server error"},
		{503, `<html>482913</html>`, providers.Temporary, "", "answer 503"},

		// For two minutes after the balance was found to be too low.
		{400, id + `"error":"Insufficient Credit"}`, providers.Account, "", "answer 400: Insufficient Credit"},
		{500, id + `"error":{"message":"insufficient credit."}}`, providers.Account, "", "answer 500: map[message:insufficient credit.]"},
		{400, `{"message":"Insufficient Credit"}`, providers.Account, "", "answer 400: Insufficient Credit"},

		// The recipient, if it is quoted; not the sender, nor a number that holds it, nor a text that only looks alike.
		{400, id + `"error":"'447700900123' is not a valid phone number."}`, providers.Recipient, "",
			"answer 400: '[secret]' is not a valid phone number."},
		{400, id + `"error":"'15555550100' is not a valid phone number."}`, providers.Rejected, "",
			"answer 400: '15555550100' is not a valid phone number."},
		{400, id + `"error":"'9447700900123' is not a valid phone number."}`, providers.Rejected, "",
			"answer 400: '9[secret]' is not a valid phone number."},
		{400, id + `"error":"dst is not a valid phone number"}`, providers.Rejected, "", "answer 400: dst is not a valid phone number"},
		{400, id + `"error":"447700900123 is not enabled"}`, providers.Rejected, "", "answer 400: [secret] is not enabled"},
		{404, id + `"error":"'447700900123' is not a valid phone number."}`, providers.Rejected, "",
			"answer 404: '[secret]' is not a valid phone number."},

		// The shape of their other APIs: a code decides, also against status and text.
		{400, id + `"error_code":200,"message":"opted out"}`, providers.Recipient, "200", "answer 400: opted out"},
		{400, id + `"error_code":"900","message":"no credit"}`, providers.Account, "900", "answer 400: no credit"},
		{500, id + `"error_code":50,"message":"Insufficient Credit"}`, providers.Recipient, "50", "answer 500: Insufficient Credit"},
		{404, id + `"error_code":404,"message":"not found"}`, providers.Rejected, "404", "answer 404: not found"},
		{400, id + `"error_code":999,"message":"a code of next year"}`, providers.Rejected, "999", "answer 400: a code of next year"},
		{400, id + `"error_code":"000","message":"no code"}`, providers.Rejected, "000", "answer 400: no code"},

		// Whatever stands there, it can be read.
		{400, id + `"error":{"dst":["invalid"],"src":7}}`, providers.Rejected, "", "answer 400: map[dst:[invalid] src:7]"},
		{400, id + `"error":{"limit":10000000}}`, providers.Rejected, "", "answer 400: map[limit:10000000]"},
		{400, id + `"error":null,"message":"the reason"}`, providers.Rejected, "", "answer 400: the reason"},
		{400, id + `"error":"","message":"the reason"}`, providers.Rejected, "", "answer 400: the reason"},
		{400, id + `"error":"the reason","message":"another"}`, providers.Rejected, "", "answer 400: the reason"},
		{400, `{"error":["a","list"],"error_code":{"is":50}}`, providers.Rejected, "", "answer 400: [a list]"},
		{400, `["a","list"]`, providers.Rejected, "", "answer 400"},
	} {
		_, err := send(t, providertest.Answer{Status: test.status, Body: test.body})
		providertest.RequireFailure(t, err, test.kind, test.code, test.text)
	}
}

// The suite puts its echoes into texts; here they stand in objects, and numbers are JSON numbers.
func TestEchoesInObjects(t *testing.T) {
	f, p := opener.Start(t)
	for _, echo := range append(providertest.Echoes([]string{testToken}), "482913") {
		values := []any{map[string]any{"text": echo}, map[string]any{echo: "text"}, []any{echo}}
		if json.Valid([]byte(echo)) {
			values = append(values, json.RawMessage(echo), []any{json.RawMessage(echo)})
		}
		for _, value := range values {
			body, err := json.Marshal(map[string]any{"error": value})
			require.NoError(t, err)
			for _, status := range []int{200, 400} {
				f.Answer(providertest.Answer{Status: status, Body: string(body)})
				_, err = p.Send(t.Context(), providertest.Message())
				require.Error(t, err)
				providertest.AssertClean(t, err.Error(), testToken)
			}
		}
	}
}

// Operators read what Check says: it must tell a wrong token from a host that can't be reached.
func TestCheck(t *testing.T) {
	f := providertest.NewFake(t,
		providertest.Answer{Status: http.StatusOK, Body: `{"cash_credits":"0.00000"}`},
		providertest.Answer{Status: http.StatusUnauthorized, Body: `{"error":"authentication failed"}`},
	)
	p, err := opener.Open(f.Base, providers.Deps{HTTP: f.Client()})
	require.NoError(t, err)
	checker := p.(providers.Checker)
	require.NoError(t, checker.Check(t.Context()))
	providertest.RequireFailure(t, checker.Check(t.Context()), providers.Account, "", "answer 401: authentication failed")

	p, err = opener.Open(providertest.Refusing(t), providers.Deps{HTTP: f.Client()})
	require.NoError(t, err)
	err = p.(providers.Checker).Check(t.Context())
	require.Equal(t, providers.Temporary, providertest.KindOf(t, err))
	require.ErrorContains(t, err, "connection refused")
}
