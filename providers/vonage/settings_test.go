package vonage

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/providertest"
)

func TestValidate(t *testing.T) {
	const (
		nothing       = "API_KEY: is missing, and so is an application (APPLICATION_ID and PRIVATE_KEY)"
		smsNeedsKey   = "API_KEY: is missing: the SMS API takes API_KEY and API_SECRET"
		badKey        = "API_KEY: want the account's key, 8 letters and digits"
		noSecret      = "API_SECRET: is missing beside API_KEY"
		noApplication = "APPLICATION_ID: want the application's UUID"
		badPrivateKey = "PRIVATE_KEY: want the application's private key, RSA of 2048 bits or more, in PEM form from -----BEGIN to the end of its last line"
		which         = "API: want sms or messages: the credentials of both are set"
		badSignature  = "SIGNATURE_SECRET: want the account's signature secret, without spaces or line breaks"
		badSender     = "FROM: want a number with its calling code, such as 15555550100, or a name of at most 11 characters with a letter in it"
		noTemplateYet = "TEMPLATE: is for CHANNEL=whatsapp alone"
		noLanguageYet = "LANGUAGE: is for CHANNEL=whatsapp and CHANNEL=voice"
		noWhatsApp    = "CHANNEL: want sms: WhatsApp goes by the Messages API (API=messages)"
		notANumber    = "FROM: want your WhatsApp number, in digits with its country code"
		noTemplate    = "TEMPLATE: want an approved template's name, letters, digits and underscores: WhatsApp takes a code in no other way"
		noLanguage    = "LANGUAGE: want the template's language, such as en or en_US"
	)
	alsoKey := func(s *Settings) { s.APIKey, s.APISecret = testKey, providers.NewSecret(testSecret) }
	from := func(sender string) func(*Settings) {
		return func(s *Settings) { s.From = sender }
	}
	viaSMS := func(s *Settings) { s.API = "sms" }
	for _, test := range []struct {
		name   string
		change func(*Settings)
		api    string
		want   []string
	}{
		{"key", withKey, "sms", nil},
		{"key, by the SMS API", both(withKey, viaSMS), "sms", nil},
		{"key, by the Messages API", both(withKey, viaMessages), "messages", nil},
		{"key, over WhatsApp", both(withKey, viaMessages, overWhatsApp), "messages", nil},
		{"application", withApplication, "messages", nil},
		{"application, by the Messages API", both(withApplication, viaMessages), "messages", nil},
		{"application, over WhatsApp", withWhatsApp, "messages", nil},
		{"both, by the SMS API", both(withApplication, alsoKey, viaSMS), "sms", nil},
		{"both, by the Messages API", both(withApplication, alsoKey, viaMessages), "messages", nil},
		{"a name as sender", both(withKey, func(s *Settings) { s.From = "My Shop" }), "sms", nil},
		{"WhatsApp from a number with plus", both(withWhatsApp, func(s *Settings) { s.From = "+15555550100" }), "messages", nil},
		{"a signature secret", both(withKey, withSignature("my_secret_key_for_testing")), "sms", nil},
		{"a signature secret and a line feed", both(withApplication, withSignature("x\n")), "messages", []string{badSignature}},
		{"a channel not said", both(withKey, func(s *Settings) { s.Channel = "" }), "sms", nil},

		{"a number with plus", both(withKey, from("+15555550100")), "sms", nil},
		{"a short code", both(withKey, from("55501")), "sms", nil},
		{"a number as people write it", both(withKey, from("(555) 555-0100")), "sms", []string{badSender}},
		{"a number in quotes", both(withKey, from(`"15555550100"`)), "sms", []string{badSender}},
		{"a name and spaces", both(withApplication, from("Acme and Sons")), "messages", nil},
		{"a name too long", both(withApplication, from("Acme and Daughters")), "messages", []string{badSender}},
		{"nothing", func(s *Settings) { *s = Settings{} }, "sms", []string{nothing, badSender}},
		{"both, and no API", both(withApplication, alsoKey), "", []string{which}},
		{"SMS API without key", both(withApplication, viaSMS), "sms", []string{smsNeedsKey}},
		{"key without secret", both(withKey, func(s *Settings) { s.APISecret = providers.Secret{} }), "sms", []string{noSecret}},
		{"secret without key", both(withKey, func(s *Settings) { s.APIKey = "" }), "sms", []string{badKey}},
		{"key too long", both(withKey, func(s *Settings) { s.APIKey += "5" }), "sms", []string{badKey}},
		{"application without private key", both(withApplication, func(s *Settings) { s.PrivateKey = providers.Secret{} }),
			"messages", []string{badPrivateKey}},
		{"private key without application", both(withApplication, func(s *Settings) { s.ApplicationID = "" }),
			"messages", []string{noApplication}},
		{"an application that isn't one", both(withApplication, func(s *Settings) { s.ApplicationID = testApplication + "\n" }),
			"messages", []string{noApplication}},
		{"half a private key", both(withApplication, func(s *Settings) { s.PrivateKey = providers.NewSecret(testPEM()[:900]) }),
			"messages", []string{badPrivateKey}},
		{"the path of a private key", both(withApplication, func(s *Settings) { s.PrivateKey = providers.NewSecret("/run/secrets/vonage") }),
			"messages", []string{badPrivateKey}},
		{"no sender", both(withKey, func(s *Settings) { s.From = "" }), "sms", []string{badSender}},
		{"template by SMS", both(withApplication, func(s *Settings) { s.Template = "x" }), "messages", []string{noTemplateYet}},
		{"language by SMS", both(withKey, func(s *Settings) { s.Language = "en" }), "sms", []string{noLanguageYet}},
		{"WhatsApp by the SMS API", both(withKey, overWhatsApp), "sms", []string{noWhatsApp}},
		{"WhatsApp without template", both(withWhatsApp, func(s *Settings) { s.Template = "" }), "messages", []string{noTemplate}},
		{"WhatsApp with a namespace", both(withWhatsApp, func(s *Settings) { s.Template = "9b6b4fcb_da19:verify" }), "messages", []string{noTemplate}},
		{"WhatsApp without language", both(withWhatsApp, func(s *Settings) { s.Language = "" }), "messages", []string{noLanguage}},
		{"WhatsApp with another kind of language", both(withWhatsApp, func(s *Settings) { s.Language = "pt-BR" }), "messages", []string{noLanguage}},
		{"WhatsApp from a name", both(withWhatsApp, func(s *Settings) { s.From = "My Shop" }), "messages", []string{notANumber}},
		{"WhatsApp from nobody", both(withWhatsApp, func(s *Settings) { s.From = "" }), "messages", []string{notANumber}},
		{"all wrong", func(s *Settings) {
			*s = Settings{APIKey: "x", ApplicationID: "x", Channel: "whatsapp", From: "x"}
		}, "", []string{badKey, noSecret, noApplication, badPrivateKey, which, notANumber, noTemplate, noLanguage}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var s Settings
			test.change(&s)
			require.Equal(t, test.want, providertest.Problems(s.Validate()))
			require.Equal(t, test.api, s.api())
		})
	}
}

func both(changes ...func(*Settings)) func(*Settings) {
	return func(s *Settings) {
		for _, change := range changes {
			change(s)
		}
	}
}

// A secret in the wrong place is a common mistake, and what Validate says is printed.
func TestValidateQuotesNothing(t *testing.T) {
	misplaced := "4ca5d9b0c1-misplaced"
	err := Settings{
		APIKey: misplaced, ApplicationID: misplaced, PrivateKey: providers.NewSecret(misplaced), API: "sms", Channel: "whatsapp", From: misplaced,
		Template: misplaced, Language: misplaced,
	}.Validate()
	require.Error(t, err)
	require.NotContains(t, err.Error(), misplaced)
}

func TestPrivateKey(t *testing.T) {
	encode := func(kind string, der []byte, err error) string {
		require.NoError(t, err)
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	pkcs1 := encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(testPrivateKey()), nil)
	for name, text := range map[string]string{
		"PKCS 8":             testPEM(),
		"PKCS 1":             pkcs1,
		"escaped line ends":  strings.ReplaceAll(testPEM(), "\n", `\n`),
		"line ends of DOS":   strings.ReplaceAll(testPEM(), "\n", "\r\n"),
		"no last line end":   strings.TrimSpace(testPEM()),
		"something above it": "Bag Attributes\n" + testPEM(),
	} {
		key, err := parseKey(providers.NewSecret(text))
		require.NoError(t, err, name)
		require.True(t, testPrivateKey().Equal(key), name)
	}

	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	elliptic, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ec, err := x509.MarshalPKCS8PrivateKey(elliptic)
	ecText := encode("PRIVATE KEY", ec, err)
	public, err := x509.MarshalPKIXPublicKey(testPrivateKey().Public())
	for name, text := range map[string]string{
		"nothing":         "",
		"no PEM":          "hunter2",
		"too short a key": encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(short), nil),
		"no RSA":          ecText,
		"the public key":  encode("PUBLIC KEY", public, err),
	} {
		_, err := parseKey(providers.NewSecret(text))
		require.EqualError(t, err, "the private key can't be read", name)
	}
}

// Settings are validated before they are used, but New has to say so if they weren't.
func TestNewWithoutKey(t *testing.T) {
	_, err := New(Settings{ApplicationID: testApplication}, providers.Deps{})
	require.EqualError(t, err, "the private key can't be read")
}

func TestURLs(t *testing.T) {
	const balance = "https://rest.nexmo.com/account/get-balance"
	for _, test := range []struct {
		change      func(*Settings)
		base        string
		send, check string
	}{
		{withKey, "", "https://rest.nexmo.com/sms/json", balance},
		{withKey, "https://rest-us.nexmo.com", "https://rest-us.nexmo.com/sms/json", balance},
		{withKey, "https://proxy.example/vonage/", "https://proxy.example/vonage/sms/json", "https://proxy.example/vonage/account/get-balance"},
		{both(withKey, viaMessages), "", "https://api.nexmo.com/v1/messages", balance},
		{both(withKey, viaMessages), "https://api-eu.nexmo.com", "https://api-eu.nexmo.com/v1/messages", balance},
		{both(withKey, viaMessages), "https://api-eu.vonage.com", "https://api-eu.vonage.com/v1/messages", balance},
		{both(withKey, viaMessages), "https://nexmo.com.example", "https://nexmo.com.example/v1/messages", "https://nexmo.com.example/account/get-balance"},
		{withApplication, "", "https://api.nexmo.com/v1/messages", "https://api.nexmo.com/v1/users?page_size=1"},
		{withApplication, "https://api-eu.nexmo.com", "https://api-eu.nexmo.com/v1/messages", "https://api-eu.nexmo.com/v1/users?page_size=1"},
	} {
		var s Settings
		test.change(&s)
		if test.base != "" {
			require.NoError(t, s.BaseURL.UnmarshalText([]byte(test.base)))
		}
		var called []string
		client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			called = append(called, r.URL.String())
			return nil, errors.New("not sent")
		})}
		p, err := New(s, providers.Deps{HTTP: client})
		require.NoError(t, err)
		_, err = p.Send(t.Context(), providertest.Message())
		require.Error(t, err)
		require.Error(t, p.Check(t.Context()))
		require.Equal(t, []string{test.send, test.check}, called)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestChannel(t *testing.T) {
	for _, test := range []struct {
		change func(*Settings)
		want   string
	}{
		{withKey, "sms"},
		{withApplication, "sms"},
		{withWhatsApp, "whatsapp"},
	} {
		p, err := with(test.change).Open(call.BaseURL("https://api.nexmo.com"), providers.Deps{})
		require.NoError(t, err)
		require.Equal(t, test.want, p.(providers.Channeler).Channel())
	}
}
