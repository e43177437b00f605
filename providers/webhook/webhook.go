// Package webhook sends through any gateway that accepts a message in one HTTP request. It needs settings and no code. The folder
// testdata/examples has settings for several gateways.
package webhook

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// Settings of one gateway.
type Settings struct {
	URL           URL              `env:"URL" required:"true" help:"the gateway's address, with {{ .To }}, {{ .ToDigits }}, {{ .ToNational }}, {{ .Text }}, {{ .Code }}, {{ .From }}, {{ .ID }} or {{ .Token }} where they belong; https, or http in a private network"`
	Method        string           `env:"METHOD" default:"POST" oneof:"POST PUT PATCH GET" help:"POST, PUT, PATCH, or GET, which has no body"`
	Body          Body             `env:"BODY" help:"the body, with the same placeholders: JSON if it begins with a brace or a bracket, else a form, to={{ .To }}&text={{ .Text }}"`
	Headers       Headers          `env:"HEADERS" help:"further headers, Name: value; Name: value, with {{ .Token }} or {{ .ID }}"`
	Token         providers.Secret `env:"TOKEN" help:"the gateway's key: it is sent as Authorization: Bearer, unless {{ .Token }} says where it belongs"`
	User          string           `env:"USER" help:"the user, where the gateway wants HTTP Basic"`
	Password      providers.Secret `env:"PASSWORD" help:"the user's password"`
	From          string           `env:"FROM" help:"the sender, for {{ .From }}"`
	Success       Success          `env:"SUCCESS" default:"2xx" help:"what an accepted message is answered with: statuses, then conditions on the answer's JSON, 200,202; messages[0].status=1,3, or a pattern (RE2) for an answer that is a text, 2xx; body=^00"`
	ID            Places           `env:"ID" help:"where the answer has the message's id: messages[0].id, or in a text the group of a pattern, body=ID: (\\w+); without conditions in SUCCESS, it is the proof"`
	ErrorCode     Places           `env:"ERROR_CODE" help:"where the answer has an error's code, for CODES; the first place of several that has one"`
	ErrorText     Places           `env:"ERROR_TEXT" help:"where the answer has an error's text, for the log"`
	Channel       string           `env:"CHANNEL" default:"sms" help:"how the messages travel: sms, whatsapp, telegram; a code that CODES calls channel lets providers of other channels try"`
	SigningSecret providers.Secret `env:"SIGNING_SECRET" help:"signs the body as Standard Webhooks has it, so that a service of your own knows us: v1,whsec_…, as smshook secret makes it"`
}

// number is a sender without letters. Gateways don't accept a number in national form, such as (555) 555-0100.
var number = regexp.MustCompile(`^\+?[0-9]+$`)

func goodSender(from string) bool {
	return strings.ContainsFunc(from, unicode.IsLetter) || number.MatchString(from)
}

// channelName has small letters only, because channels of different providers are compared.
var channelName = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

var printable = regexp.MustCompile(`^[!-~]*$`)

// Validate returns every combination that can't work.
func (s Settings) Validate() error {
	var w providers.Wants
	w.That(s.Method != http.MethodGet || s.Body.empty(), "BODY", "a GET has none: put it into the URL, behind a question mark")
	if s.URL.origin != nil {
		w.That(s.has("To", "ToDigits", "ToNational"), "BODY", "want {{ .To }}, {{ .ToDigits }} or {{ .ToNational }} in it, or in the URL")
		w.That(s.has("Text", "Code"), "BODY", "want {{ .Text }} or {{ .Code }} in it, or in the URL")
		w.That(s.has("From") || s.From == "", "FROM", "is set, but {{ .From }} stands nowhere")
	}
	w.That(!s.has("From") || s.From != "", "FROM", "is missing, and {{ .From }} is used")
	w.That(s.From == "" || goodSender(s.From), "FROM", "want a number in digits with its calling code, or a name with a letter in it")
	w.That(!s.tokenPlaced() || !s.Token.Empty(), "TOKEN", "is missing, and {{ .Token }} is used")
	w.That(printable.MatchString(s.Token.Reveal()), "TOKEN", "want printable ASCII without spaces")
	w.Both("USER", s.User != "", "PASSWORD", !s.Password.Empty())
	w.That(!strings.Contains(s.User, ":"), "USER", "want no colon: HTTP Basic can't carry it")
	w.That(s.authorizations() <= 1, "HEADERS", "want one Authorization: by USER and PASSWORD, by TOKEN alone, or by a header")
	w.That(channelName.MatchString(s.Channel), "CHANNEL", "want sms, whatsapp, telegram or the like, in small letters and digits")
	if !s.SigningSecret.Empty() {
		_, err := signingKey(s.SigningSecret)
		w.That(err == nil, "SIGNING_SECRET", "want v1,whsec_… as `smshook secret` makes it")
		w.That(!s.Body.empty(), "SIGNING_SECRET", "signs the body, and there is no BODY")
	}
	return w.Err()
}

// Warnings warns if only the status decides what a success is: most gateways refuse messages with status 200. A service that checks our
// signature is the operator's own, and its status can be trusted.
func (s Settings) Warnings() []providers.Problem {
	if len(s.Success.conditions) > 0 || s.ID != nil || !s.SigningSecret.Empty() {
		return nil
	}
	return []providers.Problem{{Setting: "SUCCESS", Want: "any answer with such a status counts as a success, whatever it says: " +
		"want a condition such as body=^OK or status=ok, or an ID"}}
}

func (s Settings) has(names ...string) bool { return s.URL.has(names...) || s.Body.has(names...) }

// tokenPlaced reports whether a placeholder says where the token goes.
func (s Settings) tokenPlaced() bool {
	for _, value := range s.Headers {
		if value.has("Token") {
			return true
		}
	}
	return s.has("Token")
}

func (s Settings) authorizations() (n int) {
	_, header := s.Headers["Authorization"]
	for _, one := range []bool{header, s.User != "", !s.Token.Empty() && !s.tokenPlaced()} {
		if one {
			n++
		}
	}
	return n
}

// Provider sends through one gateway.
type Provider struct {
	settings Settings
	call     *call.Caller
	key      []byte // for signatures; nil without
}

var (
	_ providers.Provider  = (*Provider)(nil)
	_ providers.Channeler = (*Provider)(nil)

	_ providers.Sender     = (*Provider)(nil)
	_ providers.CodeSender = (*Provider)(nil)
)

// New returns a Provider for validated settings.
func New(s Settings, d providers.Deps) (*Provider, error) {
	client, err := call.Guarded(d.HTTP, s.URL.origin)
	if err != nil {
		return nil, err
	}
	if s.Method == http.MethodGet {
		// On a connection that was used before, net/http repeats a GET that was written and not answered. Therefore each GET
		// gets a new connection.
		client.Transport.(*http.Transport).DisableKeepAlives = true
	}
	p := &Provider{settings: s, call: call.New(client, s.secrets()...)}
	if !s.SigningSecret.Empty() {
		p.key, err = signingKey(s.SigningSecret)
	}
	return p, err
}

// Channel is what CHANNEL says.
func (p *Provider) Channel() string { return p.settings.Channel }

// Senders is FROM.
func (p *Provider) Senders() []string { return providers.SendersOf(p.settings.From) }

// OnlyCodes reports whether the gateway is given the code, and not the text.
func (p *Provider) OnlyCodes() bool { return p.settings.has("Code") && !p.settings.has("Text") }

// Send makes the request that the settings describe.
func (p *Provider) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	answer, err := p.call.Do(ctx, m, p.request(m))
	if err != nil {
		return providers.Sent{}, err
	}
	s := p.settings
	body, unreadable := read(answer)
	code, text := s.ErrorCode.in(body), s.ErrorText.in(body)
	if !answer.OK() {
		return providers.Sent{}, answer.Refuse(nil, code, text)
	}
	if unreadable != nil && (s.Success.readJSON() || s.ID != nil && !s.ID.readText()) {
		return providers.Sent{}, unreadable
	}
	id := s.ID.in(body)
	result := s.Success.judge(answer.Status, body)
	if result == yes && s.ID != nil && id == "" && len(s.Success.conditions) == 0 {
		result = silent
	}
	switch {
	case result == no, result == silent && code+text != "":
		return providers.Sent{}, answer.Refuse(nil, code, strings.TrimSuffix("not what SUCCESS says: "+text, ": "))
	case result == silent:
		return providers.Sent{}, answer.Fail(providers.Unknown, "", "the answer doesn't say whether it is a success")
	}
	return providers.Sent{IDs: names(answer, id)}, nil
}

// read returns the content of an answer, and an error if it isn't JSON.
func read(answer *call.Answer) (content, error) {
	var body document
	unreadable := answer.Decode(&body)
	text := strings.TrimPrefix(string(answer.Body), "\ufeff")
	return content{strings.TrimSpace(text), body.value}, unreadable
}

func (p *Provider) request(m providers.Message) call.Request {
	s := p.settings
	to := m.To.Reveal()
	values := map[string]string{
		"To": to, "ToDigits": strings.TrimPrefix(to, "+"), "ToNational": m.National.Reveal(),
		"Text": m.Text.Reveal(), "Code": m.Code.Reveal(),
		"From": s.From, "ID": m.ID, "Token": s.Token.Reveal(),
	}
	r := call.Request{Method: s.Method, URL: s.URL.fill(values), Header: http.Header{}, Body: s.Body.fill(values)}
	if !s.Body.empty() {
		r.Header.Set("Content-Type", s.Body.mediaType())
	}
	for name, value := range s.Headers {
		r.Header.Set(name, value.fill(values))
	}
	if p.key != nil {
		sign(r.Header, p.key, m.ID, time.Now(), r.Body)
	}
	if s.User != "" {
		return r.BasicAuth(s.User, s.Password)
	}
	if !s.Token.Empty() && !s.tokenPlaced() {
		return r.Bearer(s.Token)
	}
	return r
}

var messageID = regexp.MustCompile(`^[A-Za-z0-9._:+/=@-]+$`)

// maxID is the longest id, in bytes. In the expression it would take memory for each byte.
const maxID = 128

// names returns the id, or nothing if it has another form or repeats the message: ids are logged.
func names(answer *call.Answer, id string) []string {
	if len(id) > maxID || !messageID.MatchString(id) || answer.Echoes(id) {
		return nil
	}
	return []string{id}
}
