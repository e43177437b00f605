package vonage

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/spoken"
)

func (s Settings) voice() bool { return s.Channel == providers.Voice }

// validateVoice checks what differs for calls: they take an application alone, and come from a number.
func (s Settings) validateVoice(w *providers.Wants) {
	w.That(s.hasApplication(), "APPLICATION_ID", "is missing: a call takes an application with the Voice capability (APPLICATION_ID and PRIVATE_KEY)")
	w.That(s.API == "", "API", "is for messages: a call (CHANNEL=voice) goes by the Voice API")
	w.That(number.MatchString(s.From), "FROM", "want a number that can call, with its calling code, such as 15555550100")
	w.That(s.Template == "", "TEMPLATE", "is for CHANNEL=whatsapp alone")
	w.That(s.Language == "" || spoken.Known(s.Language), "LANGUAGE", "want one of "+strings.Join(spoken.Locales(), ", "))
}

// voiceLanguages are the languages as Vonage writes them. Each is spoken by its first voice, which costs nothing more.
// https://developer.vonage.com/en/voice/voice-api/concepts/text-to-speech#supported-languages, and Vonage's own library
// (@vonage/voice 1.21.0 for Node, TTSLanguages.d.ts).
var voiceLanguages = map[string]string{
	"ar":      "ar",
	"bn":      "bn-IN",
	"de":      "de-DE",
	"en":      "en-US",
	"es":      "es-US",
	"fr":      "fr-FR",
	"hi":      "hi-IN",
	"id":      "id-ID",
	"ja":      "ja-JP",
	"pt":      "pt-BR",
	"ru":      "ru-RU",
	"zh-Hans": "cmn-CN",
	"zh-Hant": "cmn-TW",
}

// maxSpoken is how many characters a talk action may have.
// https://developer.vonage.com/en/voice/voice-api/ncco-reference#talk
const maxSpoken = 1500

// sendCall makes a call. What is said goes along in the request, because otherwise Vonage would fetch it from a URL.
//
// There is no machine detection, because it may take a person for a machine and hang up. Nothing depends on it: a call that was answered
// doesn't count as delivered.
func (p *Provider) sendCall(ctx context.Context, m providers.Message) (providers.Sent, error) {
	m = spoken.Of(m, p.settings.Language)
	m.Text = providers.NewSecret(plainText.Replace(m.Text.Reveal()))
	if n := utf8.RuneCountInString(m.Text.Reveal()); n > maxSpoken {
		err := fmt.Errorf("the text is too long to be spoken: %d characters, and Vonage takes %d", n, maxSpoken)
		return providers.Sent{}, &providers.Error{Kind: providers.Rejected, Err: err}
	}
	request, err := p.authorize(call.JSON(string(p.settings.BaseURL)+"/v1/calls", p.callBody(m)))
	if err != nil {
		return providers.Sent{}, err
	}
	var started struct {
		ID call.Scalar `json:"uuid"`
	}
	answer, err := p.call.Ask(ctx, m, request, &started, p.callRefused)
	if err != nil {
		return providers.Sent{}, err
	}
	return answer.Accepted("uuid", string(started.ID), providers.UUID)
}

// plainText takes away the marks that begin SSML. They are not heard.
var plainText = strings.NewReplacer("<", " ", ">", " ")

func (p *Provider) callBody(m providers.Message) object {
	body := object{
		"to":            []object{{"type": "phone", "number": digits(m)}},
		"from":          object{"type": "phone", "number": p.settings.From},
		"ringing_timer": spoken.Ring,
		"ncco": []object{{
			"action":   "talk",
			"text":     m.Text.Reveal(),
			"language": voiceLanguages[m.Locale],
			"loop":     spoken.Times,
		}},
	}
	if address := p.callback.For(m); address != "" {
		body["event_url"] = []string{address}
	}
	return body
}

func (p *Provider) callRefused(answer *call.Answer) error {
	var r refusal
	_ = answer.Decode(&r) // what can't be read is left empty
	if r.aboutRecipient() {
		return answer.Fail(providers.Recipient, r.code(), r.text())
	}
	return answer.Refuse(voiceCodes, r.code(), r.text())
}

// callStates are the statuses of a call. A call that is completed was answered, perhaps by a voicemail: it never counts as delivered.
// https://developer.vonage.com/en/voice/voice-api/webhook-reference#event-webhook
var callStates = map[string]providers.State{
	"started":    providers.StateQueued,
	"ringing":    providers.StateQueued,
	"answered":   providers.StateSent,
	"human":      providers.StateSent,
	"machine":    providers.StateSent,
	"completed":  providers.StateSent,
	"busy":       providers.StateUndelivered,
	"timeout":    providers.StateUndelivered,
	"unanswered": providers.StateUndelivered,
	rejected:     providers.StateUndelivered,
	"cancelled":  providers.StateFailed,
	"failed":     providers.StateFailed,
}

// callDetail is the form of what says why a call failed: words, and no number or code.
var callDetail = regexp.MustCompile(`^[a-z]+(_[a-z]+){0,4}$`)

func (p *Provider) callReceipt(r *http.Request, body []byte) ([]providers.Receipt, error) {
	var event struct {
		ID     call.Scalar `json:"uuid"`
		Status call.Scalar `json:"status"`
		Detail call.Scalar `json:"detail"`
		Time   call.Scalar `json:"timestamp"`
	}
	if err := p.readReceipt(r, body, &event); err != nil {
		return nil, err
	}
	state, known := callStates[string(event.Status)]
	if !known || !providers.UUID.MatchString(string(event.ID)) {
		return nil, nil
	}
	receipt := providers.Receipt{ID: string(event.ID), State: state}
	receipt.At, _ = time.Parse(time.RFC3339, string(event.Time))
	if state.Failed() {
		receipt.Code, receipt.Kind = voiceCodes.OfReceipt(string(event.Detail), callDetail, unanswered(string(event.Status)))
	}
	return []providers.Receipt{receipt}, nil
}

// unanswered is the Kind of a call that failed for a reason that isn't known. A user who doesn't answer may still get a text; another call
// would only disturb them. What Vonage has refused may be fraud.
func unanswered(status string) providers.Kind {
	switch {
	case status == rejected:
		return providers.Recipient
	case callStates[status] == providers.StateUndelivered:
		return providers.Channel
	}
	return providers.Temporary
}
