package whatsapp

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

// send sends the suite's message to a Meta that answers so.
func send(t *testing.T, answer providertest.Answer) (providers.Sent, error) {
	t.Helper()
	_, p := opener.Start(t, answer)
	return p.Send(t.Context(), providertest.Message())
}

// Every status of the published enumeration, one that isn't in it yet, and none: most answers have none.
func TestAcceptedWhateverItsStatus(t *testing.T) {
	for _, status := range []string{
		`,"message_status":"accepted"`, `,"message_status":"held_for_quality_assessment"`, `,"message_status":"paused"`,
		`,"message_status":"new_in_2027"`, `,"message_status":null`, `,"message_status":7`, ``,
	} {
		sent, err := send(t, accepted(`[{"id":"`+testMessage+`"`+status+`}]`))
		require.NoError(t, err, status)
		require.Equal(t, providers.Sent{IDs: []string{testName}}, sent, status)
	}
}

// The message may have been sent, but nothing proves it.
func TestAcceptedWithoutID(t *testing.T) {
	for _, messages := range []string{`null`, `[]`, `[{}]`, `[null]`, `[{"id":null}]`, `[{"id":""}]`} {
		_, err := send(t, accepted(messages))
		providertest.RequireFailure(t, err, providers.Unknown, "", "answer 200: no message id in the answer")
	}
	for _, messages := range []string{`{}`, `"482913"`} {
		_, err := send(t, accepted(messages))
		providertest.RequireFailure(t, err, providers.Unknown, "", "answer 200: the answer is not the JSON it should be")
	}
}

// Names are logged. Meta's own hold the number, and a name that isn't one isn't passed on.
func TestNamesOfMessages(t *testing.T) {
	for _, id := range []string{
		testMessage, "wamid.gBGGSFcCNEOPAgkO_KJ55r4w_ww", "wamid.ID", "wamid." + strings.Repeat("A", 250),
	} {
		sent, err := send(t, accepted(`[{"id":"`+id+`"}]`))
		require.NoError(t, err)
		require.Len(t, sent.IDs, 1)
		require.Regexp(t, `^wamid-sha256:[0-9a-f]{32}$`, sent.IDs[0])
		require.Equal(t, names(id), sent.IDs, "a receipt's is the same")
	}
	require.NotEqual(t, names("wamid.A"), names("wamid.B"))

	for _, id := range []string{
		"482913", "+447700900123", "wamid.", "wamid.+44 7700 900123", `wamid.A B`, "WAMID.A", "x wamid.A",
		"wamid." + strings.Repeat("A", 251), strings.Repeat("A", 60<<10),
	} {
		sent, err := send(t, accepted(`[{"id":"`+id+`"}]`))
		require.NoError(t, err, "it is accepted all the same")
		require.Equal(t, providers.Sent{}, sent, id)
	}
}

// A number for an id is no name, but an acceptance.
func TestNumberForAnID(t *testing.T) {
	sent, err := send(t, accepted(`[{"id":7}]`))
	require.NoError(t, err)
	require.Equal(t, providers.Sent{}, sent)
}

// Code 100 says that a request is malformed; with subcode 33, that there is no such sender for this token.
func TestNoSuchSender(t *testing.T) {
	const body = `{"error":{"message":"Unsupported post request","type":"GraphMethodException","code":100,"error_subcode":33}}`
	_, err := send(t, providertest.Answer{Status: 400, Body: body})
	providertest.RequireFailure(t, err, providers.Account, "100", "answer 400: Unsupported post request")
	_, err = send(t, providertest.Answer{Status: 400, Body: strings.Replace(body, `,"error_subcode":33`, "", 1)})
	providertest.RequireFailure(t, err, providers.Rejected, "100", "answer 400: Unsupported post request")
}

func TestRefused(t *testing.T) {
	for _, test := range []struct {
		status     int
		body       string
		kind       providers.Kind
		code, text string
	}{
		{400, `{"error":{"message":"(#131056) (Business Account, Consumer Account) pair rate limit hit","type":"OAuthException",` +
			`"code":131056,"error_data":{"messaging_product":"whatsapp","details":"Too many"},"fbtrace_id":"A"}}`,
			providers.Rejected, "131056", "answer 400: (#131056) (Business Account, Consumer Account) pair rate limit hit: Too many"},
		{400, `{"error":{"message":"(#131026) Message undeliverable","code":131026}}`,
			providers.Channel, "131026", "answer 400: (#131026) Message undeliverable"},
		{400, `{"error":{"message":"a string","code":"131026"}}`, providers.Channel, "131026", "answer 400: a string"},
		{401, `{"error":{"message":"Error validating access token: Session has expired","code":190,"error_subcode":463}}`,
			providers.Account, "190", "answer 401: Error validating access token: Session has expired"},
		{404, `{"error":{"message":"(#132001) Template name does not exist in the translation","code":132001}}`,
			providers.Rejected, "132001", "answer 404: (#132001) Template name does not exist in the translation"},
		{403, `{"error":{"message":"(#200) Permissions error","code":200}}`, providers.Account, "200", "answer 403: (#200) Permissions error"},
		{400, `{"error":{"message":"+447700900123 got no 482913","code":100,"error_data":{"details":"to 447700900123"}}}`,
			providers.Rejected, "100", "answer 400: [secret] got no [secret]: to [secret]"},

		// The code decides, also against the status.
		{429, `{"error":{"message":"pair","code":131056}}`, providers.Rejected, "131056", "answer 429: pair"},
		{500, `{"error":{"message":"not registered","code":131045}}`, providers.Account, "131045", "answer 500: not registered"},
		{500, `{"error":{"message":"expired","code":0}}`, providers.Account, "0", "answer 500: expired"},
		{400, `{"error":{"message":"An unknown error occurred","code":1}}`, providers.Temporary, "1", "answer 400: An unknown error occurred"},

		// Where there is none that is known, the status does.
		{400, `{"error":{"message":"a code of next year","code":139999}}`, providers.Rejected, "139999", "answer 400: a code of next year"},
		{503, `{"error":{"message":"a code of next year","code":139999}}`, providers.Temporary, "139999", "answer 503: a code of next year"},
		{401, `{"error":{"message":"none","code":null}}`, providers.Account, "", "answer 401: none"},
		{403, ``, providers.Account, "", "answer 403"},
		{503, `<html>482913</html>`, providers.Temporary, "", "answer 503"},

		// A field of another type doesn't hide the others.
		{400, `{"error":{"message":["an","array"],"code":{"is":190},"error_data":{"details":{}}}}`, providers.Rejected, "", "answer 400"},
		{400, `{"error":{"error_data":"a text","message":"expired","code":190}}`, providers.Account, "190", "answer 400: expired"},
		{400, `{"error":{"error_data":{"details":"alone"},"code":190}}`, providers.Account, "190", "answer 400: alone"},
		{400, `{"error":"invalid_request"}`, providers.Rejected, "", "answer 400"},
		{400, `{"error":[]}`, providers.Rejected, "", "answer 400"},
	} {
		_, err := send(t, providertest.Answer{Status: test.status, Body: test.body})
		providertest.RequireFailure(t, err, test.kind, test.code, test.text)
	}
}

// Meta knows the address of the receipts. Its path must not be seen.
func TestEchoedAddress(t *testing.T) {
	reporting := opener.Reporting()
	_, p := reporting.Start(t, refusedWith("100", "called "+reporting.ReceiptAddress()))
	_, err := p.Send(t.Context(), providertest.Message())
	require.ErrorContains(t, err, "[secret]")
	providertest.AssertClean(t, err.Error(), providertest.ReceiptToken)
}

// Operators read what Check says: it must tell a wrong token from a host that can't be reached.
func TestCheck(t *testing.T) {
	f := providertest.NewFake(t,
		provider().Checked,
		providertest.Answer{Status: http.StatusUnauthorized, Body: `{"error":{"message":"Invalid OAuth access token","code":190}}`},
		providertest.Answer{Status: http.StatusNotFound, Body: `{"error":{"message":"Phone number not found","code":803}}`},
	)
	p, err := opener.Open(f.Base, providers.Deps{HTTP: f.Client()})
	require.NoError(t, err)
	checker := p.(providers.Checker)
	require.NoError(t, checker.Check(t.Context()))
	providertest.RequireFailure(t, checker.Check(t.Context()), providers.Account, "190", "answer 401: Invalid OAuth access token")
	providertest.RequireFailure(t, checker.Check(t.Context()), providers.Account, "803", "answer 404: Phone number not found")

	p, err = opener.Open(providertest.Refusing(t), providers.Deps{HTTP: f.Client()})
	require.NoError(t, err)
	err = p.(providers.Checker).Check(t.Context())
	require.Equal(t, providers.Temporary, providertest.KindOf(t, err))
	require.ErrorContains(t, err, "connection refused")
}
