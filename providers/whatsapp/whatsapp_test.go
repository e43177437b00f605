package whatsapp

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/providertest"
)

const (
	testSender = "106540352242922"
	testToken  = "EAAJ+token/0123=="
	testPath   = "0123456789abcdef0123456789abcdef"

	// As Meta makes them: Base64 of the number 447700900123 and of a random part.
	testMessage = "wamid.HBgMNDQ3NzAwOTAwMTIzFQIAERgSQjk2NzQ3NDQxQ0VCNzUwNENFAA=="
	testName    = "wamid-sha256:f3005e7a0fbec45cd522068720fc973a"
)

// basic is what a sender can't do without.
func basic() Settings {
	return Settings{
		PhoneNumberID: testSender,
		AccessToken:   providers.NewSecret(testToken),
		Template:      "verification_code",
		Language:      "en",
		GraphVersion:  "v23.0",
		BaseURL:       "https://graph.facebook.com",
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

func calledBack(base call.BaseURL, d providers.Deps) (providers.Provider, error) {
	d.Callback = providers.NewCallback("https://hook.example.com/receipts/whatsapp/" + testPath)
	return with(asIs)(base, d)
}

func languages(s *Settings) { s.Languages = Translations{{"de", ""}, {"pt_BR", "codigo_br"}} }

// message returns the suite's message, changed.
func message(change func(*providers.Message)) providers.Message {
	m := providertest.Message()
	change(&m)
	return m
}

func in(locale string) providers.Message {
	return message(func(m *providers.Message) { m.Locale = locale })
}

func code(code string) providers.Message {
	return message(func(m *providers.Message) { m.Code = providers.NewSecret(code) })
}

// accepted is what Meta answers when it takes a message: with what it says of it, as JSON.
func accepted(messages string) providertest.Answer {
	return providertest.Answer{Status: http.StatusOK, Body: `{"messaging_product":"whatsapp",` +
		`"contacts":[{"input":"+447700900123","wa_id":"447700900123"}],"messages":` + messages + `}`}
}

// refusedWith is what Meta answers when it doesn't. The code is a number in their documentation.
func refusedWith(code, text string) providertest.Answer {
	fault := map[string]any{
		"message": "(#" + code + ") " + text, "type": "OAuthException", "fbtrace_id": "AXsgnV2Cm3ZMGF3dF_cfYIn",
		"error_data": map[string]any{"messaging_product": "whatsapp", "details": text},
	}
	if code != "" {
		fault["code"] = code
	}
	if number, err := strconv.Atoi(code); err == nil && strconv.Itoa(number) == code {
		fault["code"] = number
	}
	encoded, _ := json.Marshal(map[string]any{"error": fault})
	return providertest.Answer{Status: http.StatusBadRequest, Body: string(encoded)}
}

func provider() providertest.Provider {
	return providertest.Provider{
		Open:     with(asIs),
		Secrets:  []string{testToken},
		Codes:    codes,
		Accepted: accepted(`[{"id":"` + testMessage + `","message_status":"accepted"}]`),
		Sent:     providers.Sent{IDs: []string{testName}},
		Refused:  refusedWith,
		Checked: providertest.Answer{Status: http.StatusOK, Body: `{"id":"` + testSender + `",` +
			`"display_phone_number":"+1 555-555-0100","verified_name":"My Shop","quality_rating":"GREEN"}`},
		Requests: []providertest.Case{
			{Name: "template", Open: with(asIs), Message: providertest.Message()},
			{Name: "version", Open: with(func(s *Settings) { s.GraphVersion = "v25.0" }), Message: providertest.Message()},
			{Name: "language", Open: with(languages), Message: in("de-AT")},
			{Name: "language-with-its-own-template", Open: with(languages), Message: in("pt-BR")},
			{Name: "language-unknown", Open: with(languages), Message: in("")},
			{Name: "code-longest", Open: with(asIs), Message: code("123456789012345")},
			{Name: "code-longest-unicode", Open: with(asIs), Message: code("१२३४५६७८९०१२३४५")},
			{Name: "code-quoted", Open: with(asIs), Message: code(`4"8\2&<é` + "\n")},
			// The address is the app's: no message tells it.
			{Name: "callback", Open: calledBack, Message: providertest.Message()},
			// None of it is sent: the template has the text, and says how long the code is valid.
			{Name: "text-and-life", Open: with(asIs), Message: message(func(m *providers.Message) {
				m.Text, m.Segments, m.Life = providers.NewSecret(strings.Repeat("Ваш код: 482913\n", 100)), 24, 0
			})},
		},
	}
}

func TestSuite(t *testing.T) { providertest.Run(t, provider()) }

// A template takes 15 characters. What a longer code would make of the message, Meta doesn't say.
func TestCodeThatFitsNoTemplate(t *testing.T) {
	for _, test := range []struct{ code, want string }{
		{"", "the code has 0 characters, and a template takes 1 to 15"},
		{"1234567890123456", "the code has 16 characters, and a template takes 1 to 15"},
		{strings.Repeat("é", 16), "the code has 16 characters, and a template takes 1 to 15"},
	} {
		f := providertest.NewFake(t, provider().Accepted)
		p, err := with(asIs)(f.Base, providers.Deps{HTTP: f.Client()})
		require.NoError(t, err)
		sent, err := p.Send(t.Context(), code(test.code))
		require.Equal(t, providers.Sent{}, sent)
		providertest.RequireFailure(t, err, providers.Rejected, "", test.want)
		require.Empty(t, f.Requests())
	}
}

func TestChannel(t *testing.T) {
	p, err := with(asIs)("https://graph.facebook.com", providers.Deps{})
	require.NoError(t, err)
	require.Equal(t, "whatsapp", p.(providers.Channeler).Channel())
}
