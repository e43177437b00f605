package twilio

import (
	"encoding/json"
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
	"github.com/smshook/smshook/providers/spoken"
)

const testCall = "CA00000000000000000000000000000001"

func overVoice(s *Settings) { s.Channel = "voice" }

func inGerman(m *providers.Message) { m.Locale = "de-AT" }

// calling is what Twilio answers when it will call.
func calling(fields map[string]any) providertest.Answer {
	body := map[string]any{
		"sid": testCall, "account_sid": testAccount, "status": "queued", "to": "+447700900123", "from": "+15555550100",
		"direction": "outbound-api", "answered_by": nil, "price": nil,
	}
	maps.Copy(body, fields)
	text, _ := json.Marshal(body)
	return providertest.Answer{Status: http.StatusCreated, Body: string(text)}
}

func voiceProvider() providertest.Provider {
	open := with(overVoice)
	return providertest.Provider{
		Open:     open.Reporting().Open,
		Secrets:  []string{testToken, providertest.ReceiptToken},
		Codes:    codes,
		Accepted: calling(nil),
		Sent:     providers.Sent{IDs: []string{testCall}},
		Refused:  refusedWith,
		Checked:  providertest.Answer{Status: http.StatusOK, Body: `{"calls":[],"page":0,"page_size":1}`},
		Dir:      "voice",
		Requests: []providertest.Case{
			{Name: "code", Open: open.Open, Message: providertest.Message()},
			{Name: "receipts", Open: open.Reporting().Open, Message: providertest.Message()},
			{Name: "german", Open: open.Open, Message: message(inGerman)},
			{Name: "unknown-language", Open: with(func(s *Settings) { overVoice(s); s.Language = "pt" }).Open, Message: message(func(m *providers.Message) {
				m.Locale = ""
			})},
			{Name: "code-quoted", Open: open.Open, Message: message(func(m *providers.Message) { m.Code = providers.NewSecret(`4"8\2&<é`) })},
			{Name: "text-without-code", Open: open.Open, Message: message(func(m *providers.Message) {
				m.Code, m.Text = providers.Secret{}, providers.NewSecret("Your table is <free>\nat 9 & 10")
			})},
		},
	}
}

func TestVoiceSuite(t *testing.T) { providertest.Run(t, voiceProvider()) }

// description is Twilio's own of a request that creates a call.
type description struct {
	Required   []string
	Status     []string
	Properties map[string]struct {
		Type, Format string
		Enum         []string
	}
}

func described(t *testing.T) (d description) {
	t.Helper()
	text, err := os.ReadFile("testdata/openapi-create-call.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &d))
	return d
}

func TestCallsAreAsTwilioDescribesThem(t *testing.T) {
	d := described(t)
	for _, test := range voiceProvider().Requests {
		f := providertest.NewFake(t, calling(nil))
		p, err := test.Open(f.Base, providers.Deps{HTTP: f.Client()})
		require.NoError(t, err)
		_, err = p.Send(t.Context(), test.Message)
		require.NoError(t, err)
		fields, err := url.ParseQuery(string(f.Requests()[0].Body))
		require.NoError(t, err)
		for _, name := range d.Required {
			require.Contains(t, fields, name, test.Name)
		}
		for name, values := range fields {
			property, known := d.Properties[name]
			require.True(t, known, "%s: Twilio has no %s", test.Name, name)
			require.Len(t, values, 1)
			switch {
			case property.Type == "integer":
				_, err := strconv.Atoi(values[0])
				require.NoError(t, err, name)
			case property.Format == "uri":
				u, err := url.Parse(values[0])
				require.NoError(t, err)
				require.Equal(t, "https", u.Scheme)
			case property.Format == "twiml":
				requireTwiml(t, values[0], test.Message)
			}
		}
	}
}

// requireTwiml reads what is said as Twilio does: the escapes are those of XML.
func requireTwiml(t *testing.T, text string, m providers.Message) {
	t.Helper()
	var response struct {
		XMLName xml.Name `xml:"Response"`
		Say     []struct {
			Loop int    `xml:"loop,attr"`
			Text string `xml:",chardata"`
		}
	}
	require.NoError(t, xml.Unmarshal([]byte(text), &response))
	require.Len(t, response.Say, 1)
	require.Equal(t, 2, response.Say[0].Loop)
	said := response.Say[0].Text
	if m.Code.Empty() {
		require.Equal(t, m.Text.Reveal(), said)
		return
	}
	require.Contains(t, said, strings.Join(strings.Split(m.Code.Reveal(), ""), ", "))
	require.NotContains(t, said, m.Text.Reveal())
}

func TestEachLanguageHasAVoice(t *testing.T) {
	require.Len(t, voices, len(spoken.Locales()))
	for _, locale := range spoken.Locales() {
		v := voices[locale]
		require.True(t, strings.HasPrefix(v.name, "Google."+v.language+"-Standard-"), locale)
	}
}

func TestATextThatIsTooLongForACall(t *testing.T) {
	f, p := with(overVoice).Start(t, calling(nil))
	_, err := p.Send(t.Context(), message(func(m *providers.Message) {
		m.Code, m.Text = providers.Secret{}, providers.NewSecret(strings.Repeat("<", 1000))
	}))
	providertest.RequireFailure(t, err, providers.Rejected, "", "the text is too long to be spoken: 4109 characters of TwiML, and Twilio takes 4000")
	require.Empty(t, f.Requests())
}

func TestACallThatFailsAtOnce(t *testing.T) {
	for _, status := range []string{"busy", "failed", "no-answer", "canceled"} {
		_, p := with(overVoice).Start(t, calling(map[string]any{"status": status}))
		_, err := p.Send(t.Context(), providertest.Message())
		providertest.RequireFailure(t, err, providers.Rejected, "", "answer 201: call "+status)
	}
}

func TestAMessageSIDIsNoCallSID(t *testing.T) {
	_, p := with(overVoice).Start(t, calling(map[string]any{"sid": testMessage}))
	sent, err := p.Send(t.Context(), providertest.Message())
	require.NoError(t, err)
	require.Equal(t, providers.Sent{}, sent)
}

// A completed call may have been answered by a voicemail.
func TestCallStates(t *testing.T) {
	p, err := with(func(s *Settings) { keyAlone(s); overVoice(s) }).Receiver()
	require.NoError(t, err)
	r, err := http.NewRequest(http.MethodPost, "https://hook.example.com/receipts/twilio/token", http.NoBody)
	require.NoError(t, err)
	want := map[string][]providers.Receipt{
		"queued":      {{ID: testCall, State: providers.StateQueued}},
		"initiated":   {{ID: testCall, State: providers.StateQueued}},
		"ringing":     {{ID: testCall, State: providers.StateQueued}},
		"in-progress": {{ID: testCall, State: providers.StateSent}},
		"completed":   {{ID: testCall, State: providers.StateSent}},
		"busy":        {{ID: testCall, State: providers.StateUndelivered, Kind: providers.Channel}},
		"no-answer":   {{ID: testCall, State: providers.StateUndelivered, Kind: providers.Channel}},
		"failed":      {{ID: testCall, State: providers.StateFailed, Kind: providers.Rejected, Code: "13224"}},
		"canceled":    {{ID: testCall, State: providers.StateFailed, Kind: providers.Rejected, Code: "13224"}},
	}
	for _, status := range described(t).Status {
		require.Contains(t, want, status)
	}
	want["answered"], want["new-in-2027"], want[""] = nil, nil, nil
	for status, receipts := range want {
		fields := url.Values{"AccountSid": {testAccount}, "CallSid": {testCall}, "CallStatus": {status}, "ErrorCode": {"13224"}, "AnsweredBy": {"human"}}
		got, err := p.Receipts(r, []byte(fields.Encode()))
		require.NoError(t, err, status)
		require.Equal(t, receipts, got, status)
		for _, receipt := range got {
			require.False(t, receipt.State.Delivered())
		}
	}
	for _, fields := range []url.Values{
		{"MessageSid": {testMessage}, "MessageStatus": {"delivered"}},
		{"CallSid": {testMessage}, "CallStatus": {"completed"}},
		{"CallSid": {"+447700900123"}, "CallStatus": {"completed"}},
	} {
		fields.Set("AccountSid", testAccount)
		got, err := p.Receipts(r, []byte(fields.Encode()))
		require.NoError(t, err)
		require.Empty(t, got)
	}
}

func TestSignedCallReceipts(t *testing.T) {
	providertest.RunSigned(t, providertest.Signed{
		Opener: with(overVoice),
		Body:   "AccountSid=" + testAccount + "&CallSid=" + testCall + "&CallStatus=failed&ErrorCode=13224&To=%2B447700900123",
		Sign:   signForm,
		Want:   []providers.Receipt{{ID: testCall, State: providers.StateFailed, Kind: providers.Rejected, Code: "13224"}},

		CoversAddress: true,
	})
}

func TestValidateVoice(t *testing.T) {
	const (
		badNumber = "FROM: want a number that can call, with its plus and calling code, such as +15005550006"
		service   = "MESSAGING_SERVICE_SID: is for messages: a call (CHANNEL=voice) comes from FROM"
		content   = "CONTENT_SID: is for messages: a call (CHANNEL=voice) has no template"
		language  = "LANGUAGE: want one of ar, bn, de, en, es, fr, hi, id, ja, pt, ru, zh-Hans, zh-Hant"
	)
	for _, test := range []struct {
		name   string
		change func(*Settings)
		want   []string
	}{
		{"basic", overVoice, nil},
		{"language", func(s *Settings) { overVoice(s); s.Language = "pt-BR" }, nil},
		{"unspoken language", func(s *Settings) { overVoice(s); s.Language = "ko" }, []string{language}},
		{"name", func(s *Settings) { overVoice(s); s.From = "Acme" }, []string{badNumber}},
		{"no number", func(s *Settings) { overVoice(s); s.From = "" }, []string{badNumber}},
		{"short code", func(s *Settings) { overVoice(s); s.From = "55501" }, []string{badNumber}},
		{"WhatsApp", func(s *Settings) { overVoice(s); s.From = "whatsapp:+15555550100" }, []string{badNumber}},
		{"service", func(s *Settings) { overVoice(s); s.MessagingServiceSID = testService }, []string{service}},
		{"template", func(s *Settings) { overVoice(s); s.ContentSID = testContent }, []string{content}},
		{"language for messages", func(s *Settings) { s.Language = "de" }, []string{"LANGUAGE: is for CHANNEL=voice alone"}},
	} {
		s := basic()
		test.change(&s)
		require.Equal(t, test.want, providertest.Problems(s.Validate()), test.name)
	}
}

// Twilio may repeat what it was to say.
func TestWhatIsSaidIsMasked(t *testing.T) {
	for _, change := range []func(*providers.Message){func(*providers.Message) {}, inGerman} {
		f, p := with(overVoice).Start(t, calling(nil))
		m := message(change)
		_, err := p.Send(t.Context(), m)
		require.NoError(t, err)
		body := string(f.Requests()[0].Body)
		fields, err := url.ParseQuery(body)
		require.NoError(t, err)
		for _, echo := range []string{fields.Get("Twiml"), body, "4, 8, 2, 9, 1, 3", "4,8,2,9,1,3", "4, 8, 2, 9, 1, 3."} {
			f.Answer(refusedWith("13224", "can't say "+echo))
			_, err = p.Send(t.Context(), m)
			require.ErrorContains(t, err, "can't say")
			require.NotRegexp(t, `4\W*(2C|\+)*8|1\W*(2C|\+)*3\.`, err.Error(), echo)
		}
	}
}
