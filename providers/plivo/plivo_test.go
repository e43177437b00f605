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
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/providertest"
)

const (
	testAccount   = "MA0123456789ABCDEFGH"
	testToken     = "auth+token/0123=="
	testPowerpack = "00000000-0000-4000-8000-00000000000a"
	testMessage   = "00000000-0000-4000-8000-000000000001"
	testIndian    = "+910000000123" // no number in India begins with a 0
)

// basic is what an account can't do without.
func basic() Settings {
	return Settings{
		AuthID:    testAccount,
		AuthToken: providers.NewSecret(testToken),
		From:      "+15555550100",
		BaseURL:   "https://api.plivo.com",
	}
}

// with returns how to open a Provider of the basic settings, changed.
func with(change func(*Settings)) providertest.Open {
	return func(base call.BaseURL, d providers.Deps) (providers.Provider, error) {
		s := basic()
		s.BaseURL = base
		change(&s)
		if err := s.Validate(); err != nil {
			return nil, err
		}
		return New(s, d)
	}
}

func asIs(*Settings) {}

const testReceiptToken = "Zm9yIC9yZWNlaXB0cw"

// reporting returns how to open a Provider whose provider is told where to send receipts.
func reporting(open providertest.Open) providertest.Open {
	return func(base call.BaseURL, d providers.Deps) (providers.Provider, error) {
		d.Callback = providers.NewCallback("https://hook.example.com/receipts/plivo/" + testReceiptToken)
		return open(base, d)
	}
}

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
		Open:     reporting(with(asIs)),
		Secrets:  []string{testToken, testReceiptToken},
		Codes:    codes,
		Accepted: accepted(nil),
		Sent:     providers.Sent{IDs: []string{testMessage}},
		Refused:  refusedWith,
		Checked:  providertest.Answer{Status: http.StatusOK, Body: `{"account_type":"standard","auth_id":"` + testAccount + `"}`},
		Requests: []providertest.Case{
			{Name: "from", Open: with(asIs), Message: providertest.Message()},
			{Name: "receipts", Open: reporting(with(asIs)), Message: providertest.Message()},
			{Name: "sender-name", Open: with(func(s *Settings) { s.From = "My Shop" }), Message: providertest.Message()},
			{Name: "powerpack", Open: with(func(s *Settings) {
				s.From, s.PowerpackUUID = "", testPowerpack
			}), Message: providertest.Message()},
			{Name: "subaccount", Open: with(func(s *Settings) { s.AuthID = "SA0123456789ABCDEFGH" }), Message: providertest.Message()},

			{Name: "life-unknown", Open: with(asIs), Message: life(0)},
			{Name: "life-too-short", Open: with(asIs), Message: life(time.Second)},
			{Name: "life-longest", Open: with(asIs), Message: life(10799 * time.Second)},
			{Name: "life-too-long", Open: with(asIs), Message: life(24 * time.Hour)},

			{Name: "dlt-india", Open: with(registered), Message: to(testIndian)},
			{Name: "dlt-elsewhere", Open: with(registered), Message: providertest.Message()},
			{Name: "dlt-elsewhere-digits-alike", Open: with(registered), Message: to("+19155550191")},
			{Name: "dlt-entity-alone", Open: with(func(s *Settings) {
				s.DLTEntityID = "1100000000000000001"
			}), Message: to(testIndian)},
			{Name: "india-not-registered", Open: with(asIs), Message: to(testIndian)},

			{Name: "text-long", Open: with(asIs), Message: text(long)},
			{Name: "text-unicode", Open: with(asIs), Message: text("Ваш код: 482913\n🔑 कोड\n\n@shop.example #482913")},
			{Name: "text-json", Open: with(asIs), Message: text("\"}\\u0041\t482913\u2028<b>&amp;</b>\x00")},
		},
	}
}

func TestSuite(t *testing.T) { providertest.Run(t, provider()) }

// A "<" would be read as one recipient more.
func TestSeveralNumbersAreNotSent(t *testing.T) {
	f := providertest.NewFake(t, accepted(nil))
	p, err := with(asIs)(f.Base, providers.Deps{HTTP: f.Client()})
	require.NoError(t, err)
	for _, number := range []string{
		"", "+", "447700900123", "+447700900123<447700900124", "+447700900123\n", "+44 7700 900123", "+٤٤٧٧", "<+447700900123",
	} {
		_, err := p.Send(t.Context(), to(number))
		providertest.RequireFailure(t, err, providers.Rejected, "", "not asked: the number isn't + and digits")
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
