package vonage

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

// send sends the suite's message to a Vonage that answers so.
func send(t *testing.T, open providertest.Opener, answer providertest.Answer) (providers.Sent, error) {
	t.Helper()
	_, p := open.Start(t, answer)
	return p.Send(t.Context(), providertest.Message())
}

func TestPartsAccepted(t *testing.T) {
	const a, b, c = "0A0000000123ABCD1", "0a0000000123abcd2", "020000001B0FE827"
	for _, test := range []struct {
		name   string
		answer providertest.Answer
		want   providers.Sent
	}{
		{"one", parts(accepted(a)), providers.Sent{IDs: []string{a}, Parts: 1}},
		{"three", parts(accepted(a), accepted(b), accepted(c)), providers.Sent{IDs: []string{a, b, c}, Parts: 3}},
		{"a UUID", parts(accepted(testUUID)), providers.Sent{IDs: []string{testUUID}, Parts: 1}},
		{"the status a number", parts(map[string]any{"message-id": a, "status": 0}), providers.Sent{IDs: []string{a}, Parts: 1}},
		{"the id a number", parts(map[string]any{"message-id": 1234567890123456, "status": "0"}),
			providers.Sent{IDs: []string{"1234567890123456"}, Parts: 1}},
		// A name that isn't one isn't passed on: names are logged.
		{"an echo", parts(accepted("+447700900123"), accepted(a)), providers.Sent{IDs: []string{a}, Parts: 2}},
		{"the code", parts(accepted("482913")), providers.Sent{Parts: 1}},
		{"too long", parts(accepted(strings.Repeat("A", 60<<10))), providers.Sent{Parts: 1}},
		{"no id", parts(map[string]any{"status": "0"}), providers.Sent{Parts: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			sent, err := send(t, with(withKey), test.answer)
			require.NoError(t, err)
			require.Equal(t, test.want, sent)
		})
	}
}

func TestPartsRefused(t *testing.T) {
	credit := refusedPartOf("9", "Partner quota violation")
	for _, test := range []struct {
		name       string
		answer     providertest.Answer
		kind       providers.Kind
		code, text string
	}{
		{"one", parts(credit), providers.Account, "9", "answer 200: Partner quota violation"},
		{"the status a number", parts(map[string]any{"status": 9}), providers.Account, "9", "answer 200"},
		{"all", parts(credit, refusedPartOf("1", "Throttled")), providers.Account, "9", "answer 200: Partner quota violation"},
		{"the last", parts(accepted(testPart), accepted(testPart), credit),
			providers.Unknown, "9", "answer 200: 1 of 3 parts refused: Partner quota violation"},
		{"the first", parts(refusedPartOf("6", "prefix"), accepted(testPart)),
			providers.Unknown, "6", "answer 200: 1 of 2 parts refused: prefix"},
		{"a status of next year", parts(refusedPartOf("77", "new")), providers.Rejected, "77", "answer 200: new"},
		{"an echo", parts(refusedPartOf("2", "Missing text for 447700900123: 482913")),
			providers.Rejected, "2", "answer 200: Missing text for [secret]: [secret]"},

		{"no status", parts(map[string]any{"error-text": "what"}), providers.Unknown, "", "answer 200: a part without status in the answer: what"},
		{"no status beside one", parts(accepted(testPart), map[string]any{}),
			providers.Unknown, "", "answer 200: a part without status in the answer: "},
		{"a status of another kind", parts(map[string]any{"status": []string{"0"}}),
			providers.Unknown, "", "answer 200: a part without status in the answer: "},
		{"no parts", parts(), providers.Unknown, "", "answer 200: no parts in the answer"},
		{"null parts", answer(200, map[string]any{"messages": nil}), providers.Unknown, "", "answer 200: no parts in the answer"},
		{"parts of another kind", answer(200, map[string]any{"messages": "0"}),
			providers.Unknown, "", "answer 200: the answer is not the JSON it should be"},
		{"a page", providertest.Answer{Body: "<html>482913</html>"},
			providers.Unknown, "", "answer 200: the answer is not the JSON it should be"},

		// Only 200 is published; a proxy or a new version may do otherwise.
		{"with a status of HTTP", providertest.Answer{Status: 401, Body: parts(refusedPartOf("4", "Bad Credentials")).Body},
			providers.Account, "4", "answer 401: Bad Credentials"},
		{"accepted by a failure", providertest.Answer{Status: 500, Body: parts(accepted(testPart)).Body},
			providers.Temporary, "0", "answer 500"},
		{"a problem document", problem("1241", "Too many send requests"), providers.Rejected, "1241", "answer 400: Title: Too many send requests"},
		{"a gateway", providertest.Answer{Status: 503, Body: "<html>482913</html>"}, providers.Temporary, "", "answer 503"},
	} {
		t.Run(test.name, func(t *testing.T) {
			sent, err := send(t, with(withKey), test.answer)
			require.Equal(t, providers.Sent{}, sent)
			providertest.RequireFailure(t, err, test.kind, test.code, test.text)
		})
	}
}

// Status 3 is about the number only if the text names the parameter: the English word is in many texts.
func TestInvalidParameter(t *testing.T) {
	for text, want := range map[string]providers.Kind{
		"to address is not numeric":                   providers.Recipient,
		"Invalid to param":                            providers.Recipient,
		"Invalid value for parameter: to":             providers.Recipient,
		"The value of `to` is invalid":                providers.Recipient,
		"Invalid value for parameter 'to'":            providers.Recipient,
		"Invalid from param":                          providers.Rejected,
		"Invalid value for param: ttl":                providers.Rejected,
		"Unable to read the parameter ttl":            providers.Rejected,
		"Invalid text; please refer to the reference": providers.Rejected,
		"": providers.Rejected,
	} {
		_, err := send(t, with(withKey), parts(refusedPartOf("3", text)))
		require.Equal(t, want, providertest.KindOf(t, err), text)
		_, err = send(t, with(withKey), parts(refusedPartOf("2", text)))
		require.Equal(t, providers.Rejected, providertest.KindOf(t, err), "what is missing is our mistake: %s", text)
	}
}

func TestMessageAccepted(t *testing.T) {
	id := func(id any) map[string]any { return map[string]any{"message_uuid": id} }
	for _, test := range []struct {
		answer providertest.Answer
		want   []string
	}{
		{answer(202, id(testUUID)), []string{testUUID}},
		{answer(200, id(testUUID)), []string{testUUID}}, // as in the tests of Vonage's own libraries
		{answer(202, id(strings.ToUpper(testUUID))), []string{strings.ToUpper(testUUID)}},
		// A name that isn't one isn't passed on: names are logged.
		{answer(202, id("+447700900123")), nil},
		{answer(202, id(482913)), nil},
		{answer(202, id(testUUID+"\n482913")), nil},
		{answer(202, id(strings.Repeat("a", 60<<10))), nil},
		// Vonage says no because it has sent the message.
		{problem("1320", "Message already sent"), nil},
	} {
		sent, err := send(t, with(withApplication), test.answer)
		require.NoError(t, err, "it is accepted all the same")
		require.Equal(t, providers.Sent{IDs: test.want}, sent)
	}
	for _, unnamed := range []any{nil, "", []string{testUUID}} {
		_, err := send(t, with(withApplication), answer(202, id(unnamed)))
		providertest.RequireFailure(t, err, providers.Unknown, "", "answer 202: no message_uuid in the answer")
	}
}

// The first twelve are the specification's own examples.
func TestMessageRefused(t *testing.T) {
	const errors = "https://developer.nexmo.com/api-errors"
	for _, test := range []struct {
		status           int
		link, title      string
		kind, byWhatsApp providers.Kind
		code             string
	}{
		{401, errors + "/#unathorized", "You did not provide correct credentials.", providers.Account, providers.Account, "unathorized"},
		{401, errors + "/#unprovisioned", "The credentials have no access", providers.Account, providers.Account, "unprovisioned"},
		{402, errors + "/#low-balance", "Low balance", providers.Account, providers.Account, "low-balance"},
		{422, errors + "#invalid-json", "No valid JSON", providers.Rejected, providers.Rejected, "invalid-json"},
		{422, errors + "/messages-olympus#110", "Invalid recipient", providers.Recipient, providers.Channel, "110"},
		{422, errors + "/messages-olympus#1060", "Invalid client reference", providers.Rejected, providers.Rejected, "1060"},
		{422, errors + "/messages-olympus#1100", "Unsupported channel", providers.Rejected, providers.Rejected, "1100"},
		{422, errors + "/messages-olympus#1110", "Invalid channel parameters", providers.Rejected, providers.Rejected, "1110"},
		{422, errors + "/messages-olympus#1120", "Invalid sender", providers.Rejected, providers.Rejected, "1120"},
		{422, errors + "/messages-olympus#1140", "Invalid message type", providers.Rejected, providers.Rejected, "1140"},
		{429, errors + "/messages-olympus#1000", "Rate Limit Hit", providers.Temporary, providers.Temporary, "1000"},
		{500, errors + "/messages-olympus#1000", "Internal error", providers.Temporary, providers.Temporary, "1000"},

		{422, errors + "/messages#1430", "Invalid", providers.Recipient, providers.Channel, "1430"},
		{422, errors + "/messages#1170", "Invalid msisdn", providers.Recipient, providers.Channel, "1170"},
		{422, errors + "/messages#1240", "STOP", providers.Recipient, providers.Channel, "1240"},
		{403, errors + "/messages#1470", "Fraud Defender", providers.Recipient, providers.Recipient, "1470"},
		{422, errors + "/messages#1300", "Not a user", providers.Channel, providers.Channel, "1300"},
		{422, errors + "/messages#1070", "No credit", providers.Account, providers.Account, "1070"},
		{422, errors + "/messages#1022", "Invalid template", providers.Rejected, providers.Rejected, "1022"},
		{403, errors + "/messages#1060", "Account barred", providers.Account, providers.Account, "1060"},
		{503, errors + "/messages#1100", "Communication failed", providers.Temporary, providers.Temporary, "1100"},
		{429, errors + "/messages#1241", "Too many", providers.Rejected, providers.Rejected, "1241"},
		{500, errors + "/messages#1030", "Internal error", providers.Temporary, providers.Temporary, "1030"},
		{422, errors + "/messages#1999", "A code of next year", providers.Rejected, providers.Rejected, "1999"},
		{422, "about:blank", "No code", providers.Rejected, providers.Rejected, ""},
	} {
		refusal := answer(test.status, map[string]any{"type": test.link, "title": test.title, "detail": "Why.", "instance": "bf0ca0bf"})
		for channel, kind := range map[string]providers.Kind{"sms": test.kind, "whatsapp": test.byWhatsApp} {
			open := map[string]providertest.Opener{"sms": with(withApplication), "whatsapp": with(withWhatsApp)}[channel]
			_, err := send(t, open, refusal)
			require.Equal(t, kind, providertest.KindOf(t, err), "%s by %s", test.link, channel)
			require.ErrorContains(t, err, test.title+": Why.")
			failed, _ := err.(*providers.Error)
			require.Equal(t, test.code, failed.Code)
		}
	}
}

// Vonage names the parameters that it doesn't take.
func TestInvalidParameters(t *testing.T) {
	refusal := func(name string) providertest.Answer {
		return answer(422, map[string]any{
			"type": "https://developer.vonage.com/api-errors/messages#1150", "title": "Invalid params", "detail": "Invalid value.",
			"invalid_parameters": []map[string]any{{"name": name, "reason": "447700900123 isn't one."}},
		})
	}
	_, err := send(t, with(withApplication), refusal("to"))
	providertest.RequireFailure(t, err, providers.Recipient, "1150", "answer 422: Invalid params: Invalid value.: to: [secret] isn't one.")
	_, err = send(t, with(withWhatsApp), refusal("to"))
	providertest.RequireFailure(t, err, providers.Channel, "1150", "answer 422: Invalid params: Invalid value.: to: [secret] isn't one.")
	_, err = send(t, with(withApplication), refusal("from"))
	providertest.RequireFailure(t, err, providers.Rejected, "1150", "answer 422: Invalid params: Invalid value.: from: [secret] isn't one.")
}

// WhatsApp would refuse it: no need to ask.
func TestCodeTooLong(t *testing.T) {
	f := providertest.NewFake(t, messagesProvider().Accepted)
	p, err := with(withWhatsApp).Open(f.Base, providers.Deps{HTTP: f.Client()})
	require.NoError(t, err)
	_, err = p.Send(t.Context(), message(func(m *providers.Message) { m.Code = providers.NewSecret("ééééééééééééé16") }))
	require.NoError(t, err)
	require.Len(t, f.Requests(), 1)
	_, err = p.Send(t.Context(), message(func(m *providers.Message) { m.Code = providers.NewSecret("0123456789abcdef") }))
	providertest.RequireFailure(t, err, providers.Rejected, "", "the code has 16 characters, and a template takes 15")
	require.Empty(t, f.Requests())
}

// Operators read what Check says: it must tell wrong credentials from a host that can't be reached.
func TestCheck(t *testing.T) {
	denied := answer(401, map[string]any{"error-code": "401", "error-code-label": "authentication failed"})
	f := providertest.NewFake(t, denied)
	for _, open := range []providertest.Opener{with(withKey), with(withKey, viaMessages), with(withApplication), with(withWhatsApp)} {
		p, err := open.Open(f.Base, providers.Deps{HTTP: f.Client()})
		require.NoError(t, err)
		providertest.RequireFailure(t, p.(providers.Checker).Check(t.Context()), providers.Account, "", "answer 401: authentication failed")

		p, err = open.Open(providertest.Refusing(t), providers.Deps{HTTP: f.Client()})
		require.NoError(t, err)
		err = p.(providers.Checker).Check(t.Context())
		require.Equal(t, providers.Temporary, providertest.KindOf(t, err))
		require.ErrorContains(t, err, "connection refused")
	}
}
