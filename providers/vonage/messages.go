package vonage

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

type object = map[string]any

// maxCode is how many characters WhatsApp takes for a template's code.
const maxCode = 15

func (p *Provider) sendMessage(ctx context.Context, m providers.Message) (providers.Sent, error) {
	if n := utf8.RuneCountInString(m.Code.Reveal()); n > maxCode && p.Channel() == whatsApp {
		err := fmt.Errorf("the code has %d characters, and a template takes %d", n, maxCode)
		return providers.Sent{}, &providers.Error{Kind: providers.Rejected, Err: err}
	}
	request, err := p.authorize(call.Request{
		Method: http.MethodPost,
		URL:    string(p.settings.BaseURL) + "/v1/messages",
		Header: http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}},
		Body:   p.body(m),
	})
	if err != nil {
		return providers.Sent{}, err
	}
	answer, err := p.call.Do(ctx, m, request)
	if err != nil {
		return providers.Sent{}, err
	}
	if !answer.OK() {
		return providers.Sent{}, p.refused(answer)
	}
	var submitted struct {
		ID call.Scalar `json:"message_uuid"`
	}
	if err := answer.Decode(&submitted); err != nil {
		return providers.Sent{}, err
	}
	if submitted.ID == "" {
		return providers.Sent{}, answer.Fail(providers.Unknown, "", "no message_uuid in the answer")
	}
	if !uuid.MatchString(string(submitted.ID)) {
		return providers.Sent{}, nil // accepted, but by a name that isn't one: who knows what it echoes
	}
	return providers.Sent{IDs: []string{string(submitted.ID)}}, nil
}

// body is a message as JSON. Whether a text needs Unicode, Vonage finds out by itself.
func (p *Provider) body(m providers.Message) string {
	message := object{"channel": p.Channel(), "to": digits(m), "from": p.settings.From}
	if p.Channel() == whatsApp {
		message["message_type"], message["custom"] = "custom", p.template(m.Code)
	} else {
		message["message_type"], message["text"] = "text", m.Text.Reveal()
		if m.Life > 0 {
			message["ttl"] = int(ttl(m.Life).Seconds())
		}
	}
	if address := p.callback.For(m); address != "" {
		message["webhook_url"], message["webhook_version"] = address, "v1" // else the account's form, which may be an older one
	}
	body, _ := json.Marshal(message) // maps, slices and strings always marshal
	return string(body)
}

// template is passed on to WhatsApp as it is: a template for codes has a button, and what has buttons can't go as
// message_type "template". It holds the code twice: for the text, and for the button that copies it or fills it in.
// https://developer.vonage.com/en/messages/code-snippets/whatsapp/send-authentication-template
func (p *Provider) template(code providers.Secret) object {
	text := []object{{"type": "text", "text": code.Reveal()}}
	return object{"type": "template", "template": object{
		"name":     p.settings.Template,
		"language": object{"policy": "deterministic", "code": p.settings.Language},
		"components": []object{
			{"type": "body", "parameters": text},
			{"type": "button", "sub_type": "url", "index": "0", "parameters": text},
		},
	}}
}

// refusal is the problem document of RFC 7807 that Vonage's newer APIs answer with, and that their receipts hold. The balance
// has a form of its own.
type refusal struct {
	Type       call.Scalar `json:"type"`  // a link whose fragment is the code
	Title      call.Scalar `json:"title"` // in a receipt, the code
	Detail     call.Scalar `json:"detail"`
	Label      call.Scalar `json:"error-code-label"`
	Parameters []struct {
		Name   call.Scalar `json:"name"`
		Reason call.Scalar `json:"reason"`
	} `json:"invalid_parameters"`
}

// refused returns the error of a refusal. It is nil if Vonage refuses to send what it has sent already.
func (p *Provider) refused(answer *call.Answer) error {
	var r refusal
	_ = answer.Decode(&r) // what can't be read of a refusal is left empty
	code, text := r.code(), r.text()
	if code == alreadySent && answer.Status != http.StatusUnauthorized && answer.Status != http.StatusForbidden {
		return nil
	}
	if r.aboutRecipient() {
		return answer.Fail(p.badRecipient(), code, text)
	}
	if kind, ok := parameterCodes[code]; ok && answer.Status == http.StatusUnprocessableEntity {
		return answer.Fail(kind, code, text)
	}
	return answer.Refuse(p.messagesCodes(), code, text)
}

func (r refusal) code() string {
	if codeShape.MatchString(string(r.Title)) {
		return string(r.Title)
	}
	if i := strings.LastIndex(string(r.Type), "#"); i >= 0 {
		return string(r.Type[i+1:])
	}
	return ""
}

func (r refusal) text() string {
	var texts []string
	add := func(text call.Scalar) {
		if text != "" {
			texts = append(texts, string(text))
		}
	}
	add(r.Title)
	add(r.Detail)
	add(r.Label)
	for _, parameter := range r.Parameters {
		add(parameter.Name)
		add(parameter.Reason)
	}
	return strings.Join(texts, ": ")
}

// aboutRecipient goes by the title: the specification's own example gives it a code that is in no list.
func (r refusal) aboutRecipient() bool {
	for _, parameter := range r.Parameters {
		if parameter.Name == "to" {
			return true
		}
	}
	return r.Title == "Invalid recipient" || r.code() == recipientOfChannel
}

func (p *Provider) messagesCodes() providers.Codes {
	if p.Channel() == whatsApp {
		return whatsAppCodes
	}
	return messagesCodes
}

// badRecipient is what "invalid for the given channel" means: a number that isn't on WhatsApp may still get an SMS.
func (p *Provider) badRecipient() providers.Kind {
	if p.Channel() == whatsApp {
		return providers.Channel
	}
	return providers.Recipient
}
