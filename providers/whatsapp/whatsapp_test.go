package whatsapp

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

const (
	testSender = "106540352242922"
	testToken  = "EAAJ+token/0123=="

	// As Meta makes them: Base64 of the number 447700900123 and of a random part.
	testMessage = "wamid.HBgMNDQ3NzAwOTAwMTIzFQIAERgSQjk2NzQ3NDQxQ0VCNzUwNENFAA=="
	testName    = "wamid-sha256:f3005e7a0fbec45cd522068720fc973a"
)

// opener opens a Provider with what an account can't do without.
var opener = providertest.NewOpener(providers.NewDriver("whatsapp", "WhatsApp", New), map[string]string{
	"PHONE_NUMBER_ID": testSender,
	"ACCESS_TOKEN":    testToken,
	"TEMPLATE":        "verification_code",
	"LANGUAGE":        "en",
})

func basic() Settings { return *opener.Settings().(*Settings) }

// with returns how to open a Provider of the basic settings, changed.
func with(change func(*Settings)) providertest.Opener {
	return opener.Changed(func(settings any) { change(settings.(*Settings)) })
}

func asIs(*Settings) {}

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
		Open:     opener.Open,
		Secrets:  []string{testToken},
		Codes:    codes,
		Accepted: accepted(`[{"id":"` + testMessage + `","message_status":"accepted"}]`),
		Sent:     providers.Sent{IDs: []string{testName}},
		Refused:  refusedWith,
		Checked: providertest.Answer{Status: http.StatusOK, Body: `{"id":"` + testSender + `",` +
			`"display_phone_number":"+1 555-555-0100","verified_name":"My Shop","quality_rating":"GREEN"}`},
		Requests: []providertest.Case{
			{Name: "template", Open: opener.Open, Message: providertest.Message()},
			{Name: "version", Open: with(func(s *Settings) { s.GraphVersion = "v25.0" }).Open, Message: providertest.Message()},
			{Name: "language", Open: with(languages).Open, Message: in("de-AT")},
			{Name: "language-with-its-own-template", Open: with(languages).Open, Message: in("pt-BR")},
			{Name: "language-unknown", Open: with(languages).Open, Message: in("")},
			{Name: "code-longest", Open: opener.Open, Message: code("123456789012345")},
			{Name: "code-longest-unicode", Open: opener.Open, Message: code("१२३४५६७८९०१२३४५")},
			{Name: "code-quoted", Open: opener.Open, Message: code(`4"8\2&<é` + "\n")},
			// The address is the app's: no message tells it.
			{Name: "callback", Open: opener.Reporting().Open, Message: providertest.Message()},
			// None of it is sent: the template has the text, and says how long the code is valid.
			{Name: "text-and-life", Open: opener.Open, Message: message(func(m *providers.Message) {
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
		f, p := opener.Start(t, provider().Accepted)
		sent, err := p.Send(t.Context(), code(test.code))
		require.Equal(t, providers.Sent{}, sent)
		providertest.RequireFailure(t, err, providers.Rejected, "", test.want)
		require.Empty(t, f.Requests())
	}
}

func TestChannel(t *testing.T) {
	p, err := opener.Open("https://graph.facebook.com", providers.Deps{})
	require.NoError(t, err)
	require.Equal(t, "whatsapp", p.(providers.Channeler).Channel())
}
