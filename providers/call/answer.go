package call

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"github.com/smshook/smshook/providers"
)

// Answer is a provider's answer.
type Answer struct {
	Status int
	Body   []byte // whole if OK; of a failure, what was received, at most MaxAnswer+1 bytes

	hide scrubber
}

// OK reports whether the status is a success. The body may still say otherwise.
func (a *Answer) OK() bool { return a.Status/100 == 2 }

// Decode reads the body, which must be JSON, into v. If a success can't be read, the error is of Kind [providers.Unknown], because the
// message may have been sent. What can't be read of a failure is left empty, because the status says enough.
func (a *Answer) Decode(v any) error {
	err := json.Unmarshal(bytes.TrimPrefix(a.Body, []byte("\xef\xbb\xbf")), v) // some write a byte order mark
	if err == nil || !a.OK() {
		return nil
	}
	// The parser's own text quotes what it found.
	return a.Fail(providers.Unknown, "", "the answer is not the JSON it should be")
}

// Accepted returns what Send returns for an accepted message with the given name, which must match a pattern. A provider may repeat the
// message where its name should be, or within its name, and names are logged. Therefore such a name is left out. What says what is missing if the
// name is empty: then nothing proves that the message was accepted, and the error is of Kind [providers.Unknown].
func (a *Answer) Accepted(what, name string, pattern *regexp.Regexp) (providers.Sent, error) {
	if name == "" {
		return providers.Sent{}, a.Fail(providers.Unknown, "", "no "+what+" in the answer")
	}
	if !pattern.MatchString(name) || a.hide.echoesIn(name) {
		return providers.Sent{}, nil
	}
	return providers.Sent{IDs: []string{name}}, nil
}

// Echoes reports whether a text of the answer holds the number, the code, the text or a credential. A name with one of these must
// not become one of [providers.Sent.IDs], because they are logged.
func (a *Answer) Echoes(text string) bool { return a.hide.echoes(text) }

// EchoesIn is Echoes for the provider's name of a message.
func (a *Answer) EchoesIn(name string) bool { return a.hide.echoesIn(name) }

// Fail returns the error of an answer that is a failure of the given kind, with the provider's own code and text.
func (a *Answer) Fail(kind providers.Kind, code, text string) error {
	err := fmt.Errorf("answer %d", a.Status)
	if text != "" {
		err = fmt.Errorf("answer %d: %s", a.Status, text)
	}
	mask := a.hide.newMask()
	return &providers.Error{Kind: kind, Code: mask.clean(code), Err: errors.New(mask.clean(err.Error()))}
}

// Refuse returns the error of a refused message: of the Kind that codes has for the provider's code, else of the Kind that
// goes with the status. A refusal inside a success is [providers.Rejected].
func (a *Answer) Refuse(codes providers.Codes, code, text string) error {
	kind, known := codes[code]
	if !known {
		kind = KindOf(a.Status)
	}
	return a.Fail(kind, code, text)
}

// KindOf returns the Kind of a refusal by its HTTP status, for a code that isn't known.
func KindOf(status int) providers.Kind {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusPaymentRequired, status == http.StatusForbidden:
		return providers.Account
	case status/100 == 3: // the address is wrong; redirects are not followed
		return providers.Account
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status/100 == 5:
		return providers.Temporary
	default:
		return providers.Rejected
	}
}
