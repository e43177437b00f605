package plivo

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

const (
	testAccount   = "MA0123456789ABCDEFGH"
	testToken     = "auth+token/0123=="
	testPowerpack = "00000000-0000-4000-8000-00000000000a"
	testMessage   = "00000000-0000-4000-8000-000000000001"
	testIndian    = "+910000000123" // no number in India begins with a 0
)

// opener opens a Provider with what an account can't do without.
var opener = providertest.NewOpener(providers.NewDriver("plivo", "Plivo", New), map[string]string{
	"AUTH_ID":    testAccount,
	"AUTH_TOKEN": testToken,
	"FROM":       "+15555550100",
})

func basic() Settings { return *opener.Settings().(*Settings) }

// with returns how to open a Provider of the basic settings, changed.
func with(change func(*Settings)) providertest.Opener {
	return opener.Changed(func(settings any) { change(settings.(*Settings)) })
}

func asIs(*Settings) {}

func registered(s *Settings) {
	s.DLTEntityID, s.DLTTemplateID, s.DLTTemplateCategory = "1100000000000000001", "1100000000000000002", "service_implicit"
}

// messageWith returns the suite's message, changed.
func messageWith(change func(*providers.Message)) providers.Message {
	m := providertest.Message()
	change(&m)
	return m
}

func to(number string) providers.Message {
	return messageWith(func(m *providers.Message) { m.To = providers.NewSecret(number) })
}

func text(text string) providers.Message {
	return messageWith(func(m *providers.Message) { m.Text = providers.NewSecret(text) })
}

func life(d time.Duration) providers.Message {
	return messageWith(func(m *providers.Message) { m.Life = d })
}

// accepted is what Plivo answers when it takes a message.
func accepted(fields map[string]any) providertest.Answer {
	body := map[string]any{
		"message": "message(s) queued", "message_uuid": []string{testMessage}, "api_id": "00000000-0000-4000-8000-0000000000ff",
	}
	maps.Copy(body, fields)
	encoded, _ := json.Marshal(body)
	return providertest.Answer{Status: http.StatusAccepted, Body: string(encoded)}
}

// refusedWith is what Plivo answers when it doesn't: with a text in "error", or in the shape of its other APIs.
func refusedWith(code, text string) providertest.Answer {
	body := map[string]any{"api_id": "00000000-0000-4000-8000-0000000000ff", "error": text}
	if code != "" {
		body = map[string]any{"api_id": "00000000-0000-4000-8000-0000000000ff", "error_code": code, "message": text}
	}
	encoded, _ := json.Marshal(body)
	return providertest.Answer{Status: http.StatusBadRequest, Body: string(encoded)}
}

func provider() providertest.Provider {
	long := strings.Repeat("0123456789", 159) + " is 482913" // 1600 characters: the most that Plivo takes
	return providertest.Provider{
		Open:     opener.Reporting().Open,
		Secrets:  []string{testToken, providertest.ReceiptToken},
		Codes:    codes,
		Accepted: accepted(nil),
		Sent:     providers.Sent{IDs: []string{testMessage}},
		Refused:  refusedWith,
		Checked:  providertest.Answer{Status: http.StatusOK, Body: `{"account_type":"standard","auth_id":"` + testAccount + `"}`},
		Requests: []providertest.Case{
			{Name: "from", Open: opener.Open, Message: providertest.Message()},
			{Name: "receipts", Open: opener.Reporting().Open, Message: providertest.Message()},
			{Name: "sender-name", Open: with(func(s *Settings) { s.From = "My Shop" }).Open, Message: providertest.Message()},
			{Name: "powerpack", Open: with(func(s *Settings) {
				s.From, s.PowerpackUUID = "", testPowerpack
			}).Open, Message: providertest.Message()},
			{Name: "subaccount", Open: with(func(s *Settings) { s.AuthID = "SA0123456789ABCDEFGH" }).Open, Message: providertest.Message()},

			{Name: "life-unknown", Open: opener.Open, Message: life(0)},
			{Name: "life-too-short", Open: opener.Open, Message: life(time.Second)},
			{Name: "life-longest", Open: opener.Open, Message: life(10799 * time.Second)},
			{Name: "life-too-long", Open: opener.Open, Message: life(24 * time.Hour)},

			{Name: "dlt-india", Open: with(registered).Open, Message: to(testIndian)},
			{Name: "dlt-elsewhere", Open: with(registered).Open, Message: providertest.Message()},
			{Name: "dlt-elsewhere-digits-alike", Open: with(registered).Open, Message: to("+19155550191")},
			{Name: "dlt-entity-alone", Open: with(func(s *Settings) {
				s.DLTEntityID = "1100000000000000001"
			}).Open, Message: to(testIndian)},
			{Name: "india-not-registered", Open: opener.Open, Message: to(testIndian)},

			{Name: "media", Open: opener.Open, Message: messageWith(func(m *providers.Message) {
				m.From, m.Media = "+15555550100", []string{"https://example.com/a.png", "https://example.com/b.pdf?size=1&page=2"}
			})},
			{Name: "text-long", Open: opener.Open, Message: text(long)},
			{Name: "text-unicode", Open: opener.Open, Message: text("Ваш код: 482913\n🔑 कोड\n\n@shop.example #482913")},
			{Name: "text-json", Open: opener.Open, Message: text("\"}\\u0041\t482913\u2028<b>&amp;</b>\x00")},
		},
	}
}

func TestSuite(t *testing.T) { providertest.Run(t, provider()) }

// A "<" would be read as one recipient more.
func TestSeveralNumbersAreNotSent(t *testing.T) {
	f, p := opener.Start(t, accepted(nil))
	for _, number := range []string{
		"", "+", "447700900123", "+447700900123<447700900124", "+447700900123\n", "+44 7700 900123", "+٤٤٧٧", "<+447700900123",
	} {
		_, err := p.Send(t.Context(), to(number))
		providertest.RequireFailure(t, err, providers.Rejected, "", "not sent: the number isn't + and digits")
	}
	require.Empty(t, f.Requests())
}

func TestBaseURL(t *testing.T) {
	for base, want := range map[string]string{
		"https://api.plivo.com":          "https://api.plivo.com/v1/Account/" + testAccount + "/Message/",
		"https://api.plivo.com/":         "https://api.plivo.com/v1/Account/" + testAccount + "/Message/",
		"https://proxy.example:8443/sms": "https://proxy.example:8443/sms/v1/Account/" + testAccount + "/Message/",
	} {
		s := basic()
		require.NoError(t, s.BaseURL.UnmarshalText([]byte(base)))
		p, err := New(s, providers.Deps{})
		require.NoError(t, err)
		require.Equal(t, want, p.url("/Message/"))
	}
}
