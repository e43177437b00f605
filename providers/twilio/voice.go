package twilio

import (
	"context"
	"encoding/xml"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/spoken"
)

var (
	callSID     = regexp.MustCompile(`^CA[0-9a-fA-F]{32}$`)
	voiceNumber = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
)

func (s Settings) voice() bool { return s.Channel == providers.Voice }

// validateVoice checks what differs for calls: they have neither a Messaging Service nor a template, and come from a number.
func (s Settings) validateVoice(w *providers.Wants) {
	w.That(voiceNumber.MatchString(s.From), "FROM", "want a number that can call, with its plus and calling code, such as +15005550006")
	w.That(s.MessagingServiceSID == "", "MESSAGING_SERVICE_SID", "is for messages: a call (CHANNEL=voice) comes from FROM")
	w.That(s.ContentSID == "", "CONTENT_SID", "is for messages: a call (CHANNEL=voice) has no template")
	w.That(s.Language == "" || spoken.Known(s.Language), "LANGUAGE", "want one of "+strings.Join(spoken.Locales(), ", "))
}

// voice is one of Twilio's, with the language that it speaks. Without the voice, Twilio would take the one that the account is set to.
type voice struct{ language, name string }

// voices are standard voices, which cost the least, as Twilio's own library lists them (twilio 6.2.0 for Node, VoiceResponse.d.ts;
// also https://www.twilio.com/docs/voice/twiml/say/text-speech).
var voices = map[string]voice{
	"ar":      {"ar-XA", "Google.ar-XA-Standard-A"},
	"bn":      {"bn-IN", "Google.bn-IN-Standard-A"},
	"de":      {"de-DE", "Google.de-DE-Standard-A"},
	"en":      {"en-US", "Google.en-US-Standard-C"},
	"es":      {"es-US", "Google.es-US-Standard-A"},
	"fr":      {"fr-FR", "Google.fr-FR-Standard-A"},
	"hi":      {"hi-IN", "Google.hi-IN-Standard-A"},
	"id":      {"id-ID", "Google.id-ID-Standard-A"},
	"ja":      {"ja-JP", "Google.ja-JP-Standard-A"},
	"pt":      {"pt-BR", "Google.pt-BR-Standard-A"},
	"ru":      {"ru-RU", "Google.ru-RU-Standard-A"},
	"zh-Hans": {"cmn-CN", "Google.cmn-CN-Standard-A"},
	"zh-Hant": {"cmn-TW", "Google.cmn-TW-Standard-A"},
}

// maxTwiml is how many characters of TwiML a request may have.
const maxTwiml = 4000

// sendCall creates a Call. What is said goes along in the request, because otherwise Twilio would fetch it from a URL.
//
// There is no machine detection. With it, Twilio waits in silence for some seconds before it speaks to a person, and TwiML that goes
// along with the request is said to a voicemail all the same. https://www.twilio.com/docs/voice/answering-machine-detection
func (p *Provider) sendCall(ctx context.Context, m providers.Message) (providers.Sent, error) {
	m = spoken.Of(m, p.settings.Language)
	twiml := twiml(m)
	if n := utf8.RuneCountInString(twiml); n > maxTwiml {
		err := fmt.Errorf("the text is too long to be spoken: %d characters of TwiML, and Twilio takes %d", n, maxTwiml)
		return providers.Sent{}, &providers.Error{Kind: providers.Rejected, Err: err}
	}
	form := new(call.Fields)
	form.Add("To", m.To.Reveal())
	form.Add("From", p.settings.From)
	form.Add("Twiml", twiml)
	form.Add("Timeout", strconv.Itoa(spoken.Ring))
	if address := p.callback.For(m); address != "" {
		form.Add("StatusCallback", address) // for the end of the call: Twilio calls it for nothing else unless asked
	}
	var created struct {
		SID    string `json:"sid"`
		Status string `json:"status"`
	}
	answer, err := p.call.Ask(ctx, m, call.Form(p.url("/Calls.json"), form).BasicAuth(p.user, p.password), &created, refused)
	if err != nil {
		return providers.Sent{}, err
	}
	if state, _ := callStateOf(created.Status); state.Failed() {
		return providers.Sent{}, answer.Refuse(codes, "", "call "+created.Status)
	}
	return answer.Accepted("call sid", created.SID, callSID)
}

// twiml begins with a pause: a user needs a second to bring the phone to the ear.
func twiml(m providers.Message) string {
	v := voices[m.Locale]
	var text strings.Builder
	_ = xml.EscapeText(&text, []byte(m.Text.Reveal())) // a strings.Builder takes everything
	return fmt.Sprintf(`<Response><Pause length="1"/><Say language="%s" voice="%s" loop="%d">%s</Say></Response>`,
		v.language, v.name, spoken.Times, text.String())
}

// callStates are the statuses of a Call in Twilio's OpenAPI description, and initiated, which is an event. A call that is completed was
// answered, perhaps by a voicemail: it never counts as delivered.
var callStates = map[string]providers.State{
	"queued":      providers.StateQueued,
	"initiated":   providers.StateQueued,
	"ringing":     providers.StateQueued,
	"in-progress": providers.StateSent,
	"completed":   providers.StateSent,
	"busy":        providers.StateUndelivered,
	"no-answer":   providers.StateUndelivered,
	"failed":      providers.StateFailed,
	"canceled":    providers.StateFailed,
}

func callStateOf(status string) (state providers.State, known bool) {
	state, known = callStates[strings.ToLower(status)]
	return state, known
}

// callReceipt reads what Twilio reports about a call, https://www.twilio.com/docs/voice/api/call-resource#statuscallback.
//
// A user who doesn't answer, or is on the phone, may still get a text. Another call would only disturb them.
func callReceipt(said report) []providers.Receipt {
	id := said.fields.Get("CallSid")
	state, known := callStateOf(said.fields.Get("CallStatus"))
	if !known || !callSID.MatchString(id) {
		return nil
	}
	receipt := providers.Receipt{ID: id, State: state}
	switch state {
	case providers.StateUndelivered:
		receipt.Kind = providers.Channel
	case providers.StateFailed:
		receipt.Code, receipt.Kind = codes.OfReceipt(said.fields.Get("ErrorCode"), providers.ErrorCode, providers.Temporary)
	}
	return []providers.Receipt{receipt}
}
