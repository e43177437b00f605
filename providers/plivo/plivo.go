// Package plivo sends SMS through Plivo's Message API.
//
// Sources: the reference of the Message resource, https://www.plivo.com/docs/messaging/api/messages/, its older and longer form,
// https://www.plivo.com/docs/messaging/api/message/send-a-message, and Plivo's own client,
// https://github.com/plivo/plivo-go (messages.go).
package plivo

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// Settings of one Plivo account.
type Settings struct {
	AuthID              string           `env:"AUTH_ID" required:"true" help:"the account, or a subaccount: MA or SA, and 18 capital letters and digits"`
	AuthToken           providers.Secret `env:"AUTH_TOKEN" required:"true" help:"the account's auth token"`
	From                string           `env:"FROM" help:"the sender: a number such as +15555550100, a short code, or a name of up to 11 letters and digits, which Plivo has to enable"`
	PowerpackUUID       string           `env:"POWERPACK_UUID" help:"a Powerpack, by its UUID, that picks the sender; instead of FROM"`
	DLTEntityID         string           `env:"DLT_ENTITY_ID" help:"for India: the entity's ID at the DLT registry; this and the next two go with Indian numbers only"`
	DLTTemplateID       string           `env:"DLT_TEMPLATE_ID" help:"for India: the registered template's ID, whose text the message must be"`
	DLTTemplateCategory string           `env:"DLT_TEMPLATE_CATEGORY" oneof:"transactional promotional service_implicit service_explicit" help:"for India: the registered template's category, transactional, promotional, service_implicit or service_explicit"`
	BaseURL             call.BaseURL     `env:"BASE_URL" default:"https://api.plivo.com" help:"where Plivo's API is; another one for tests only"`
}

var (
	// A main account or a subaccount: https://github.com/plivo/plivo-python/blob/master/plivo/utils/validators.py
	authID = regexp.MustCompile(`^[MS]A[0-9A-Z]{18}$`)

	// Plivo removes all characters of a sender but letters and digits. The rest may be a number of at most 14 digits, or a
	// name of at most 11 letters and digits.
	stripped = regexp.MustCompile(`[^0-9A-Za-z]`)
	sender   = regexp.MustCompile(`^([0-9]{1,14}|[0-9A-Za-z]{1,11})$`)

	// A number with marks and without a plus is in national form, and has no calling code.
	national = regexp.MustCompile(`^[^+A-Za-z]*[^+0-9A-Za-z][^+A-Za-z]*$`)
)

// Validate returns every combination that can't work.
func (s Settings) Validate() error {
	var w providers.Wants
	w.That(authID.MatchString(s.AuthID), "AUTH_ID", "want MA or SA and 18 capital letters and digits")
	w.Either("FROM", s.From != "", "POWERPACK_UUID", s.PowerpackUUID != "")
	w.That(s.From == "" || s.PowerpackUUID == "", "FROM", "want either a sender or a Powerpack (POWERPACK_UUID), not both")
	w.That(s.From == "" || sender.MatchString(stripped.ReplaceAllString(s.From, "")), "FROM",
		"want a number of at most 14 digits, or a name of at most 11 letters and digits")
	w.That(!national.MatchString(s.From) || !sender.MatchString(stripped.ReplaceAllString(s.From, "")), "FROM", "want a number with its plus and calling code, such as +15555550100")
	w.Match("POWERPACK_UUID", s.PowerpackUUID, providers.UUID, "want a UUID")
	return w.Err()
}

// Provider sends through one account.
type Provider struct {
	settings Settings
	callback providers.Callback
	call     *call.Caller
}

var (
	_ providers.Provider = (*Provider)(nil)
	_ providers.Receiver = (*Provider)(nil)
	_ providers.Checker  = (*Provider)(nil)

	_ providers.Sender      = (*Provider)(nil)
	_ providers.MediaSender = (*Provider)(nil)
)

// New returns a Provider for validated settings.
func New(s Settings, d providers.Deps) (*Provider, error) {
	return &Provider{settings: s, callback: d.Callback, call: call.New(d.HTTP, s.AuthToken, d.Callback.Token())}, nil
}

// Senders is FROM. A Powerpack picks one of its own, which nobody can name here.
func (p *Provider) Senders() []string { return providers.SendersOf(p.settings.From) }

// SendsMedia is always true: Plivo takes up to ten pictures and documents by their addresses. Where MMS isn't possible, Plivo refuses the
// message. https://www.plivo.com/docs/messaging/api/messages/
func (*Provider) SendsMedia([]string) bool { return true }

// number is what Send takes. Plivo reads "<" as a separator, behind which stands another recipient.
var number = regexp.MustCompile(`^\+[0-9]+$`)

// Send posts one message for one number. Plivo documents no idempotency key: without an answer, the message may have been sent.
func (p *Provider) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	if !number.MatchString(m.To.Reveal()) {
		return providers.Sent{}, &providers.Error{Kind: providers.Rejected, Err: errors.New("not sent: the number isn't + and digits")}
	}
	request := call.JSON(p.url("/Message/"), p.message(m)).BasicAuth(p.settings.AuthID, p.settings.AuthToken)
	var queued struct {
		MessageUUID []call.Scalar `json:"message_uuid"` // a list, also for a single number
		Error       prose         `json:"error"`
	}
	answer, err := p.call.Ask(ctx, m, request, &queued, refusedTo(digits(m)))
	if err != nil {
		return providers.Sent{}, err
	}
	var sent providers.Sent
	accepted := false
	for _, id := range queued.MessageUUID {
		accepted = accepted || id != ""
		if providers.UUID.MatchString(string(id)) && !answer.EchoesIn(string(id)) { // anything else may repeat the message, and names are logged
			sent.IDs = append(sent.IDs, string(id))
		}
	}
	if !accepted {
		return providers.Sent{}, answer.Fail(providers.Unknown, "", strings.TrimSpace("no message_uuid in the answer "+string(queued.Error)))
	}
	return sent, nil
}

// Check reads the account: name, address and balance, but no messages.
// https://www.plivo.com/docs/account/api/account
func (p *Provider) Check(ctx context.Context) error {
	request := call.Get(p.url("/")).BasicAuth(p.settings.AuthID, p.settings.AuthToken)
	_, err := p.call.Ask(ctx, providers.Message{}, request, nil, refusedTo(""))
	return err
}

// Credentials are the account and its token.
func (*Provider) Credentials() []string { return []string{"AUTH_ID", "AUTH_TOKEN"} }

// url ends in a slash, as all of Plivo's addresses do.
func (p *Provider) url(path string) string {
	return string(p.settings.BaseURL) + "/v1/Account/" + p.settings.AuthID + path
}

// message is the body of a request.
type message struct {
	Src                 string   `json:"src,omitempty"`
	PowerpackUUID       string   `json:"powerpack_uuid,omitempty"`
	Dst                 string   `json:"dst"`  // "+" is optional, and is stripped
	Text                string   `json:"text"` // at most 1600 characters of GSM-7, or 737 of UCS-2
	Type                string   `json:"type"`
	MediaURLs           []string `json:"media_urls,omitempty"`
	Log                 string   `json:"log"`
	MessageExpiry       int      `json:"message_expiry,omitempty"` // seconds in Plivo's queue
	URL                 string   `json:"url,omitempty"`            // for the receipts
	Method              string   `json:"method,omitempty"`         // of the receipts
	DLTEntityID         string   `json:"dlt_entity_id,omitempty"`
	DLTTemplateID       string   `json:"dlt_template_id,omitempty"`
	DLTTemplateCategory string   `json:"dlt_template_category,omitempty"`
}

// logNumberOnly keeps the code out of Plivo's logs, which store texts for 7 days. The number is stored for 90 days, to find out why a
// message was not delivered. "false" would also mask the last three digits. But it is documented as a boolean in one place and as a
// string in another, and a value that Plivo doesn't understand may count as the default, which stores everything.
// https://www.plivo.com/docs/messaging/concepts/sms-data-redaction and
// https://support.plivo.com/hc/en-us/sections/360008203752-General
const logNumberOnly = "number_only"

// The range of message_expiry. Without it, Plivo keeps a message for 3 hours.
const (
	minExpiry = 5 * time.Second
	maxExpiry = 10799 * time.Second
)

func (p *Provider) message(m providers.Message) message {
	body := message{
		Src:           p.settings.From,
		PowerpackUUID: p.settings.PowerpackUUID,
		Dst:           digits(m),
		Text:          m.Text.Reveal(),
		Type:          "sms",
		Log:           logNumberOnly,
	}
	if len(m.Media) > 0 {
		body.Type, body.MediaURLs = "mms", m.Media
	}
	if m.Life > 0 {
		body.MessageExpiry = int(max(minExpiry, min(m.Life, maxExpiry)).Seconds())
	}
	if address := p.callback.For(m); address != "" {
		body.URL, body.Method = address, http.MethodPost
	}
	// Only Indian numbers begin with +91.
	if strings.HasPrefix(body.Dst, "91") {
		body.DLTEntityID = p.settings.DLTEntityID
		body.DLTTemplateID = p.settings.DLTTemplateID
		body.DLTTemplateCategory = p.settings.DLTTemplateCategory
	}
	return body
}

// digits is the number as Plivo writes it.
func digits(m providers.Message) string { return strings.TrimPrefix(m.To.Reveal(), "+") }
