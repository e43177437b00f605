// Package msg91 sends through MSG91, by its Flow API: a template that is registered with MSG91, and in India at a DLT registry, in which
// the code is a variable.
//
// Sources, and how sure they are:
//   - the request and the answer: MSG91's reference, https://control.msg91.com/apidoc/textsms/send-sms-flow.php. There, template_id has its
//     older name flow_id. https://docs.msg91.com/sms/send-sms has the new one;
//   - that a refusal has a code: the reference of the older API, https://api.msg91.com/apidoc/textsms/send-sms-v1.php. For this API no
//     codes are published but 418, and none of the HTTP statuses. Therefore the type in the answer decides;
//   - delivery reports: https://msg91.com/help/how-can-i-get-the-delivery-reports-on-my-webhook-url. They are not signed.
package msg91

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// Settings of one MSG91 account.
type Settings struct {
	AuthKey      providers.Secret `env:"AUTH_KEY" required:"true" help:"the account's auth key"`
	TemplateID   string           `env:"TEMPLATE_ID" required:"true" help:"the template's ID at MSG91, 24 hex digits, not the ID at the DLT registry; its text is sent instead of smshook's"`
	CodeVariable string           `env:"CODE_VARIABLE" default:"OTP" help:"the name of the code's variable in the template, with the same capital letters"`
	Sender       string           `env:"SENDER" help:"the sender, if the template's sender is FromAPI"`
	BaseURL      call.BaseURL     `env:"BASE_URL" default:"https://control.msg91.com" help:"where MSG91's API is; another one for tests only"`
}

var (
	templateID = regexp.MustCompile(`^[0-9a-fA-F]{24}$`)
	variable   = regexp.MustCompile(`^[A-Za-z0-9_]{1,32}$`)
	sender     = regexp.MustCompile(`^[0-9A-Za-z]{1,15}$`)

	// requestID is the form of MSG91's names: those in its documentation have 18 to 24 hex digits. A number has at most 15 digits, and
	// a code at most 10.
	requestID = regexp.MustCompile(`^[0-9a-fA-F]{16,24}$`)
)

// Validate returns every setting that can't work.
func (s Settings) Validate() error {
	var w providers.Wants
	w.Match("TEMPLATE_ID", s.TemplateID, templateID, "want the template's ID at MSG91, 24 hex digits")
	w.That(variable.MatchString(s.CodeVariable), "CODE_VARIABLE", "want the name of a variable, without the ## around it: letters, digits and underscores")
	w.That(!strings.EqualFold(s.CodeVariable, mobiles), "CODE_VARIABLE", "want another name: "+mobiles+" is the number")
	w.Match("SENDER", s.Sender, sender, "want letters and digits")
	return w.Err()
}

// mobiles is the field of the number, beside the template's variables.
const mobiles = "mobiles"

// Provider sends through one account.
type Provider struct {
	settings Settings
	call     *call.Caller
}

var (
	_ providers.Provider = (*Provider)(nil)
	_ providers.Receiver = (*Provider)(nil)

	_ providers.CodeSender = (*Provider)(nil)
)

// New returns a Provider for validated settings.
func New(s Settings, d providers.Deps) (*Provider, error) {
	return &Provider{settings: s, call: call.New(d.HTTP, s.AuthKey, d.Callback.Token())}, nil
}

// errNoCode is the failure of a message that has no code, because the template has nothing else to fill in.
var errNoCode = errors.New("MSG91 sends a template with a code, and the message has none")

// OnlyCodes is always true.
func (*Provider) OnlyCodes() bool { return true }

// Send fills in a template. MSG91 has no idempotency key: without an answer, the message may have been sent.
func (p *Provider) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	if m.Code.Empty() {
		return providers.Sent{}, &providers.Error{Kind: providers.Rejected, Err: errNoCode}
	}
	body := map[string]any{
		"template_id": p.settings.TemplateID,
		"recipients": []map[string]string{{
			mobiles:                 strings.TrimPrefix(m.To.Reveal(), "+"),
			p.settings.CodeVariable: m.Code.Reveal(),
		}},
	}
	if p.settings.Sender != "" {
		body["sender"] = p.settings.Sender
	}
	request := call.JSON(string(p.settings.BaseURL)+"/api/v5/flow", body).With("authkey", p.settings.AuthKey.Reveal())
	answer, err := p.call.Do(ctx, m, request)
	if err != nil {
		return providers.Sent{}, err
	}
	var said struct {
		Type    string      `json:"type"`
		Message call.Scalar `json:"message"` // the name of the message, or why there is none
		Code    call.Scalar `json:"code"`
	}
	if err := answer.Decode(&said); err != nil {
		return providers.Sent{}, err
	}
	switch {
	case said.Type == "error" || !answer.OK():
		return providers.Sent{}, answer.Refuse(codes, string(said.Code), string(said.Message))
	case said.Type != "success":
		return providers.Sent{}, answer.Fail(providers.Unknown, "", "the answer doesn't say that it is a success")
	}
	return answer.Accepted("request ID", string(said.Message), requestID)
}
