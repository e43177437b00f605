package twilio

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

const (
	testAccount = "AC0123456789abcdef0123456789abcdef"
	testToken   = "auth+token/0123=="
	testService = "MG0123456789abcdef0123456789abcdef"
	testContent = "HX0123456789abcdef0123456789abcdef"
	testMessage = "SM00000000000000000000000000000001"
)

// opener opens a Provider with what an account can't do without.
var opener = providertest.NewOpener(providers.NewDriver("twilio", "Twilio", New), map[string]string{
	"ACCOUNT_SID": testAccount,
	"AUTH_TOKEN":  testToken,
	"FROM":        "+15555550100",
})

func basic() Settings { return *opener.Settings().(*Settings) }

// with returns how to open a Provider of the basic settings, changed.
func with(change func(*Settings)) providertest.Opener {
	return opener.Changed(func(settings any) { change(settings.(*Settings)) })
}

func asIs(*Settings) {}

// message returns the suite's message, changed.
func message(change func(*providers.Message)) providers.Message {
	m := providertest.Message()
	change(&m)
	return m
}

// created is what Twilio answers when it takes a message; with nil, a field is null.
func created(fields map[string]any) providertest.Answer {
	body := map[string]any{
		"sid": testMessage, "account_sid": testAccount, "status": "queued", "to": "+447700900123", "from": "+15555550100",
		"messaging_service_sid": nil, "num_segments": "1", "error_code": nil, "error_message": nil,
		"direction": "outbound-api", "price": nil,
	}
	maps.Copy(body, fields)
	text, _ := json.Marshal(body)
	return providertest.Answer{Status: http.StatusCreated, Body: string(text)}
}

// refusedWith is what Twilio answers when it doesn't. The code is a number in their documentation.
func refusedWith(code, text string) providertest.Answer {
	body := map[string]any{"message": text, "more_info": "https://www.twilio.com/docs/errors/" + code, "status": 400}
	if code != "" {
		body["code"] = code
	}
	if number, err := strconv.Atoi(code); err == nil && strconv.Itoa(number) == code {
		body["code"] = number
	}
	encoded, _ := json.Marshal(body)
	return providertest.Answer{Status: http.StatusBadRequest, Body: string(encoded)}
}

func provider() providertest.Provider {
	long := strings.Repeat("0123456789", 159) + " is 482913" // 1600 characters: the most that Twilio takes
	return providertest.Provider{
		Open:     opener.Reporting().Open,
		Secrets:  []string{testToken, providertest.ReceiptToken},
		Codes:    codes,
		Accepted: created(nil),
		Sent:     providers.Sent{IDs: []string{testMessage}, Parts: 1},
		Refused:  refusedWith,
		Checked:  providertest.Answer{Status: http.StatusOK, Body: `{"messages":[],"page":0,"page_size":1}`},
		Requests: []providertest.Case{
			{Name: "from", Open: opener.Open, Message: providertest.Message()},
			{Name: "receipts", Open: opener.Reporting().Open, Message: providertest.Message()},
			{Name: "sender-name", Open: with(func(s *Settings) { s.From = "My Shop" }).Open, Message: providertest.Message()},
			{Name: "service", Open: with(func(s *Settings) {
				s.From, s.MessagingServiceSID = "", testService
			}).Open, Message: providertest.Message()},
			{Name: "service-and-from", Open: with(func(s *Settings) {
				s.MessagingServiceSID = testService
			}).Open, Message: providertest.Message()},
			{Name: "api-key", Open: with(func(s *Settings) {
				s.AuthToken = providers.Secret{}
				s.APIKey, s.APISecret = "SK0123456789abcdef0123456789abcdef", providers.NewSecret("key+secret/=:")
			}).Open, Message: providertest.Message()},
			{Name: "api-key-and-token", Open: with(func(s *Settings) {
				s.APIKey, s.APISecret = "SK0123456789abcdef0123456789abcdef", providers.NewSecret("key+secret/=:")
			}).Open, Message: providertest.Message()},
			{Name: "life-unknown", Open: opener.Open, Message: message(func(m *providers.Message) { m.Life = 0 })},
			{Name: "life-longest", Open: opener.Open, Message: message(func(m *providers.Message) { m.Life = 10 * time.Hour })},
			{Name: "life-too-long", Open: opener.Open, Message: message(func(m *providers.Message) { m.Life = 24 * time.Hour })},
			{Name: "media", Open: opener.Open, Message: message(func(m *providers.Message) {
				m.From, m.Media = "+15555550100", []string{"https://example.com/a.png", "https://example.com/b.pdf?size=1&page=2"}
			})},
			{Name: "text-long", Open: opener.Open, Message: message(func(m *providers.Message) {
				m.Text = providers.NewSecret(long)
			})},
			{Name: "text-unicode", Open: opener.Open, Message: message(func(m *providers.Message) {
				m.Text = providers.NewSecret("Ваш код: 482913\n🔑 कोड\n\n@shop.example #482913")
			})},
			{Name: "whatsapp", Open: with(func(s *Settings) {
				s.From, s.ContentSID = "whatsapp:+15555550100", testContent
			}).Open, Message: providertest.Message()},
			{Name: "whatsapp-receipts", Open: with(func(s *Settings) {
				s.From, s.ContentSID = "whatsapp:+15555550100", testContent
			}).Reporting().Open, Message: providertest.Message()},
			{Name: "whatsapp-code-quoted", Open: with(func(s *Settings) {
				s.From, s.ContentSID = "whatsapp:+15555550100", testContent
			}).Open, Message: message(func(m *providers.Message) { m.Code = providers.NewSecret(`4"8\2&<é`) })},
			{Name: "template-by-sms", Open: with(func(s *Settings) { s.ContentSID = testContent }).Open, Message: providertest.Message()},
		},
	}
}

func TestSuite(t *testing.T) { providertest.Run(t, provider()) }

func TestBaseURL(t *testing.T) {
	for _, test := range []struct{ base, want string }{
		{"https://api.twilio.com", "https://api.twilio.com/2010-04-01/Accounts/" + testAccount + "/Messages.json"},
		{"https://api.dublin.ie1.twilio.com", "https://api.dublin.ie1.twilio.com/2010-04-01/Accounts/" + testAccount + "/Messages.json"},
		{"https://api.dublin.ie1.twilio.com/", "https://api.dublin.ie1.twilio.com/2010-04-01/Accounts/" + testAccount + "/Messages.json"},
		{"https://proxy.example/twilio", "https://proxy.example/twilio/2010-04-01/Accounts/" + testAccount + "/Messages.json"},
	} {
		s := basic()
		require.NoError(t, s.BaseURL.UnmarshalText([]byte(test.base)))
		var called string
		client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			called = r.URL.String()
			return nil, errors.New("not sent")
		})}
		p, err := New(s, providers.Deps{HTTP: client})
		require.NoError(t, err)
		_, err = p.Send(t.Context(), providertest.Message())
		require.Error(t, err)
		require.Equal(t, test.want, called)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestChannel(t *testing.T) {
	for _, test := range []struct {
		change func(*Settings)
		want   string
	}{
		{asIs, "sms"},
		{func(s *Settings) { s.From, s.MessagingServiceSID = "", testService }, "sms"},
		{func(s *Settings) { s.ContentSID = testContent }, "sms"},
		{func(s *Settings) { s.From, s.ContentSID = "whatsapp:+15555550100", testContent }, "whatsapp"},
	} {
		p, err := with(test.change).Open("https://api.twilio.com", providers.Deps{})
		require.NoError(t, err)
		require.Equal(t, test.want, p.(providers.Channeler).Channel())
	}
}

// What a caller of the message API may ask an account for.
func TestAbilities(t *testing.T) {
	type abilities struct {
		senders          []string
		media, onlyCodes bool
	}
	for _, tt := range []struct {
		change func(*Settings)
		want   abilities
	}{
		{func(*Settings) {}, abilities{[]string{"+15555550100"}, true, false}},
		{func(s *Settings) { s.From, s.MessagingServiceSID = "", testService }, abilities{nil, true, false}},
		{func(s *Settings) { s.ContentSID = testContent }, abilities{[]string{"+15555550100"}, false, true}},
		{func(s *Settings) { s.From, s.ContentSID = "whatsapp:+15555550100", testContent }, abilities{[]string{"+15555550100"}, false, true}},
		{func(s *Settings) { s.Channel = "voice" }, abilities{[]string{"+15555550100"}, false, false}},
	} {
		s := *opener.Settings().(*Settings)
		tt.change(&s)
		p, err := New(s, providers.Deps{})
		require.NoError(t, err)
		require.Equal(t, tt.want, abilities{p.Senders(), p.SendsMedia([]string{"https://example.com/a.pdf"}), p.OnlyCodes()})
	}
}
