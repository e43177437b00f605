package msg91

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

const (
	testKey      = "auth+key/0123=="
	testTemplate = "65e06f45d6fc05278c7d47e2"
	testID       = "5762846b4f8d285d378b4567"
)

var opener = providertest.NewOpener(providers.NewDriver("msg91", "MSG91", New), map[string]string{
	"AUTH_KEY":    testKey,
	"TEMPLATE_ID": testTemplate,
})

func with(change func(*Settings)) providertest.Opener {
	return opener.Changed(func(settings any) { change(settings.(*Settings)) })
}

func message(change func(*providers.Message)) providers.Message {
	m := providertest.Message()
	change(&m)
	return m
}

func answer(body map[string]any) providertest.Answer {
	text, _ := json.Marshal(body)
	return providertest.Answer{Status: http.StatusOK, Body: string(text)}
}

func refusedWith(code, text string) providertest.Answer {
	body := map[string]any{"type": "error", "message": text}
	if code != "" {
		body["code"] = code
	}
	if number, err := strconv.Atoi(code); err == nil && number%2 == 0 { // as a number or as a text
		body["code"] = number
	}
	return answer(body)
}

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Provider{
		Open:     opener.Open,
		Secrets:  []string{testKey},
		Codes:    codes,
		Accepted: answer(map[string]any{"message": testID, "type": "success"}),
		Sent:     providers.Sent{IDs: []string{testID}},
		Refused:  refusedWith,
		Requests: []providertest.Case{
			{Name: "basic", Open: opener.Open, Message: providertest.Message()},
			{Name: "india", Open: opener.Open, Message: message(func(m *providers.Message) { m.To = providers.NewSecret("+919810000123") })},
			{Name: "variable-and-sender", Open: with(func(s *Settings) { s.CodeVariable, s.Sender = "var1", "MYSHOP" }).Open, Message: providertest.Message()},
			{Name: "receipts-have-no-address-of-their-own", Open: opener.Reporting().Open, Message: providertest.Message()},
			{Name: "code-quoted", Open: opener.Open, Message: message(func(m *providers.Message) { m.Code = providers.NewSecret(`4"8\2&<é`) })},
		},
	})
}

func TestCodes(t *testing.T) {
	require.Equal(t, providertest.Codes(t, "testdata/codes.tsv"), codes)
	require.Equal(t, providertest.Codes(t, "testdata/codes-reports.tsv"), reportCodes)
	for code := range reportCodes {
		require.NotContains(t, codes, code, "an operator overrides both by one setting")
	}
}

func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		status     int
		body       string
		kind       providers.Kind
		code, text string
	}{
		{200, `{"type":"error","message":"Missing Authentication Key","code":"106"}`, providers.Account, "106", "answer 200: Missing Authentication Key"},
		{200, `{"message":"flow id missing","type":"error"}`, providers.Rejected, "", "answer 200: flow id missing"},
		{200, `{"type":"error","message":"919810000123 and +447700900123 are invalid","code":202}`,
			providers.Recipient, "202", "answer 200: 919810000123 and [secret] are invalid"},
		{200, `{"type":"success"}`, providers.Unknown, "", "answer 200: no request ID in the answer"},
		{200, `{"message":"` + testID + `"}`, providers.Unknown, "", "answer 200: the answer doesn't say that it is a success"},
		{200, `{"message":"` + testID + `","type":7}`, providers.Unknown, "", "answer 200: the answer is not the JSON it should be"},
		{401, `{"hasError":true,"errors":"Unauthorized","status":"fail"}`, providers.Account, "", "answer 401"},
		{401, `{"type":"success","message":"` + testID + `"}`, providers.Account, "", "answer 401: " + testID},
	} {
		_, p := opener.Start(t, providertest.Answer{Status: test.status, Body: test.body})
		_, err := p.Send(t.Context(), providertest.Message())
		providertest.RequireFailure(t, err, test.kind, test.code, test.text)
	}
}

func TestAMessageWithoutACodeIsRejected(t *testing.T) {
	f, p := opener.Start(t, answer(map[string]any{"message": testID, "type": "success"}))
	_, err := p.Send(t.Context(), message(func(m *providers.Message) { m.Code = providers.Secret{} }))
	providertest.RequireFailure(t, err, providers.Rejected, "", "MSG91 sends a template with a code, and the message has none")
	require.Empty(t, f.Requests())
}

// The files are MSG91's own examples, and calls that aren't receipts.
func TestReceipts(t *testing.T) { providertest.Receipts(t, opener.Receiver, "testdata/receipts") }

func TestReceiptsAreUnsigned(t *testing.T) {
	p, err := opener.Receiver()
	require.NoError(t, err)
	require.Equal(t, providers.ReceiptSetup{Enter: "in MSG91's panel, under SMS, Webhook, with version v3", Unsigned: "MSG91 signs no delivery reports"}, p.Setup())
}

// Whatever comes, nothing but names and known statuses may be logged.
func FuzzReceipts(f *testing.F) {
	f.Add([]byte(`{"requestId":"346123456789012130","status":"2","number":"919810000123"}`))
	f.Add([]byte(`data=%5B%7B%22requestId%22%3A%22346123456789012130%22%2C%22report%22%3A%5B%7B%22status%22%3A%221%22%7D%5D%7D%5D`))
	f.Add([]byte(`[{"data":[{"meta":"0"}],"event":"delivered"}]`))
	p, err := opener.Receiver()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body []byte) {
		receipts, err := p.Receipts(nil, body)
		if err != nil {
			require.Equal(t, errUnreadable, err)
			require.Empty(t, receipts)
		}
		for _, receipt := range receipts {
			require.Regexp(t, requestID, receipt.ID)
			if receipt.Code != "" {
				require.Contains(t, reportCodes, receipt.Code)
			}
		}
	})
}

func TestValidate(t *testing.T) {
	const (
		badTemplate = "TEMPLATE_ID: want the template's ID at MSG91, 24 hex digits"
		badVariable = "CODE_VARIABLE: want the name of a variable, without the ## around it: letters, digits and underscores"
		number      = "CODE_VARIABLE: want another name: mobiles is the number"
		badSender   = "SENDER: want letters and digits"
	)
	for _, test := range []struct {
		name   string
		change func(*Settings)
		want   []string
	}{
		{"basic", func(*Settings) {}, nil},
		{"all", func(s *Settings) { s.CodeVariable, s.Sender = "var_1", "MYSHOP" }, nil},
		{"the ID at the DLT registry", func(s *Settings) { s.TemplateID = "1707166375278247471" }, []string{badTemplate}},
		{"variable with its marks", func(s *Settings) { s.CodeVariable = "##OTP##" }, []string{badVariable}},
		{"no variable", func(s *Settings) { s.CodeVariable = "" }, []string{badVariable}},
		{"the number as variable", func(s *Settings) { s.CodeVariable = "Mobiles" }, []string{number}},
		{"sender with a space", func(s *Settings) { s.Sender = "My Shop" }, []string{badSender}},
	} {
		s := *opener.Settings().(*Settings)
		test.change(&s)
		require.Equal(t, test.want, providertest.Problems(s.Validate()), test.name)
	}
}
