package sns

import (
	"encoding/xml"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/providertest"
)

const (
	testKey    = "AKIAIOSFODNN7EXAMPLE"
	testSecret = "secret+key/01234=="
	testRegion = "eu-central-1"
	testID     = "567910cd-659e-55d4-8ccb-5aaf14679dc0"
)

var opener = providertest.NewOpener(providers.NewDriver("sns", "Amazon SNS", New), map[string]string{
	"ACCESS_KEY_ID":     testKey,
	"SECRET_ACCESS_KEY": testSecret,
	"REGION":            testRegion,
})

func with(change func(*Settings)) providertest.Opener {
	return opener.Changed(func(settings any) { change(settings.(*Settings)) })
}

// open opens a provider that is at no server.
func open(t *testing.T, change func(*Settings)) *Provider {
	t.Helper()
	p, err := with(change).Open("", providers.Deps{})
	require.NoError(t, err)
	return p.(*Provider)
}

// published is AWS's own example of an answer. https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
func published() providertest.Answer {
	return providertest.Answer{Status: http.StatusOK, Body: `<PublishResponse xmlns="https://sns.amazonaws.com/doc/2010-03-31/">
  <PublishResult>
    <MessageId>` + testID + `</MessageId>
  </PublishResult>
  <ResponseMetadata>
    <RequestId>f187a3c1-376f-11df-8963-01868b7c937a</RequestId>
  </ResponseMetadata>
</PublishResponse>`}
}

func refusedWith(code, text string) providertest.Answer {
	var b strings.Builder
	b.WriteString(`<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>`)
	_ = xml.EscapeText(&b, []byte(code))
	b.WriteString(`</Code><Message>`)
	_ = xml.EscapeText(&b, []byte(text))
	b.WriteString(`</Message></Error><RequestId>f187a3c1-376f-11df-8963-01868b7c937a</RequestId></ErrorResponse>`)
	return providertest.Answer{Status: http.StatusBadRequest, Body: b.String()}
}

func message(change func(*providers.Message)) providers.Message {
	m := providertest.Message()
	change(&m)
	return m
}

func toIndia(m *providers.Message) { m.To = providers.NewSecret("+919810000123") }

func dlt(s *Settings) {
	s.SenderID, s.DLTEntityID, s.DLTTemplateID = "MYSHOP", "1701165718168578728", "1707166375278247471"
}

func temporary(s *Settings) { s.SessionToken = providers.NewSecret("session+token/0123456789==") }

func provider() providertest.Provider {
	return providertest.Provider{
		Open:     with(temporary).Open,
		Secrets:  []string{testSecret, "session+token/0123456789=="},
		Codes:    codes,
		Accepted: published(),
		Sent:     providers.Sent{IDs: []string{testID}},
		Refused:  refusedWith,
		Checked: providertest.Answer{Status: http.StatusOK, Body: `<GetSMSAttributesResponse><GetSMSAttributesResult><attributes><entry>` +
			`<key>MonthlySpendLimit</key><value>1</value></entry></attributes></GetSMSAttributesResult></GetSMSAttributesResponse>`},
		Stable: verified,
		Requests: []providertest.Case{
			{Name: "basic", Open: opener.Open, Message: providertest.Message()},
			{Name: "sender-name", Open: with(func(s *Settings) { s.SenderID = "MyShop" }).Open, Message: providertest.Message()},
			{Name: "sender-number", Open: with(func(s *Settings) { s.OriginationNumber = "+15555550100" }).Open, Message: providertest.Message()},
			{Name: "session-token", Open: with(temporary).Open, Message: providertest.Message()},
			{Name: "dlt-india", Open: with(dlt).Open, Message: message(toIndia)},
			{Name: "dlt-elsewhere", Open: with(dlt).Open, Message: providertest.Message()},
			{Name: "india-not-registered", Open: opener.Open, Message: message(toIndia)},
			{Name: "text-unicode", Open: opener.Open, Message: message(func(m *providers.Message) {
				m.Text = providers.NewSecret("Ваш код: 482913\n🔑 कोड\n\n@shop.example #482913")
			})},
		},
	}
}

func TestSuite(t *testing.T) { providertest.Run(t, provider()) }

func TestCodes(t *testing.T) {
	require.Equal(t, providertest.Codes(t, "testdata/codes.tsv"), codes)
}

func TestRefused(t *testing.T) {
	answer := func(status int, code, text string) providertest.Answer {
		a := refusedWith(code, text)
		a.Status = status
		return a
	}
	for _, test := range []struct {
		answer     providertest.Answer
		kind       providers.Kind
		code, text string
	}{
		{answer(400, "InvalidParameter", "Invalid parameter: PhoneNumber Reason: +447700900123 is not valid to publish to"),
			providers.Recipient, "InvalidParameter", "answer 400: Invalid parameter: PhoneNumber Reason: [secret] is not valid to publish to"},
		{answer(400, "InvalidParameter", "Invalid parameter: Phone number is opted out"),
			providers.Recipient, "InvalidParameter", "answer 400: Invalid parameter: Phone number is opted out"},
		{answer(400, "InvalidParameter", "Invalid parameter: Message too long"),
			providers.Rejected, "InvalidParameter", "answer 400: Invalid parameter: Message too long"},
		{answer(400, "InvalidParameter", "Invalid parameter: OriginationNumber Reason: no such PhoneNumber"),
			providers.Rejected, "InvalidParameter", "answer 400: Invalid parameter: OriginationNumber Reason: no such PhoneNumber"},
		{answer(400, "Throttling", "Rate exceeded"), providers.Temporary, "Throttling", "answer 400: Rate exceeded"},
		{answer(403, "Throttled", "opted out is only a word here"), providers.Temporary, "Throttled", "answer 403: opted out is only a word here"},
		{answer(403, "SignatureDoesNotMatch", "The request signature we calculated does not match"),
			providers.Account, "SignatureDoesNotMatch", "answer 403: The request signature we calculated does not match"},
		{answer(403, "OfNextYear", "No"), providers.Account, "OfNextYear", "answer 403: No"},
		{providertest.Answer{Status: 503, Body: "<html>busy</html>"}, providers.Temporary, "", "answer 503"},
		{providertest.Answer{Status: 400, Body: `<!DOCTYPE x [<!ENTITY e "482913">]><ErrorResponse><Error><Message>&e;</Message></Error></ErrorResponse>`},
			providers.Rejected, "", "answer 400"},
	} {
		_, p := opener.Start(t, test.answer)
		_, err := p.Send(t.Context(), providertest.Message())
		providertest.RequireFailure(t, err, test.kind, test.code, test.text)
	}
}

func TestPublishedWithoutID(t *testing.T) {
	for body, want := range map[string]string{
		`<PublishResponse><PublishResult/></PublishResponse>`:                      "answer 200: no MessageId in the answer",
		`<GetSMSAttributesResponse/>`:                                              "answer 200: the answer is not the XML it should be",
		`{"PublishResponse":{"PublishResult":{"MessageId":"` + testID + `"}}}`:     "answer 200: the answer is not the XML it should be",
		`<PublishResponse><PublishResult><MessageId>482913</PublishResult></Publi`: "answer 200: the answer is not the XML it should be",
	} {
		_, p := opener.Start(t, providertest.Answer{Status: 200, Body: body})
		_, err := p.Send(t.Context(), providertest.Message())
		providertest.RequireFailure(t, err, providers.Unknown, "", want)
	}
}

func TestAddress(t *testing.T) {
	for region, want := range map[string]string{
		"eu-central-1":  "https://sns.eu-central-1.amazonaws.com",
		"us-gov-west-1": "https://sns.us-gov-west-1.amazonaws.com",
		"cn-north-1":    "https://sns.cn-north-1.amazonaws.com.cn",
	} {
		require.Equal(t, want, string(open(t, func(s *Settings) { s.Region = region }).settings.BaseURL))
	}
	for given, want := range map[string]string{
		"https://vpce.example.com": "https://vpce.example.com", "https://vpce.example.com:443": "https://vpce.example.com",
		"https://vpce.example.com:8443": "https://vpce.example.com:8443", "http://[::1]:80": "http://[::1]", "http://localhost:443": "http://localhost:443",
	} {
		require.Equal(t, want, string(open(t, func(s *Settings) { s.BaseURL = call.BaseURL(given) }).settings.BaseURL))
	}
}

// SNS writes to CloudWatch Logs what became of a message, and calls nobody.
func TestNoReceipts(t *testing.T) {
	_, ok := providers.As[providers.Receiver](open(t, func(*Settings) {}))
	require.False(t, ok)
}

func TestCredentials(t *testing.T) {
	require.Equal(t, []string{"ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION"}, open(t, func(*Settings) {}).Credentials())
	require.Equal(t, []string{"ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "REGION"}, open(t, temporary).Credentials())
}

func TestValidate(t *testing.T) {
	const (
		badKey    = "ACCESS_KEY_ID: want an access key's ID, in capital letters and digits"
		badRegion = "REGION: want an AWS region such as eu-central-1"
		longName  = "SENDER_ID: want at most 11 letters and digits"
		badName   = "SENDER_ID: want letters and digits, with a letter among them; a number goes into ORIGINATION_NUMBER"
		badNumber = "ORIGINATION_NUMBER: want a number of 5 to 14 digits, such as +15555550100"
		noEntity  = "DLT_ENTITY_ID: is missing beside DLT_TEMPLATE_ID"
		noTempl   = "DLT_TEMPLATE_ID: is missing beside DLT_ENTITY_ID"
		badTempl  = "DLT_TEMPLATE_ID: want up to 50 letters and digits"
	)
	for _, test := range []struct {
		name   string
		change func(*Settings)
		want   []string
	}{
		{"basic", func(*Settings) {}, nil},
		{"all", func(s *Settings) { dlt(s); temporary(s); s.OriginationNumber = "+15555550100" }, nil},
		{"short code", func(s *Settings) { s.OriginationNumber = "55501" }, nil},
		{"secret as key", func(s *Settings) { s.AccessKeyID = testSecret }, []string{badKey}},
		{"an endpoint as region", func(s *Settings) { s.Region = "sns.eu-central-1.amazonaws.com" }, []string{badRegion}},
		{"a region that leads elsewhere", func(s *Settings) { s.Region = "x.example/eu-central-1" }, []string{badRegion}},
		{"a zone as region", func(s *Settings) { s.Region = "eu-central-1a" }, []string{badRegion}},
		{"a name that is long", func(s *Settings) { s.SenderID = "MyBeautifulShop" }, []string{longName}},
		{"a name with a space", func(s *Settings) { s.SenderID = "My Shop" }, []string{badName}},
		{"a number as name", func(s *Settings) { s.SenderID = "15555550100" }, []string{badName}},
		{"a name as number", func(s *Settings) { s.OriginationNumber = "MyShop" }, []string{badNumber}},
		{"entity alone", func(s *Settings) { s.DLTEntityID = "1" }, []string{noTempl}},
		{"template alone", func(s *Settings) { s.DLTTemplateID = "1" }, []string{noEntity}},
		{"template of another kind", func(s *Settings) { dlt(s); s.DLTTemplateID = "{#var#}" }, []string{badTempl}},
	} {
		s := *opener.Settings().(*Settings)
		test.change(&s)
		require.Equal(t, test.want, providertest.Problems(s.Validate()), test.name)
	}
}
