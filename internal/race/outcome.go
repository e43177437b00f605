package race

import (
	"fmt"

	"github.com/smshook/smshook/providers"
)

// Result is how a race ended.
type Result int

const (
	Failed      Result = iota // no instance accepted the message
	Accepted                  // an instance accepted the message, or may have: see [Unknown]
	Unreachable               // no instance can reach this number
)

// Outcome is the result of a race, with its attempts in the order in which they ended. Attempts that have not ended come last.
type Outcome struct {
	Result   Result
	Attempts []Attempt
}

// Unknown is the setting for a message that may have been sent when no instance has confirmed it.
type Unknown string

const (
	// AcceptUnknown takes the message as sent. To report a failure would invalidate a code that the user may already have.
	AcceptUnknown Unknown = "accept"
	// FailUnknown takes the message as not sent.
	FailUnknown Unknown = "fail"
)

// UnmarshalText reads the setting.
func (u *Unknown) UnmarshalText(text []byte) error {
	switch v := Unknown(text); v {
	case AcceptUnknown, FailUnknown:
		*u = v
		return nil
	}
	return fmt.Errorf("want %s or %s", AcceptUnknown, FailUnknown)
}

// resultWithoutAcceptance returns the result of a race in which all attempts failed or have not ended.
func resultWithoutAcceptance(attempts []Attempt, unknown Unknown) Result {
	seen := map[providers.Kind]bool{}
	for _, attempt := range attempts {
		seen[attempt.Err.Kind] = true
	}
	switch {
	case seen[providers.Recipient]:
		return Unreachable
	case seen[providers.Unknown] && unknown != FailUnknown:
		return Accepted
	case seen[providers.Channel] && len(seen) == 1:
		return Unreachable
	default:
		return Failed
	}
}
