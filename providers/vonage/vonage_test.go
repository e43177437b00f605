package vonage

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

const (
	testKey         = "abcd1234"
	testSecret      = "api+secret/01=="
	testApplication = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
	testPart        = "0A0000000123ABCD1"
	testUUID        = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
)

// testPrivateKey is made once, as it takes a while.
var testPrivateKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// testPEM is the same as Vonage's dashboard hands it out.
var testPEM = sync.OnceValue(func() string {
	der, err := x509.MarshalPKCS8PrivateKey(testPrivateKey())
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
})

// Three ways to use Vonage, each with what it can't do without, as the loader fills it in.
func withKey(s *Settings) {
	*s = Settings{
		APIKey: testKey, APISecret: providers.NewSecret(testSecret),
		From: "15555550100", Channel: "sms", BaseURL: s.BaseURL,
	}
}

func withApplication(s *Settings) {
	*s = Settings{
		ApplicationID: testApplication, PrivateKey: providers.NewSecret(testPEM()),
		From: "15555550100", Channel: "sms", BaseURL: s.BaseURL,
	}
}

func withWhatsApp(s *Settings) {
	withApplication(s)
	overWhatsApp(s)
}

func overWhatsApp(s *Settings) {
	s.Channel, s.Template, s.Language = "whatsapp", "verification_code", "en"
}

// with returns how to open a Provider of the settings that the changes make.
func with(changes ...func(*Settings)) providertest.Opener {
	opener := providertest.NewOpener(providers.NewDriver("vonage", "Vonage", New), map[string]string{"FROM": "15555550100"})
	for _, change := range changes {
		opener = opener.Changed(func(settings any) { change(settings.(*Settings)) })
	}
	return opener
}

func viaMessages(s *Settings) { s.API = "messages" }

// message returns the suite's message, changed.
func message(change func(*providers.Message)) providers.Message {
	m := providertest.Message()
	change(&m)
	return m
}

func life(d time.Duration) providers.Message {
	return message(func(m *providers.Message) { m.Life = d })
}

func text(text string, unicode bool) providers.Message {
	return message(func(m *providers.Message) { m.Text, m.Unicode = providers.NewSecret(text), unicode })
}

const cyrillic = "Ваш код: 482913\n🔑 कोड\n\n@shop.example #482913"

func answer(status int, body any) providertest.Answer {
	encoded, _ := json.Marshal(body)
	return providertest.Answer{Status: status, Body: string(encoded)}
}

// parts is what the SMS API answers, to everything by 200.
func parts(parts ...map[string]any) providertest.Answer {
	return answer(http.StatusOK, map[string]any{"message-count": "1", "messages": parts})
}

func accepted(id string) map[string]any {
	return map[string]any{
		"to": "447700900123", "message-id": id, "status": "0", "remaining-balance": "3.14159265", "message-price": "0.03330000",
		"network": "12345",
	}
}

func refusedPartOf(status, text string) map[string]any {
	return map[string]any{"status": status, "error-text": text}
}

func smsProvider() providertest.Provider {
	open := with(withKey)
	return providertest.Provider{
		Open:     open.Open,
		Secrets:  []string{testSecret},
		Codes:    smsCodes,
		Accepted: parts(accepted(testPart)),
		Sent:     providers.Sent{IDs: []string{testPart}, Parts: 1},
		Refused:  func(code, text string) providertest.Answer { return parts(refusedPartOf(code, text)) },
		Checked:  answer(http.StatusOK, map[string]any{"value": 10.171275, "autoReload": false}),
		Dir:      "sms",
		Requests: []providertest.Case{
			{Name: "text", Open: open.Open, Message: text("Your code is 482913", false)},
			{Name: "text-unicode", Open: open.Open, Message: text(cyrillic, true)},
			{Name: "text-long", Open: open.Open, Message: text(strings.Repeat("0123456789", 319)+" is 482913", false)}, // 3200 characters
			{Name: "sender-name", Open: with(withKey, func(s *Settings) { s.From = "My Shop" }).Open, Message: providertest.Message()},
			{Name: "sender-with-plus", Open: with(withKey, func(s *Settings) { s.From = "+15555550100" }).Open, Message: providertest.Message()},
			{Name: "both-credentials", Open: with(withApplication, func(s *Settings) {
				s.APIKey, s.APISecret, s.API = testKey, providers.NewSecret(testSecret), "sms"
			}).Open, Message: providertest.Message()},
			{Name: "callback", Open: open.Reporting().Open, Message: providertest.Message()},
			{Name: "life-unknown", Open: open.Open, Message: life(0)},
			{Name: "life-too-short", Open: open.Open, Message: life(5 * time.Second)},
			{Name: "life-too-long", Open: open.Open, Message: life(30 * 24 * time.Hour)},
		},
	}
}

// problem is what the Messages API answers when it doesn't take a message. The status is one that Vonage doesn't use here.
func problem(code, text string) providertest.Answer {
	body := map[string]any{"title": "Title", "detail": text, "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf"}
	if code != "" {
		body["type"] = "https://developer.vonage.com/api-errors/messages#" + code
	}
	return answer(http.StatusBadRequest, body)
}

func messagesProvider() providertest.Provider {
	open := with(withApplication)
	return providertest.Provider{
		Open:     open.Open,
		Secrets:  nil, // the private key goes nowhere, and the suite knows the token from the request
		Codes:    messagesCodes,
		Accepted: answer(http.StatusAccepted, map[string]any{"message_uuid": testUUID}),
		Sent:     providers.Sent{IDs: []string{testUUID}},
		Refused:  problem,
		Checked:  answer(http.StatusOK, map[string]any{"page_size": 1, "_embedded": map[string]any{"users": []any{}}}),
		Dir:      "messages",
		Stable:   decodeToken,
		Requests: []providertest.Case{
			{Name: "text", Open: open.Open, Message: text("Your code is 482913", false)},
			{Name: "text-unicode", Open: open.Open, Message: text(cyrillic, true)},
			{Name: "media", Open: open.Open, Message: message(func(m *providers.Message) {
				m.From, m.Media = "+15555550100", []string{"https://example.com/a.png?size=1&page=2"}
			})},
			{Name: "text-long", Open: open.Open, Message: text(strings.Repeat("0123456789", 99)+" is 482913", false)}, // 1000 characters
			{Name: "sender-name", Open: with(withApplication, func(s *Settings) { s.From = "My Shop" }).Open, Message: providertest.Message()},
			{Name: "both-credentials", Open: with(withApplication, viaMessages, func(s *Settings) {
				s.APIKey, s.APISecret = testKey, providers.NewSecret(testSecret)
			}).Open, Message: providertest.Message()},
			{Name: "callback", Open: open.Reporting().Open, Message: providertest.Message()},
			{Name: "life-unknown", Open: open.Open, Message: life(0)},
			{Name: "life-too-short", Open: open.Open, Message: life(5 * time.Second)},
			{Name: "life-too-long", Open: open.Open, Message: life(30 * 24 * time.Hour)},
			{Name: "whatsapp", Open: with(withWhatsApp).Open, Message: providertest.Message()},
			{Name: "whatsapp-callback", Open: with(withWhatsApp).Reporting().Open, Message: providertest.Message()},
			{Name: "whatsapp-language", Open: with(withWhatsApp, func(s *Settings) {
				s.Language, s.From = "pt_BR", "+15555550100"
			}).Open, Message: providertest.Message()},
			{Name: "whatsapp-code-quoted", Open: with(withWhatsApp).Open, Message: message(func(m *providers.Message) {
				m.Code = providers.NewSecret(`4"8\2&<é`)
			})},
		},
	}
}

// The Messages API with a key instead of an application.
func basicProvider() providertest.Provider {
	c := messagesProvider()
	c.Open = with(withKey, viaMessages).Open
	c.Secrets = []string{testSecret}
	c.Checked = smsProvider().Checked
	c.Dir, c.Stable = "messages-key", nil
	c.Requests = []providertest.Case{
		{Name: "text", Open: c.Open, Message: text("Your code is 482913", false)},
		{Name: "whatsapp", Open: with(withKey, viaMessages, overWhatsApp).Open, Message: providertest.Message()},
		{Name: "callback", Open: with(withKey, viaMessages).Reporting().Open, Message: providertest.Message()},
	}
	return c
}

func TestSuite(t *testing.T) {
	t.Run("SMS API", func(t *testing.T) { providertest.Run(t, smsProvider()) })
	t.Run("Messages API", func(t *testing.T) { providertest.Run(t, messagesProvider()) })
	t.Run("Messages API with a key", func(t *testing.T) { providertest.Run(t, basicProvider()) })
}

// verify holds a request's token against the application's public key and returns what it claims.
func verify(t testing.TB, header http.Header) *claims {
	t.Helper()
	signed, ok := strings.CutPrefix(header.Get("Authorization"), "Bearer ")
	require.True(t, ok)
	claimed := new(claims)
	token, err := jwt.ParseWithClaims(signed, claimed, func(*jwt.Token) (any, error) { return testPrivateKey().Public(), nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	require.NoError(t, err)
	require.Equal(t, map[string]any{"alg": "RS256", "typ": "JWT"}, token.Header)
	require.Regexp(t, "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$", claimed.ID)
	return claimed
}

// decodeToken writes what a valid token claims in its place, and of its times what lies between.
func decodeToken(t testing.TB, r providertest.Request) providertest.Request {
	t.Helper()
	c := verify(t, r.Header)
	signed := strings.Split(r.Header.Get("Authorization"), ".")
	payload, err := jwt.NewParser().DecodeSegment(signed[1])
	require.NoError(t, err)
	claimed := map[string]any{}
	require.NoError(t, json.Unmarshal(payload, &claimed))
	claimed["iat"], claimed["exp"], claimed["jti"] = "now", "now + "+c.ExpiresAt.Sub(c.IssuedAt.Time).String(), "a UUID"
	written, err := json.Marshal(claimed)
	require.NoError(t, err)
	r.Header = r.Header.Clone()
	r.Header.Set("Authorization", "Bearer, verified: "+string(written))
	return r
}

// What a caller of the message API may ask an account for.
func TestAbilities(t *testing.T) {
	picture, document := "https://example.com/a.PNG?size=1", "https://example.com/a.pdf"
	for _, tt := range []struct {
		settings Settings
		media    []string
		want     []bool // it sends media; it sends only codes
	}{
		{Settings{API: apiSMS}, []string{picture}, []bool{false, false}},
		{Settings{API: apiMessages}, []string{picture}, []bool{true, false}},
		{Settings{API: apiMessages}, []string{document}, []bool{false, false}},
		{Settings{API: apiMessages}, []string{picture, picture}, []bool{false, false}},
		{Settings{API: apiMessages, Channel: whatsApp}, []string{picture}, []bool{false, true}},
		{Settings{API: apiMessages, Channel: "voice"}, []string{picture}, []bool{false, false}},
	} {
		tt.settings.From, tt.settings.APIKey = "15555550100", "01234567"
		p, err := New(tt.settings, providers.Deps{})
		require.NoError(t, err)
		require.Equal(t, []string{"15555550100", "+15555550100"}, p.Senders())
		require.Equal(t, tt.want, []bool{p.SendsMedia(tt.media), p.OnlyCodes()})
	}
}
