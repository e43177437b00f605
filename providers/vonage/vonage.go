// Package vonage sends through Vonage: by the SMS API, or by the Messages API as SMS or over WhatsApp. By the Voice API it speaks the code
// in a call.
//
// Sources: the SMS API, https://developer.vonage.com/api/sms; the Messages API, https://developer.vonage.com/api/messages; the Voice
// API, https://developer.vonage.com/api/voice; all described in https://github.com/Nexmo/api-specification (definitions/sms.yml,
// messages-olympus.yml and voice.yml).
package vonage

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// Settings of one Vonage account.
type Settings struct {
	APIKey          string           `env:"API_KEY" help:"the account's key, 8 letters and digits: for the SMS API, or for the Messages API without an application"`
	APISecret       providers.Secret `env:"API_SECRET" help:"the key's secret"`
	ApplicationID   string           `env:"APPLICATION_ID" help:"an application, a UUID: with the Messages capability for the Messages API, with the Voice capability for calls"`
	PrivateKey      providers.Secret `env:"PRIVATE_KEY" help:"the application's private key, PEM; in one line, with \\n between its lines"`
	SignatureSecret providers.Secret `env:"SIGNATURE_SECRET" help:"the account's signature secret, for receipts: those without its signature are then refused; with the SMS API, set it only once Vonage signs them, by SHA-256 HMAC or SHA-512 HMAC"`
	API             string           `env:"API" oneof:"sms messages" help:"sms or messages; needed if both a key and an application are set, or to use the Messages API with a key"`
	From            string           `env:"FROM" required:"true" help:"the sender: a number such as 15555550100, or a name; for WhatsApp, your WhatsApp number; for calls, a number of the application"`
	Channel         string           `env:"CHANNEL" default:"sms" oneof:"sms whatsapp voice" help:"sms, whatsapp by the Messages API, or voice to speak the code in a call"`
	Template        string           `env:"TEMPLATE" help:"an approved WhatsApp authentication template, by its name; sent instead of the text, and needed for whatsapp"`
	Language        string           `env:"LANGUAGE" help:"the template's language, as WhatsApp writes it, such as en or en_US; needed for whatsapp. For voice: the language for users whose language is unknown or isn't spoken; without it en"`
	BaseURL         call.BaseURL     `env:"BASE_URL" help:"another region, such as https://api-eu.nexmo.com; without it https://rest.nexmo.com for the SMS API and https://api.nexmo.com for the others"`
}

const (
	apiSMS, apiMessages = "sms", "messages"
	apiVoice            = "voice" // is no value of the setting: CHANNEL chooses it
	whatsApp            = "whatsapp"

	restBase call.BaseURL = "https://rest.nexmo.com"
	apiBase  call.BaseURL = "https://api.nexmo.com"
)

var (
	apiKey = regexp.MustCompile(`^[0-9A-Za-z]{8}$`)
	number = regexp.MustCompile(`^\+?[0-9]{7,15}$`)

	// A name has a letter in it. Each mobile network decides which other characters it accepts. Vonage removes spaces.
	// https://developer.vonage.com/messaging/sms/guides/custom-sender-id
	shortNumber = regexp.MustCompile(`^\+?[0-9]{3,15}$`)
	name        = regexp.MustCompile(`^[ -~]*[A-Za-z][ -~]*$`)

	signatureSecret = regexp.MustCompile(`^[!-~]*$`)

	templateName     = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
	templateLanguage = regexp.MustCompile(`^[a-z]{2,3}(_[A-Z]{2})?$`)
)

// maxTemplate is the longest name of a template, in bytes. In the expression it would take memory for each byte.
const maxTemplate = 512

// maxName is how many characters the name of a sender may have, spaces left out.
const maxName = 11

// Validate returns every combination that can't work.
func (s Settings) Validate() error {
	var w providers.Wants
	key, application := s.hasKey(), s.hasApplication()
	w.That(key || application || s.voice(), "API_KEY", "is missing, and so is an application (APPLICATION_ID and PRIVATE_KEY)")
	w.That(key || !application || s.API != apiSMS, "API_KEY", "is missing: the SMS API takes API_KEY and API_SECRET")
	if key {
		w.That(apiKey.MatchString(s.APIKey), "API_KEY", "want the account's key, 8 letters and digits")
		w.That(!s.APISecret.Empty(), "API_SECRET", "is missing beside API_KEY")
	}
	if application {
		_, err := parseKey(s.PrivateKey)
		w.That(providers.UUID.MatchString(s.ApplicationID), "APPLICATION_ID", "want the application's UUID")
		w.That(err == nil, "PRIVATE_KEY", "want the application's private key, RSA of 2048 bits or more, in PEM form from -----BEGIN to the end of its last line")
	}
	w.That(signatureSecret.MatchString(s.SignatureSecret.Reveal()), "SIGNATURE_SECRET", "want the account's signature secret, without spaces or line breaks")
	w.That(s.api() != "", "API", "want sms or messages: the credentials of both are set")
	if s.voice() {
		s.validateVoice(&w)
		return w.Err()
	}
	if s.Channel != whatsApp {
		w.That(s.goodSender(), "FROM", "want a number with its calling code, such as 15555550100, or a name of at most 11 characters with a letter in it")
		w.That(s.Template == "", "TEMPLATE", "is for CHANNEL=whatsapp alone")
		w.That(s.Language == "", "LANGUAGE", "is for CHANNEL=whatsapp and CHANNEL=voice")
		return w.Err()
	}
	w.That(s.api() != apiSMS, "CHANNEL", "want sms: WhatsApp goes by the Messages API (API=messages)")
	w.That(number.MatchString(s.From), "FROM", "want your WhatsApp number, in digits with its country code")
	w.That(len(s.Template) <= maxTemplate && templateName.MatchString(s.Template), "TEMPLATE", "want an approved template's name, letters, digits and underscores: WhatsApp takes a code in no other way")
	w.That(templateLanguage.MatchString(s.Language), "LANGUAGE", "want the template's language, such as en or en_US")
	return w.Err()
}

func (s Settings) goodSender() bool {
	return shortNumber.MatchString(s.From) || len(strings.ReplaceAll(s.From, " ", "")) <= maxName && name.MatchString(s.From)
}

func (s Settings) hasKey() bool         { return s.APIKey != "" || !s.APISecret.Empty() }
func (s Settings) hasApplication() bool { return s.ApplicationID != "" || !s.PrivateKey.Empty() }

// api is the API that is set, or else the API that the credentials are for. It is empty if they are for both.
func (s Settings) api() string {
	switch {
	case s.voice():
		return apiVoice
	case s.API != "":
		return s.API
	case !s.hasApplication():
		return apiSMS
	case !s.hasKey():
		return apiMessages
	}
	return ""
}

// Provider sends through one account.
type Provider struct {
	settings Settings
	callback providers.Callback
	call     *call.Caller
	signer   *signer // nil without an application
}

var (
	_ providers.Provider  = (*Provider)(nil)
	_ providers.Receiver  = (*Provider)(nil)
	_ providers.Checker   = (*Provider)(nil)
	_ providers.Channeler = (*Provider)(nil)

	_ providers.Sender      = (*Provider)(nil)
	_ providers.MediaSender = (*Provider)(nil)
	_ providers.CodeSender  = (*Provider)(nil)
)

// New returns a Provider for validated settings.
func New(s Settings, d providers.Deps) (*Provider, error) {
	s.API = s.api()
	s.From = strings.TrimPrefix(s.From, "+")
	if s.BaseURL == "" && s.API == apiSMS {
		s.BaseURL = restBase
	}
	if s.BaseURL == "" {
		s.BaseURL = apiBase
	}
	p := &Provider{
		settings: s,
		callback: d.Callback,
		call:     call.New(d.HTTP, s.APISecret, d.Callback.Token()), // the private key is never sent, and therefore can't be repeated
	}
	if s.API == apiSMS || !s.hasApplication() {
		return p, nil
	}
	key, err := parseKey(s.PrivateKey)
	if err != nil {
		return nil, err
	}
	p.signer = &signer{application: s.ApplicationID, key: key}
	return p, nil
}

// Channel is "voice" or "whatsapp" if so set, else "sms".
func (p *Provider) Channel() string {
	if p.settings.voice() || p.settings.Channel == whatsApp {
		return p.settings.Channel
	}
	return "sms"
}

// Senders is FROM.
func (p *Provider) Senders() []string { return providers.SendersOf(p.settings.From) }

// SendsMedia reports whether it can send these: the Messages API's MMS takes one picture, and no document.
// https://developer.vonage.com/en/messages/concepts/mms
func (p *Provider) SendsMedia(addresses []string) bool {
	return p.settings.API == apiMessages && p.settings.Channel != whatsApp && len(addresses) == 1 && isPicture(addresses[0])
}

// OnlyCodes reports whether it sends a template.
func (p *Provider) OnlyCodes() bool { return p.Channel() == whatsApp }

// Send submits the message. None of the APIs has an idempotency key: without an answer, the message may have been sent.
func (p *Provider) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	switch p.settings.API {
	case apiVoice:
		return p.sendCall(ctx, m)
	case apiSMS:
		return p.sendSMS(ctx, m)
	}
	return p.sendMessage(ctx, m)
}

// Check asks for something that costs nothing, with the credentials that Send uses: with a key the account's balance, with an
// application its first user.
func (p *Provider) Check(ctx context.Context) error {
	address := p.balanceURL()
	if p.signer != nil {
		address = string(p.settings.BaseURL) + "/v1/users?page_size=1"
	}
	request, err := p.authorize(call.Get(address))
	if err != nil {
		return err
	}
	_, err = p.call.Ask(ctx, providers.Message{}, request, nil, p.refused)
	return err
}

// Credentials are the application, or the key and its secret.
func (p *Provider) Credentials() []string {
	if p.signer != nil {
		return []string{"APPLICATION_ID", "PRIVATE_KEY"}
	}
	return []string{"API_KEY", "API_SECRET"}
}

// balanceURL is at the same host for all APIs and regions of Vonage. If BASE_URL is not a host of Vonage, it is used for the balance
// too.
// https://developer.vonage.com/en/account/code-snippets/account-balance
func (p *Provider) balanceURL() string {
	base := p.settings.BaseURL
	if u, err := url.Parse(string(base)); err == nil && (strings.HasSuffix(u.Hostname(), ".nexmo.com") || strings.HasSuffix(u.Hostname(), ".vonage.com")) {
		base = restBase
	}
	return string(base) + "/account/get-balance"
}

// authorize adds the application's token, or else the key and its secret.
func (p *Provider) authorize(r call.Request) (call.Request, error) {
	if p.signer == nil {
		return r.BasicAuth(p.settings.APIKey, p.settings.APISecret), nil
	}
	return p.signer.authorize(r)
}

// How long Vonage tries to deliver. The range is published for the SMS API, and used for both APIs.
const (
	minTTL = 20 * time.Second
	maxTTL = 7 * 24 * time.Hour
)

func ttl(life time.Duration) time.Duration { return min(max(life, minTTL), maxTTL) }

// digits is the number as Vonage wants it, without its plus.
func digits(m providers.Message) string { return strings.TrimPrefix(m.To.Reveal(), "+") }
