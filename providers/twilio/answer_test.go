package twilio

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

// send sends the suite's message to a Twilio that answers so.
func send(t *testing.T, answer providertest.Answer) (providers.Sent, error) {
	t.Helper()
	_, p := opener.Start(t, answer)
	return p.Send(t.Context(), providertest.Message())
}

// Every status of the published enumeration, and one that isn't in it yet.
func TestCreatedIsSentWhateverItsStatus(t *testing.T) {
	for _, status := range []string{
		"accepted", "scheduled", "queued", "sending", "sent", "partially_delivered", "delivered", "read", "receiving",
		"received", "new_in_2027", "",
	} {
		sent, err := send(t, created(map[string]any{"status": status}))
		require.NoError(t, err, status)
		require.Equal(t, providers.Sent{IDs: []string{testMessage}, Parts: 1}, sent, status)
	}
}

func TestCreatedAndFailed(t *testing.T) {
	for _, test := range []struct {
		fields map[string]any
		kind   providers.Kind
		code   string
		text   string
	}{
		{map[string]any{"status": "failed", "error_code": 30005, "error_message": "Unknown destination handset"},
			providers.Recipient, "30005", "answer 201: message failed Unknown destination handset"},
		{map[string]any{"status": "undelivered", "error_code": 30008, "error_message": "Unknown error"},
			providers.Temporary, "30008", "answer 201: message undelivered Unknown error"},
		{map[string]any{"status": "failed", "error_code": "21610", "error_message": "Unsubscribed"},
			providers.Recipient, "21610", "answer 201: message failed Unsubscribed"},
		{map[string]any{"status": "failed", "error_code": 63003, "error_message": "No WhatsApp"},
			providers.Channel, "63003", "answer 201: message failed No WhatsApp"},
		{map[string]any{"status": "canceled"},
			providers.Rejected, "", "answer 201: message canceled "},
		{map[string]any{"status": "failed", "error_code": "", "error_message": map[string]any{}},
			providers.Rejected, "", "answer 201: message failed "},
		{map[string]any{"status": "failed", "error_code": 39999, "error_message": "A code of next year"},
			providers.Rejected, "39999", "answer 201: message failed A code of next year"},
		{map[string]any{"status": "failed", "error_code": 30003, "error_message": "+447700900123 got no 482913"},
			providers.Temporary, "30003", "answer 201: message failed [secret] got no [secret]"},
	} {
		_, err := send(t, created(test.fields))
		providertest.RequireFailure(t, err, test.kind, test.code, test.text)
	}
}

// The message may have been sent, but nothing proves it.
func TestCreatedWithoutSID(t *testing.T) {
	for _, fields := range []map[string]any{{"sid": nil}, {"sid": ""}} {
		_, err := send(t, created(fields))
		providertest.RequireFailure(t, err, providers.Unknown, "", "answer 201: no message sid in the answer")
	}
	_, err := send(t, created(map[string]any{"sid": 7}))
	providertest.RequireFailure(t, err, providers.Unknown, "", "answer 201: the answer is not the JSON it should be")
}

// Twilio writes a number in a string; a count that can't be read doesn't undo the message.
func TestParts(t *testing.T) {
	for _, test := range []struct {
		segments any
		want     int
	}{
		{"0", 0}, {"1", 1}, {"3", 3}, {1, 1}, {nil, 0}, {"", 0}, {"many", 0},
	} {
		sent, err := send(t, created(map[string]any{"num_segments": test.segments}))
		require.NoError(t, err, "num_segments %#v", test.segments)
		require.Equal(t, providers.Sent{IDs: []string{testMessage}, Parts: test.want}, sent, "num_segments %#v", test.segments)
	}
}

func TestRefused(t *testing.T) {
	for _, test := range []struct {
		status     int
		body       string
		kind       providers.Kind
		code, text string
	}{
		{400, `{"code":21610,"message":"Attempt to send to unsubscribed recipient","more_info":"https://www.twilio.com/docs/errors/21610","status":400}`,
			providers.Recipient, "21610", "answer 400: Attempt to send to unsubscribed recipient"},
		{400, `{"code":"21610","message":"a string"}`, providers.Recipient, "21610", "answer 400: a string"},
		{400, `{"code":21211,"message":"Invalid 'To' Phone Number: +447700900123"}`,
			providers.Recipient, "21211", "answer 400: Invalid 'To' Phone Number: [secret]"},
		{400, `{"code":21999,"message":"a code of next year"}`, providers.Rejected, "21999", "answer 400: a code of next year"},
		{400, `{"code":null,"message":"none"}`, providers.Rejected, "", "answer 400: none"},
		{401, `{"code":20003,"message":"Authenticate"}`, providers.Account, "20003", "answer 401: Authenticate"},
		{400, `{"code":{"is":21211},"message":["an","array"]}`, providers.Rejected, "", "answer 400"},
		{401, `{"code":0,"message":"Authenticate"}`, providers.Account, "0", "answer 401: Authenticate"},
		{403, ``, providers.Account, "", "answer 403"},
		{404, `{"code":20404,"message":"The requested resource was not found"}`,
			providers.Account, "20404", "answer 404: The requested resource was not found"},
		{429, `{"code":20429,"message":"Too Many Requests"}`, providers.Temporary, "20429", "answer 429: Too Many Requests"},
		{500, `{"code":20500,"message":"An internal server error has occurred"}`,
			providers.Temporary, "20500", "answer 500: An internal server error has occurred"},
		{503, `<html>482913</html>`, providers.Temporary, "", "answer 503"},
		// The second shape of their errors, with fields that nothing here reads.
		{400, `{"code":21408,"message":"Permission","httpStatusCode":400,"params":{},"userError":true}`,
			providers.Rejected, "21408", "answer 400: Permission"},
		// The code decides, also against the status.
		{500, `{"code":21614,"message":"not a mobile number"}`, providers.Channel, "21614", "answer 500: not a mobile number"},
	} {
		_, err := send(t, providertest.Answer{Status: test.status, Body: test.body})
		providertest.RequireFailure(t, err, test.kind, test.code, test.text)
	}
}

// Operators read what Check says: it must tell a wrong token from a host that can't be reached.
func TestCheck(t *testing.T) {
	f := providertest.NewFake(t,
		providertest.Answer{Status: http.StatusOK, Body: `{"messages":[]}`},
		providertest.Answer{Status: http.StatusUnauthorized, Body: `{"code":20003,"message":"Authenticate","status":401}`},
	)
	p, err := opener.Open(f.Base, providers.Deps{HTTP: f.Client()})
	require.NoError(t, err)
	checker := p.(providers.Checker)
	require.NoError(t, checker.Check(t.Context()))
	providertest.RequireFailure(t, checker.Check(t.Context()), providers.Account, "20003", "answer 401: Authenticate")

	p, err = opener.Open(providertest.Refusing(t), providers.Deps{HTTP: f.Client()})
	require.NoError(t, err)
	err = p.(providers.Checker).Check(t.Context())
	require.Equal(t, providers.Temporary, providertest.KindOf(t, err))
	require.ErrorContains(t, err, "connection refused")
}

// A name that isn't one isn't passed on: names are logged.
func TestNamesOfMessages(t *testing.T) {
	for _, sid := range []string{"+447700900123", "SM482913", strings.Repeat("S", 60<<10)} {
		sent, err := send(t, created(map[string]any{"sid": sid}))
		require.NoError(t, err, "it is accepted all the same")
		require.Equal(t, providers.Sent{}, sent)
	}
}
