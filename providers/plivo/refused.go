package plivo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// refusedTo returns refused for a message to a number, which is digits, or for no message.
func refusedTo(dst string) func(*call.Answer) error {
	return func(answer *call.Answer) error { return refused(answer, dst) }
}

// refused reads an answer that is no success. Plivo doesn't document its body. Plivo's clients read the text from "error", and its
// other APIs answer with "error_code" and "message". A refused message usually has no code. Therefore two texts decide the Kind too.
func refused(answer *call.Answer, dst string) error {
	var refusal struct {
		Code    call.Scalar `json:"error_code"`
		Error   prose       `json:"error"`
		Message prose       `json:"message"`
	}
	_ = answer.Decode(&refusal) // what can't be read is left empty
	code, text := string(refusal.Code), string(refusal.Error)
	if text == "" {
		text = string(refusal.Message)
	}
	if _, known := codes[code]; known {
		return answer.Refuse(codes, code, text)
	}
	if outOfCredit(text) {
		return answer.Fail(providers.Account, code, text)
	}
	if answer.Status == http.StatusBadRequest && invalidNumber(text, dst) {
		return answer.Fail(providers.Recipient, code, text)
	}
	return answer.Refuse(codes, code, text)
}

// outOfCredit reports whether the text says that there is no credit left. For two minutes after a message has failed with code 900,
// every request fails with this text.
// https://support.plivo.com/support/solutions/articles/17000088423
func outOfCredit(text string) bool {
	return strings.Contains(strings.ToLower(text), "insufficient credit")
}

// invalidNumber reports whether the text says that the recipient's number is invalid. The text is the same for the sender's number, but
// it quotes the number.
// https://github.com/plivo/plivo-node/issues/222
func invalidNumber(text, dst string) bool {
	return strings.Contains(text, "'"+dst+"' is not a valid phone number")
}

// prose is the value of a field that may hold a text or an object of texts. It never makes an answer unreadable.
type prose string

func (p *prose) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // a float may be written as 4.4e+11, and a number in this form would not be masked
	var value any
	if err := decoder.Decode(&value); err == nil && value != nil {
		*p = prose(fmt.Sprint(value))
	}
	return nil
}
