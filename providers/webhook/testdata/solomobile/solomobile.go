// Package solomobile sends through Solo Mobile. It is an example of a provider in a folder of its own, and only a test adds it to the
// program. The settings in testdata/examples/solomobile.env do the same without code.
package solomobile

import (
	"context"
	"regexp"
	"strings"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// Settings of one Solo Mobile account.
type Settings struct {
	Token   providers.Secret `env:"TOKEN" required:"true" help:"the account's API key"`
	From    string           `env:"FROM" required:"true" help:"a number of the account, such as +15555550100"`
	BaseURL call.BaseURL     `env:"BASE_URL" default:"https://mtxbiyilvgwhbdptysex.supabase.co/functions/v1" help:"another address of the API"`
}

// Validate reports every combination that can't work.
func (s Settings) Validate() error {
	var w providers.Wants
	w.That(strings.HasPrefix(s.From, "+"), "FROM", "want a number with its plus")
	return w.Err()
}

var codes = providers.Codes{
	"INVALID_PHONE_NUMBER": providers.Recipient,
	"UNAUTHORIZED":         providers.Account,
	"SMS_NOT_ENABLED":      providers.Account,
}

// Provider sends through one account.
type Provider struct {
	settings Settings
	call     *call.Caller
}

var _ providers.Provider = (*Provider)(nil)

// New returns a Provider for validated settings.
func New(s Settings, d providers.Deps) (*Provider, error) {
	return &Provider{s, call.New(d.HTTP, s.Token)}, nil
}

// messageID is the form of the names in Solo Mobile's documentation. Names are logged, and therefore nothing else may pass as one.
var messageID = regexp.MustCompile(`^msg_[0-9A-Za-z-]{1,64}$`)

// Send makes one call of send-sms.
func (p *Provider) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	body := map[string]string{"to": m.To.Reveal(), "from": p.settings.From, "body": m.Text.Reveal()}
	answer, err := p.call.Do(ctx, m, call.JSON(string(p.settings.BaseURL)+"/send-sms", body).Bearer(p.settings.Token))
	if err != nil {
		return providers.Sent{}, err
	}
	var said struct {
		Success   bool        `json:"success"`
		MessageID call.Scalar `json:"message_id"`
		Error     *struct {
			Code    call.Scalar `json:"code"`
			Message call.Scalar `json:"message"`
		} `json:"error"`
	}
	if err := answer.Decode(&said); err != nil {
		return providers.Sent{}, err
	}
	switch {
	case said.Error != nil:
		return providers.Sent{}, answer.Refuse(codes, string(said.Error.Code), string(said.Error.Message))
	case !answer.OK():
		return providers.Sent{}, answer.Refuse(codes, "", "")
	case !said.Success:
		return providers.Sent{}, answer.Fail(providers.Unknown, "", "the answer doesn't say that it is a success")
	}
	return answer.Accepted("message_id", string(said.MessageID), messageID)
}
