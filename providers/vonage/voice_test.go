package vonage

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
	"github.com/smshook/smshook/providers/spoken"
)

func withVoice(s *Settings) {
	withApplication(s)
	s.Channel = "voice"
}

func started() providertest.Answer {
	return answer(http.StatusCreated, map[string]any{
		"uuid": testUUID, "status": "started", "direction": "outbound", "conversation_uuid": "CON-" + testUUID,
	})
}

func voiceProvider() providertest.Provider {
	open := with(withVoice)
	return providertest.Provider{
		Open:     open.Open,
		Codes:    voiceCodes,
		Accepted: started(),
		Sent:     providers.Sent{IDs: []string{testUUID}},
		Refused:  problem,
		Checked:  messagesProvider().Checked,
		Dir:      "voice",
		Stable:   decodeToken,
		Requests: []providertest.Case{
			{Name: "code", Open: open.Open, Message: providertest.Message()},
			{Name: "callback", Open: open.Reporting().Open, Message: providertest.Message()},
			{Name: "german", Open: open.Open, Message: message(func(m *providers.Message) { m.Locale = "de-AT" })},
			{Name: "unknown-language", Open: with(withVoice, func(s *Settings) { s.Language, s.From = "pt", "+15555550100" }).Open,
				Message: message(func(m *providers.Message) { m.Locale = "" })},
			{Name: "both-credentials", Open: with(withVoice, func(s *Settings) {
				s.APIKey, s.APISecret = testKey, providers.NewSecret(testSecret)
			}).Open, Message: providertest.Message()},
			{Name: "code-quoted", Open: open.Open, Message: message(func(m *providers.Message) { m.Code = providers.NewSecret(`4"8\2&<é`) })},
			{Name: "text-without-code", Open: open.Open, Message: message(func(m *providers.Message) {
				m.Code, m.Text = providers.Secret{}, providers.NewSecret("<speak>Your table is free at 9 & 10</speak>")
			})},
		},
	}
}

func TestVoiceSuite(t *testing.T) { providertest.Run(t, voiceProvider()) }

func TestCallsAreAsVonageDescribesThem(t *testing.T) {
	d := described(t)
	requests := voiceProvider().Requests
	for _, locale := range spoken.Locales() {
		requests = append(requests, providertest.Case{Name: locale, Open: with(withVoice).Open, Message: message(func(m *providers.Message) {
			m.Locale = locale
		})})
	}
	for _, test := range requests {
		f := providertest.NewFake(t, started())
		p, err := test.Open(f.Base, providers.Deps{HTTP: f.Client()})
		require.NoError(t, err)
		_, err = p.Send(t.Context(), test.Message)
		require.NoError(t, err)
		var body map[string]any
		require.NoError(t, json.Unmarshal([]byte(f.Requests()[0].Body), &body))
		d.Call.require(t, test.Name, body)
		actions := body["ncco"].([]any)
		require.Len(t, actions, 1)
		d.Talk.require(t, test.Name+" ncco", actions[0])
		talk := actions[0].(map[string]any)
		require.Equal(t, 2.0, talk["loop"])
		if !test.Message.Code.Empty() {
			code := strings.Join(strings.Split(test.Message.Code.Reveal(), ""), ", ")
			require.Contains(t, talk["text"], strings.ReplaceAll(code, "<", " "))
		}
	}
}

func TestATextThatIsTooLongForACall(t *testing.T) {
	f, p := with(withVoice).Start(t, started())
	_, err := p.Send(t.Context(), message(func(m *providers.Message) {
		m.Code, m.Text = providers.Secret{}, providers.NewSecret(strings.Repeat("é", 1501))
	}))
	providertest.RequireFailure(t, err, providers.Rejected, "", "the text is too long to be spoken: 1501 characters, and Vonage takes 1500")
	require.Empty(t, f.Requests())
}

func TestRefusedCalls(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		kind   providers.Kind
		code   string
		text   string
	}{
		{400, `{"type":"https://developer.vonage.com/api-errors","title":"Bad Request","detail":"Invalid"}`,
			providers.Rejected, "", "answer 400: Bad Request: Invalid"},
		{400, `{"title":"Bad Request","invalid_parameters":[{"name":"to","reason":"+447700900123 is not valid"}]}`,
			providers.Recipient, "", "answer 400: Bad Request: to: [secret] is not valid"},
		{400, `{"error_title":"Bad Request","type":"TBD","invalid_parameters":{"from":"Is required."}}`, providers.Rejected, "", "answer 400"},
		{401, `{"type":"UNAUTHORIZED","error_title":"Unauthorized"}`, providers.Account, "", "answer 401"},
		{402, `{"type":"https://developer.vonage.com/api-errors#low-balance","title":"Low balance"}`,
			providers.Account, "low-balance", "answer 402: Low balance"},
		{429, `{"type":"https://developer.vonage.com/api-errors#throttled","title":"Throttled"}`,
			providers.Temporary, "throttled", "answer 429: Throttled"},
		{400, `{"title":"can't say 4, 8, 2, 9, 1, 3"}`, providers.Rejected, "", "answer 400: can't say [code]"},
		{400, `{"title":"can't say Your code is: 4, 8, 2, 9, 1, 3."}`, providers.Rejected, "", "answer 400: can't say [secret]"},
	} {
		_, p := with(withVoice).Start(t, providertest.Answer{Status: test.status, Body: test.body})
		_, err := p.Send(t.Context(), providertest.Message())
		providertest.RequireFailure(t, err, test.kind, test.code, test.text)
	}
}

func eventReceiver(t *testing.T) (providers.Receiver, *http.Request) {
	t.Helper()
	p, err := with(withVoice).Receiver()
	require.NoError(t, err)
	return p, &http.Request{Method: http.MethodPost, Header: http.Header{}}
}

// A completed call may have been answered by a voicemail.
func TestCallEvents(t *testing.T) {
	p, r := eventReceiver(t)
	one := func(state providers.State, kind providers.Kind, code string) []providers.Receipt {
		return []providers.Receipt{{ID: testUUID, State: state, Kind: kind, Code: code}}
	}
	for _, test := range []struct {
		status, detail string
		want           []providers.Receipt
	}{
		{"started", "", one(providers.StateQueued, 0, "")},
		{"ringing", "", one(providers.StateQueued, 0, "")},
		{"answered", "", one(providers.StateSent, 0, "")},
		{"human", "", one(providers.StateSent, 0, "")},
		{"machine", "", one(providers.StateSent, 0, "")},
		{"completed", "", one(providers.StateSent, 0, "")},
		{"completed", "declined", one(providers.StateSent, 0, "")},
		{"busy", "", one(providers.StateUndelivered, providers.Channel, "")},
		{"timeout", "", one(providers.StateUndelivered, providers.Channel, "")},
		{"unanswered", "timeout", one(providers.StateUndelivered, providers.Channel, "timeout")},
		{"unanswered", "unavailable", one(providers.StateUndelivered, providers.Channel, "unavailable")},
		{"unanswered", "carrier_timeout", one(providers.StateUndelivered, providers.Temporary, "carrier_timeout")},
		{"rejected", "declined", one(providers.StateUndelivered, providers.Channel, "declined")},
		{"rejected", "invalid_number", one(providers.StateUndelivered, providers.Recipient, "invalid_number")},
		{"rejected", "restricted", one(providers.StateUndelivered, providers.Rejected, "restricted")},
		{"rejected", "", one(providers.StateUndelivered, providers.Recipient, "")},
		{"rejected", "of_next_year", one(providers.StateUndelivered, providers.Recipient, "of_next_year")},
		{"failed", "cannot_route", one(providers.StateFailed, providers.Rejected, "cannot_route")},
		{"failed", "447700900123", one(providers.StateFailed, providers.Temporary, "")},
		{"failed", "", one(providers.StateFailed, providers.Temporary, "")},
		{"cancelled", "", one(providers.StateFailed, providers.Temporary, "")},
		{"disconnected", "", nil},
		{"", "", nil},
	} {
		body, err := json.Marshal(map[string]any{"uuid": testUUID, "status": test.status, "detail": test.detail, "to": "447700900123", "duration": "12"})
		require.NoError(t, err)
		got, err := p.Receipts(r, body)
		require.NoError(t, err)
		require.Equal(t, test.want, got, test.status+" "+test.detail)
		for _, receipt := range got {
			require.False(t, receipt.State.Delivered())
		}
	}
	for _, body := range []string{
		`{"message_uuid":"` + testUUID + `","status":"delivered"}`,
		`{"uuid":"447700900123","status":"completed"}`,
		`{"reason":"Syntax error in NCCO","conversation_uuid":"CON-1"}`,
		`{}`,
	} {
		got, err := p.Receipts(r, []byte(body))
		require.NoError(t, err)
		require.Empty(t, got, body)
	}
	_, err := p.Receipts(r, []byte("uuid=482913"))
	require.EqualError(t, err, "the receipt is not the JSON it should be")
}

func TestCallEventsHaveATime(t *testing.T) {
	p, r := eventReceiver(t)
	got, err := p.Receipts(r, []byte(`{"uuid":"`+testUUID+`","status":"ringing","timestamp":"2026-05-04T12:00:00.000Z"}`))
	require.NoError(t, err)
	require.Equal(t, "2026-05-04T12:00:00Z", got[0].At.Format("2006-01-02T15:04:05Z07:00"))
}

func TestSignedCallEvents(t *testing.T) {
	providertest.RunSigned(t, providertest.Signed{
		Opener: with(withVoice, withSignature(testTokenSecret)),
		Body:   `{"uuid":"` + testReport + `","status":"rejected","detail":"restricted","to":"447700900123"}`,
		Sign:   signToken,
		Want:   []providers.Receipt{{ID: testReport, State: providers.StateUndelivered, Kind: providers.Rejected, Code: "restricted"}},
		Lasts:  messagesRepeats + providers.ClockError,
	})
}

func TestValidateVoice(t *testing.T) {
	const (
		noApplication = "APPLICATION_ID: is missing: a call takes an application with the Voice capability (APPLICATION_ID and PRIVATE_KEY)"
		noAPI         = "API: is for messages: a call (CHANNEL=voice) goes by the Voice API"
		badNumber     = "FROM: want a number that can call, with its calling code, such as 15555550100"
		noTemplate    = "TEMPLATE: is for CHANNEL=whatsapp alone"
		language      = "LANGUAGE: want one of ar, bn, de, en, es, fr, hi, id, ja, pt, ru, zh-Hans, zh-Hant"
	)
	for _, test := range []struct {
		name   string
		change func(*Settings)
		want   []string
	}{
		{"application", func(*Settings) {}, nil},
		{"and a key", func(s *Settings) { s.APIKey, s.APISecret = testKey, providers.NewSecret(testSecret) }, nil},
		{"language", func(s *Settings) { s.Language = "zh-TW" }, nil},
		{"unspoken language", func(s *Settings) { s.Language = "ko" }, []string{language}},
		{"key alone", func(s *Settings) { withKey(s); s.Channel = "voice" }, []string{noApplication}},
		{"nothing", func(s *Settings) { *s = Settings{Channel: "voice"} }, []string{noApplication, badNumber}},
		{"API", func(s *Settings) { s.API = "messages" }, []string{noAPI}},
		{"name", func(s *Settings) { s.From = "Acme" }, []string{badNumber}},
		{"template", func(s *Settings) { s.Template = "x" }, []string{noTemplate}},
	} {
		var s Settings
		withVoice(&s)
		test.change(&s)
		require.Equal(t, test.want, providertest.Problems(s.Validate()), test.name)
		require.Equal(t, "voice", s.api(), test.name)
	}
}
