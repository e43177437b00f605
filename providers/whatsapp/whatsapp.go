// Package whatsapp sends codes over WhatsApp, through Meta's own Cloud API.
//
// WhatsApp accepts a code only in an approved template of the category "authentication". The text of such a template is Meta's: the
// message's own text is not sent, and the template says how long a code is valid.
//
// Sources: Meta's OpenAPI description, https://github.com/facebook/openapi (business-messaging-api_v23.0.yaml), and
// https://developers.facebook.com/docs/whatsapp/cloud-api/guides/send-message-templates/auth-otp-template-messages.
package whatsapp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// Settings of one WhatsApp sender.
type Settings struct {
	PhoneNumberID string           `env:"PHONE_NUMBER_ID" required:"true" help:"the sender's id in WhatsApp Manager: digits, and not the number itself"`
	AccessToken   providers.Secret `env:"ACCESS_TOKEN" required:"true" help:"a system user's token with the permission whatsapp_business_messaging: the one that the dashboard offers for trying expires"`
	Template      string           `env:"TEMPLATE" required:"true" help:"the name of an approved authentication template, with its copy-code or one-tap button"`
	Language      string           `env:"LANGUAGE" required:"true" help:"the template's language for users whose own language isn't in LANGUAGES: as WhatsApp writes it, such as en or en_US"`
	Languages     Translations     `env:"LANGUAGES" help:"more languages in which the template is approved: de,pt_BR; or es=code_es, where the template has another name"`
	AppSecret     providers.Secret `env:"APP_SECRET" help:"the secret of the Meta app, for receipts: those without its signature are then refused"`
	VerifyToken   providers.Secret `env:"VERIFY_TOKEN" help:"any text you choose: enter it at Meta beside the address of the receipts, which Meta tries with it"`
	GraphVersion  string           `env:"GRAPH_VERSION" default:"v23.0" help:"the version of Meta's Graph API"`
	BaseURL       call.BaseURL     `env:"BASE_URL" default:"https://graph.facebook.com" help:"another address of the API"`
}

// The forms are those of Meta's description. A template's name has letters, digits and underscores.
var (
	phoneNumberID = regexp.MustCompile(`^[0-9]+$`)
	accessToken   = regexp.MustCompile(`^[!-~]+$`)
	template      = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
	optionalToken = regexp.MustCompile(`^[!-~]*$`)
	graphVersion  = regexp.MustCompile(`^v[0-9]+\.[0-9]+$`)
)

// isTemplate reports whether a text can be a template's name. The length is not in the expression, where it would take memory for each
// byte.
func isTemplate(name string) bool { return len(name) <= 512 && template.MatchString(name) }

// Validate returns every setting that can't work.
func (s Settings) Validate() error {
	var w providers.Wants
	w.That(phoneNumberID.MatchString(s.PhoneNumberID), "PHONE_NUMBER_ID", "want the sender's id, which is digits")
	w.That(accessToken.MatchString(s.AccessToken.Reveal()), "ACCESS_TOKEN", "want a token, without spaces or line breaks")
	w.That(isTemplate(s.Template), "TEMPLATE", "want a template's name: letters, digits and underscores")
	w.That(isLanguage(s.Language), "LANGUAGE", wantLanguage)
	w.That(!s.Languages.rename(s.Language, s.Template), "LANGUAGES", "want no other template for the language of LANGUAGE")
	w.That(optionalToken.MatchString(s.AppSecret.Reveal()), "APP_SECRET", "want the app's secret, without spaces or line breaks")
	w.That(optionalToken.MatchString(s.VerifyToken.Reveal()), "VERIFY_TOKEN", "want a text without spaces or line breaks")
	w.That(graphVersion.MatchString(s.GraphVersion), "GRAPH_VERSION", "want a version such as v23.0")
	return w.Err()
}

// Provider sends from one number.
type Provider struct {
	settings  Settings
	templates templates
	call      *call.Caller
}

var (
	_ providers.Provider   = (*Provider)(nil)
	_ providers.Challenger = (*Provider)(nil)
	_ providers.Checker    = (*Provider)(nil)
	_ providers.Channeler  = (*Provider)(nil)
	_ providers.CodeSender = (*Provider)(nil)
)

// New returns a Provider for validated settings.
func New(s Settings, d providers.Deps) (*Provider, error) {
	return &Provider{
		settings:  s,
		templates: newTemplates(s.Language, s.Template, s.Languages),
		call:      call.New(d.HTTP, s.AccessToken, d.Callback.Token()),
	}, nil
}

// Channel is "whatsapp".
func (*Provider) Channel() string { return "whatsapp" }

// maxCode is how many characters a template's code may have.
const maxCode = 15

// OnlyCodes is always true: WhatsApp takes no other text for a person who has not written first.
func (*Provider) OnlyCodes() bool { return true }

// Send sends the template that is nearest to the user's language.
//
// Meta accepts numbers that have no WhatsApp, and says so in a receipt. It has no idempotency key: without an answer, the message may
// have been sent.
func (p *Provider) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	if n := utf8.RuneCountInString(m.Code.Reveal()); n < 1 || n > maxCode {
		err := fmt.Errorf("the code has %d characters, and a template takes 1 to %d", n, maxCode)
		return providers.Sent{}, &providers.Error{Kind: providers.Rejected, Err: err}
	}
	// With the message_status held_for_quality_assessment or paused the message is accepted too. A receipt says what follows.
	var accepted struct {
		Messages []struct {
			ID call.Scalar `json:"id"`
		} `json:"messages"`
	}
	request := call.JSON(p.url()+"/messages", p.body(m)).Bearer(p.settings.AccessToken)
	answer, err := p.call.Ask(ctx, m, request, &accepted, refused)
	if err != nil {
		return providers.Sent{}, err
	}
	if len(accepted.Messages) == 0 || accepted.Messages[0].ID == "" {
		return providers.Sent{}, answer.Fail(providers.Unknown, "", "no message id in the answer")
	}
	return providers.Sent{IDs: names(string(accepted.Messages[0].ID))}, nil
}

// Check reads the sender. This needs a valid token and costs nothing.
func (p *Provider) Check(ctx context.Context) error {
	_, err := p.call.Ask(ctx, providers.Message{}, call.Get(p.url()).Bearer(p.settings.AccessToken), nil, refused)
	return err
}

// Credentials are the sender and the token.
func (*Provider) Credentials() []string { return []string{"PHONE_NUMBER_ID", "ACCESS_TOKEN"} }

// url is the sender's.
func (p *Provider) url() string {
	return string(p.settings.BaseURL) + "/" + p.settings.GraphVersion + "/" + p.settings.PhoneNumberID
}

type object = map[string]any

// body has the code twice, because Meta requires it in the text and in the button. A button of the type "otp" is named "url" here. The
// number keeps its plus: without the plus, Meta may add a country code. The policy is required by Meta's description, and is missing in
// its examples.
func (p *Provider) body(m providers.Message) object {
	chosen := p.templates.nearest(m.Locale)
	code := []object{{"type": "text", "text": m.Code.Reveal()}}
	return object{
		"messaging_product": "whatsapp",
		"recipient_type":    "individual",
		"to":                m.To.Reveal(),
		"type":              "template",
		"template": object{
			"name":     chosen.template,
			"language": object{"policy": "deterministic", "code": chosen.language},
			"components": []object{
				{"type": "body", "parameters": code},
				{"type": "button", "sub_type": "url", "index": "0", "parameters": code},
			},
		},
	}
}

// messageID is the form of Meta's names for messages. Those seen have at most 100 characters.
var messageID = regexp.MustCompile(`^wamid\.[A-Za-z0-9+/=_-]+$`)

// maxID is the longest name that is accepted, in bytes.
const maxID = 256

// names returns a hash of Meta's name for a message, for Sent and for receipts. Meta's name itself is Base64 of the recipient's number
// and of random bytes, and names are logged.
func names(wamid string) []string {
	if len(wamid) > maxID || !messageID.MatchString(wamid) {
		return nil // accepted, but anything else may repeat the message, and names are logged
	}
	sum := sha256.Sum256([]byte(wamid))
	return []string{"wamid-sha256:" + hex.EncodeToString(sum[:16])}
}

func refused(answer *call.Answer) error {
	var refusal struct {
		Error struct {
			Code    call.Scalar `json:"code"`
			Subcode call.Scalar `json:"error_subcode"`
			Message call.Scalar `json:"message"`
			Data    struct {
				Details call.Scalar `json:"details"`
			} `json:"error_data"`
		} `json:"error"`
	}
	_ = answer.Decode(&refusal) // what can't be read is left empty
	text := strings.Trim(string(refusal.Error.Message+": "+refusal.Error.Data.Details), ": ")
	code := string(refusal.Error.Code)
	if code == "100" && refusal.Error.Subcode == "33" { // the sender doesn't exist, or isn't the token's: this concerns every number
		return answer.Fail(providers.Account, code, text)
	}
	return answer.Refuse(codes, code, text)
}
