// Package twilio sends through Twilio Programmable Messaging, as SMS or, from a sender "whatsapp:+…", over WhatsApp. It also speaks
// the code in a call, through Twilio Programmable Voice.
//
// Sources: the API reference of the Message resource, https://www.twilio.com/docs/messaging/api/message-resource, that of the Call
// resource, https://www.twilio.com/docs/voice/api/call-resource, and Twilio's OpenAPI description,
// https://github.com/twilio/twilio-oai (spec/json/twilio_api_v2010.json).
package twilio

import (
	"context"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// Settings of one Twilio account.
type Settings struct {
	AccountSID          string           `env:"ACCOUNT_SID" required:"true" help:"the account, AC and 32 hex digits"`
	AuthToken           providers.Secret `env:"AUTH_TOKEN" help:"the account's auth token; with an API key, needed only to check receipts"`
	AuthTokenOld        providers.Secret `env:"AUTH_TOKEN_OLD" help:"the token that is being replaced: Twilio signs receipts with it until the new one is promoted"`
	APIKey              string           `env:"API_KEY" help:"an API key, SK…, to send with instead of the auth token"`
	APISecret           providers.Secret `env:"API_SECRET" help:"the API key's secret"`
	From                string           `env:"FROM" help:"the sender: a number such as +15005550006, a short code, a name, or whatsapp:+…"`
	MessagingServiceSID string           `env:"MESSAGING_SERVICE_SID" help:"a Messaging Service, MG…, that picks the sender; with FROM too, one of its own senders"`
	ContentSID          string           `env:"CONTENT_SID" help:"a content template, HX…, whose variable 1 is the code; sent instead of the text, and needed for whatsapp:"`
	Channel             string           `env:"CHANNEL" default:"sms" oneof:"sms voice" help:"voice to speak the code in a call; sms also for WhatsApp, which FROM chooses"`
	Language            string           `env:"LANGUAGE" help:"for voice: the language for users whose language is unknown or isn't spoken; without it en"`
	BaseURL             call.BaseURL     `env:"BASE_URL" default:"https://api.twilio.com" help:"another region, such as https://api.dublin.ie1.twilio.com"`
}

var (
	accountSID = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)
	serviceSID = regexp.MustCompile(`^MG[0-9a-fA-F]{32}$`)
	contentSID = regexp.MustCompile(`^HX[0-9a-fA-F]{32}$`)
	messageSID = regexp.MustCompile(`^(SM|MM)[0-9a-fA-F]{32}$`)

	// A number, a short code, or a name, which has a letter in it. Twilio also accepts a number without calling code, and reads it as
	// a number of the US. A number of another country would go wrong this way, and therefore the plus is required here.
	// https://www.twilio.com/docs/messaging/api/alphasender-resource and https://www.twilio.com/docs/api/errors/21212
	numberOrCode   = regexp.MustCompile(`^(\+[1-9][0-9]{6,14}|[0-9]{3,8})$`)
	name           = regexp.MustCompile(`^[-+_& 0-9]*[A-Za-z][-+_& 0-9A-Za-z]*$`)
	whatsAppSender = regexp.MustCompile(`^whatsapp:\+[1-9][0-9]{6,14}$`)
)

// maxName is how many characters the name of a sender may have.
const maxName = 11

// Validate returns every combination that can't work.
func (s Settings) Validate() error {
	var w providers.Wants
	w.That(accountSID.MatchString(s.AccountSID), "ACCOUNT_SID", "want AC and 32 hex digits")
	w.Either("AUTH_TOKEN", !s.AuthToken.Empty(), "an API key (API_KEY and API_SECRET)", s.APIKey != "" || !s.APISecret.Empty())
	w.Both("API_KEY", s.APIKey != "", "API_SECRET", !s.APISecret.Empty())
	w.That(s.AuthTokenOld.Empty() || !s.AuthToken.Empty(), "AUTH_TOKEN_OLD", "is of no use without AUTH_TOKEN, the new one")
	if s.voice() {
		s.validateVoice(&w)
		return w.Err()
	}
	w.That(s.Language == "", "LANGUAGE", "is for CHANNEL=voice alone")
	w.Either("FROM", s.From != "", "MESSAGING_SERVICE_SID", s.MessagingServiceSID != "")
	w.That(s.From == "" || s.goodSender(), "FROM", "want a number with its plus and calling code, such as +15005550006, a short code, "+
		"whatsapp: and a number, or a name of at most 11 letters, digits, spaces and +-_&, with a letter in it")
	w.Match("MESSAGING_SERVICE_SID", s.MessagingServiceSID, serviceSID, "want MG and 32 hex digits; a number goes into FROM")
	w.Match("CONTENT_SID", s.ContentSID, contentSID, "want HX and 32 hex digits")
	w.That(s.ContentSID != "" || !s.whatsApp(), "CONTENT_SID", "is missing: WhatsApp takes a code only in an approved template")
	return w.Err()
}

const whatsAppPrefix = "whatsapp:"

func (s Settings) goodSender() bool {
	if s.whatsApp() {
		return whatsAppSender.MatchString(s.From)
	}
	return numberOrCode.MatchString(s.From) || len(s.From) <= maxName && name.MatchString(s.From)
}

func (s Settings) whatsApp() bool { return strings.HasPrefix(s.From, whatsAppPrefix) }

// Provider sends through one account.
type Provider struct {
	settings Settings
	callback providers.Callback
	call     *call.Caller
	user     string
	password providers.Secret
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
	p := &Provider{settings: s, callback: d.Callback, user: s.AccountSID, password: s.AuthToken}
	if s.APIKey != "" {
		p.user, p.password = s.APIKey, s.APISecret
	}
	p.call = call.New(d.HTTP, p.password, d.Callback.Token())
	return p, nil
}

// Channel is "voice" if so set, "whatsapp" with a WhatsApp sender, else "sms".
func (p *Provider) Channel() string {
	switch {
	case p.settings.voice():
		return providers.Voice
	case p.settings.whatsApp():
		return "whatsapp"
	}
	return "sms"
}

// Senders is FROM. A Messaging Service picks one of its own, which nobody can name here.
func (p *Provider) Senders() []string {
	return providers.SendersOf(strings.TrimPrefix(p.settings.From, whatsAppPrefix))
}

// SendsMedia reports whether it can send pictures and documents: a call and a template have no place for them. Twilio takes up to ten.
// https://www.twilio.com/docs/messaging/guides/accepted-mime-types
func (p *Provider) SendsMedia([]string) bool { return !p.settings.voice() && !p.OnlyCodes() }

// OnlyCodes reports whether it sends a template.
func (p *Provider) OnlyCodes() bool { return p.settings.ContentSID != "" }

// Send creates a Message or a Call. Twilio has no idempotency key for them: without an answer, the message may have been sent.
func (p *Provider) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	if p.settings.voice() {
		return p.sendCall(ctx, m)
	}
	request := call.Form(p.url("/Messages.json"), p.form(m)).BasicAuth(p.user, p.password)
	var message struct {
		SID          string      `json:"sid"`
		Status       string      `json:"status"`
		NumSegments  call.Scalar `json:"num_segments"` // "0" where a Messaging Service has yet to pick the sender
		ErrorCode    call.Scalar `json:"error_code"`
		ErrorMessage call.Scalar `json:"error_message"`
	}
	answer, err := p.call.Ask(ctx, m, request, &message, refused)
	if err != nil {
		return providers.Sent{}, err
	}
	if state, _ := stateOf(message.Status); state.Failed() {
		return providers.Sent{}, answer.Refuse(codes, string(message.ErrorCode), "message "+message.Status+" "+string(message.ErrorMessage))
	}
	sent, err := answer.Accepted("message sid", message.SID, messageSID)
	if sent.IDs != nil {
		parts, _ := strconv.Atoi(string(message.NumSegments))
		sent.Parts = providers.Parts(parts)
	}
	return sent, err
}

// Check lists the messages or calls of a day before Twilio existed. An API key needs the permission to read them for it, and the list
// is empty.
func (p *Provider) Check(ctx context.Context) error {
	path := "/Messages.json?PageSize=1&DateSent=2000-01-01"
	if p.settings.voice() {
		path = "/Calls.json?PageSize=1&StartTime=2000-01-01"
	}
	request := call.Get(p.url(path)).BasicAuth(p.user, p.password)
	_, err := p.call.Ask(ctx, providers.Message{}, request, nil, refused)
	return err
}

// Credentials are the account and its token, or the account and an API key.
func (p *Provider) Credentials() []string {
	if p.settings.APIKey != "" {
		return []string{"ACCOUNT_SID", "API_KEY", "API_SECRET"}
	}
	return []string{"ACCOUNT_SID", "AUTH_TOKEN"}
}

func (p *Provider) url(path string) string {
	return string(p.settings.BaseURL) + "/2010-04-01/Accounts/" + p.settings.AccountSID + path
}

// maxValidity is the longest ValidityPeriod that Twilio takes.
const maxValidity = 36000 * time.Second

func (p *Provider) form(m providers.Message) *call.Fields {
	to := m.To.Reveal()
	if p.settings.whatsApp() {
		to = whatsAppPrefix + to
	}
	form := new(call.Fields)
	form.Add("To", to)
	if p.settings.From != "" {
		form.Add("From", p.settings.From)
	}
	if p.settings.MessagingServiceSID != "" {
		form.Add("MessagingServiceSid", p.settings.MessagingServiceSID)
	}
	if m.Life > 0 {
		form.Add("ValidityPeriod", strconv.Itoa(int(min(m.Life, maxValidity).Seconds())))
	}
	if address := p.callback.For(m); address != "" {
		form.Add("StatusCallback", address)
	}
	if p.settings.ContentSID == "" {
		form.Add("Body", m.Text.Reveal())
		for _, address := range m.Media {
			form.Add("MediaUrl", address)
		}
		return form
	}
	variables, _ := json.Marshal(map[string]string{"1": m.Code.Reveal()}) // a map of strings always marshals
	form.Add("ContentSid", p.settings.ContentSID)
	form.Add("ContentVariables", string(variables))
	return form
}

func refused(answer *call.Answer) error {
	var refusal struct {
		Code    call.Scalar `json:"code"`
		Message call.Scalar `json:"message"`
	}
	_ = answer.Decode(&refusal) // what can't be read is left empty
	return answer.Refuse(codes, string(refusal.Code), string(refusal.Message))
}
