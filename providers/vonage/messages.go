package vonage

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

type object = map[string]any

// maxCode is how many characters a template's code may have on WhatsApp.
const maxCode = 15

func (p *Provider) sendMessage(ctx context.Context, m providers.Message) (providers.Sent, error) {
	if n := utf8.RuneCountInString(m.Code.Reveal()); n > maxCode && p.Channel() == whatsApp {
		err := fmt.Errorf("the code has %d characters, and a template takes %d", n, maxCode)
		return providers.Sent{}, &providers.Error{Kind: providers.Rejected, Err: err}
	}
	request, err := p.authorize(call.JSON(string(p.settings.BaseURL)+"/v1/messages", p.body(m)).With("Accept", "application/json"))
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
	return answer.Accepted("message_uuid", string(submitted.ID), providers.UUID)
}

// body is the body of a request. Vonage finds out itself whether a text needs Unicode.
func (p *Provider) body(m providers.Message) object {
	message := object{"channel": p.Channel(), "to": digits(m), "from": p.settings.From}
	switch {
	case p.Channel() == whatsApp:
		message["message_type"], message["custom"] = "custom", p.template(m.Code)
	case len(m.Media) > 0:
		message["channel"], message["message_type"] = "mms", "image"
		message["image"] = object{"url": m.Media[0], "caption": m.Text.Reveal()}
	default:
		message["message_type"], message["text"] = "text", m.Text.Reveal()
		if m.Life > 0 {
			message["ttl"] = int(ttl(m.Life).Seconds())
		}
	}
	if address := p.callback.For(m); address != "" {
		message["webhook_url"], message["webhook_version"] = address, "v1" // otherwise the account's version, which may be older
	}
	return message
}

// isPicture reports whether the file at an address is one of those that the MMS channel takes as an image.
func isPicture(address string) bool {
	u, err := url.Parse(address)
	return err == nil && slices.Contains([]string{".jpg", ".jpeg", ".png", ".gif"}, strings.ToLower(path.Ext(u.Path)))
}

// template is sent to WhatsApp unchanged, because a template with buttons can't be sent as message_type "template". It has the code
// twice: for the text, and for the button that copies the code or fills it in.
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

// refusal is the problem document of RFC 7807 in the answers and receipts of Vonage's newer APIs. The balance API has another form.
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

// refused returns the error of a refusal. It is nil if Vonage says that it has already sent the message.
func (p *Provider) refused(answer *call.Answer) error {
	var r refusal
	_ = answer.Decode(&r) // what can't be read is left empty
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
	if providers.WhatsAppCode.MatchString(string(r.Title)) {
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

// aboutRecipient reports whether the recipient is the reason. The title counts, because the specification's example has a code that is
// in no list.
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

// badRecipient is the Kind of a recipient that the channel can't reach. A number without WhatsApp may still get an SMS.
func (p *Provider) badRecipient() providers.Kind {
	if p.Channel() == whatsApp {
		return providers.Channel
	}
	return providers.Recipient
}
