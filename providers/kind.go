package providers

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Kind is the class of a failed attempt. What happens next depends on the Kind alone.
type Kind int

const (
	// Unknown means that the message may have been sent: no answer came after the request was written, the answer ended
	// early, or a success can't be read. The next provider is tried. Unknown is the zero value because it is the safest.
	Unknown Kind = iota
	// Temporary means that the message was not sent, for a reason that will pass: an answer 408, 429 or 5xx, a refused
	// connection, a request that never left. The next provider is tried.
	Temporary
	// Account means that an operator must act: credentials, balance, a suspended account. The next provider is tried.
	Account
	// Rejected means that this provider doesn't accept this message: destination not enabled, sender or template not
	// allowed, too many messages to this number, a malformed request. The next provider is tried. Rejected says nothing about
	// the provider's health, because it depends on the number, and an attacker can choose the number.
	Rejected
	// Channel means that this person can't be reached on this channel: a number without WhatsApp, a landline by SMS, a call that
	// nobody answers. Providers of other channels are tried.
	Channel
	// Recipient means that no provider can reach this number, that its owner opted out, or that the provider's fraud guard
	// has stopped the message or may have stopped it, see [Codes.OfReceipt]. No other provider is tried.
	Recipient
)

var kindNames = []string{"unknown", "temporary", "account", "rejected", "channel", "recipient"}

func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return kindNames[k]
}

// UnmarshalText reads the name of a Kind, as String writes it.
func (k *Kind) UnmarshalText(text []byte) error {
	i := slices.Index(kindNames, string(text))
	if i < 0 {
		return fmt.Errorf("want one of %s", strings.Join(kindNames, ", "))
	}
	*k = Kind(i)
	return nil
}

// Codes gives a provider's own codes their Kind.
type Codes map[string]Kind

// UnmarshalText reads pairs such as "21610=account, 30007=temporary": an operator's changes to a provider's table.
func (c *Codes) UnmarshalText(text []byte) error {
	codes := Codes{}
	for i, pair := range strings.Split(string(text), ",") {
		code, name, _ := strings.Cut(pair, "=")
		code = strings.TrimSpace(code)
		var kind Kind
		if err := kind.UnmarshalText([]byte(strings.TrimSpace(name))); err != nil || code == "" {
			return fmt.Errorf("entry %d: want CODE=KIND, with KIND one of %s", i+1, strings.Join(kindNames, ", "))
		}
		codes[code] = kind
	}
	*c = codes
	return nil
}

// OfReceipt returns the Code and the Kind of a failure that a receipt reports with a code. The Kind is otherwise if the code isn't in c.
//
// The field of the code may hold anything, such as the number, and codes are logged. Therefore the Code is empty if the code is
// neither in c nor of the given form, which is [ErrorCode] for most providers.
//
// Otherwise is [Temporary] where the message has failed on its way: another provider may reach the number. It is [Recipient] where
// the provider itself has refused the message: the reason may be its fraud guard, and a second message would move the fraud to the
// next provider.
func (c Codes) OfReceipt(code string, form *regexp.Regexp, otherwise Kind) (string, Kind) {
	if kind, known := c[code]; known {
		return code, kind
	}
	if form.MatchString(code) {
		return code, otherwise
	}
	return "", otherwise
}

// Error is a failed attempt.
type Error struct {
	Kind Kind
	Code string // the provider's own code; empty if it gave none
	Err  error  // what the operator reads
}

func (e *Error) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("%v: %v", e.Kind, e.Err)
	}
	return fmt.Sprintf("%v (code %s): %v", e.Kind, e.Code, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }
