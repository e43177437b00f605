package vonage

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// smsID is the form of the SMS API's ids: 0A0000000123ABCD1, or recently a UUID.
var smsID = regexp.MustCompile(`^[0-9A-Fa-f]{16,20}$|` + providers.UUID.String())

// part is one part of a message in the SMS API's answer. Each part has its own id and gets its own receipt.
type part struct {
	ID     call.Scalar `json:"message-id"`
	Status call.Scalar `json:"status"`
	Text   call.Scalar `json:"error-text"`
}

func (p *Provider) sendSMS(ctx context.Context, m providers.Message) (providers.Sent, error) {
	answer, err := p.call.Do(ctx, m, call.Form(string(p.settings.BaseURL)+"/sms/json", p.form(m)))
	if err != nil {
		return providers.Sent{}, err
	}
	var submitted struct {
		Parts []part `json:"messages"`
	}
	if err := answer.Decode(&submitted); err != nil {
		return providers.Sent{}, err
	}
	parts := submitted.Parts
	if !answer.OK() && len(parts) == 0 {
		return providers.Sent{}, p.refused(answer)
	}
	if !answer.OK() {
		return providers.Sent{}, refusedPart(answer, parts[0])
	}
	return judge(answer, parts)
}

func (p *Provider) form(m providers.Message) *call.Fields {
	form := new(call.Fields)
	form.Add("api_key", p.settings.APIKey)
	form.Add("api_secret", p.settings.APISecret.Reveal())
	form.Add("from", p.settings.From)
	form.Add("to", digits(m))
	form.Add("text", m.Text.Reveal())
	if m.Unicode {
		form.Add("type", "unicode")
	}
	if m.Life > 0 {
		form.Add("ttl", strconv.FormatInt(ttl(m.Life).Milliseconds(), 10))
	}
	if address := p.callback.For(m); address != "" {
		form.Add("callback", address)
	}
	return form
}

// judge reads an answer 200. The SMS API answers everything with 200, and only the statuses of the parts say what happened.
func judge(answer *call.Answer, parts []part) (providers.Sent, error) {
	sent := providers.Sent{Parts: providers.Parts(len(parts))}
	var failed []part
	for _, part := range parts {
		switch part.Status {
		case "":
			return providers.Sent{}, answer.Fail(providers.Unknown, "", "a part without status in the answer: "+string(part.Text))
		case "0":
			if smsID.MatchString(string(part.ID)) && !answer.Echoes(string(part.ID)) { // anything else may repeat the message, and ids are logged
				sent.IDs = append(sent.IDs, string(part.ID))
			}
		default:
			failed = append(failed, part)
		}
	}
	switch {
	case len(parts) == 0:
		return providers.Sent{}, answer.Fail(providers.Unknown, "", "no parts in the answer")
	case len(failed) == len(parts):
		return providers.Sent{}, refusedPart(answer, failed[0])
	case len(failed) > 0:
		text := fmt.Sprintf("%d of %d parts refused: %s", len(failed), len(parts), failed[0].Text)
		return providers.Sent{}, answer.Fail(providers.Unknown, string(failed[0].Status), text)
	}
	return sent, nil
}

// aboutTo finds the name of the parameter "to" in the text about an invalid parameter, and not "to" in a sentence.
var aboutTo = regexp.MustCompile("(?i)^to address\\b|\\b(invalid|param|parameter):? to\\b|['\"`]to['\"`]")

func refusedPart(answer *call.Answer, p part) error {
	if p.Status == invalidParameter && aboutTo.MatchString(string(p.Text)) {
		return answer.Fail(providers.Recipient, string(p.Status), string(p.Text))
	}
	return answer.Refuse(smsCodes, string(p.Status), string(p.Text))
}
