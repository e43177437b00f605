// Package race gets one message accepted by one of several carriers before a deadline.
package race

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// Carrier is one configured account.
type Carrier struct {
	Name     string // of the instance, as in SMSHOOK_PROVIDERS
	Provider providers.Provider
	Codes    providers.Codes // the operator's own classes, above the carrier's table
}

// Attempt is one carrier's try at a message.
type Attempt struct {
	MessageID string
	Carrier   string
	Took      time.Duration
	Sent      providers.Sent   // what the carrier said when it accepted
	Err       *providers.Error // nil if it accepted
	Panic     *Panic           // what the carrier's code died of, if it did
}

// Panic is a bug in a carrier's code.
type Panic struct {
	Value any
	Stack []byte
}

// Result is how a race ended.
type Result int

const (
	Failed      Result = iota // no carrier took the message
	Accepted                  // one did, or may have: see [Unknown]
	Unreachable               // nobody will reach this number
)

func (r Result) String() string { return [...]string{"failed", "accepted", "unreachable"}[r] }

// Outcome is the result and how it came about, attempt by attempt.
type Outcome struct {
	Result   Result
	Attempts []Attempt
}

// Unknown says what a message is taken for that may have been sent, when no carrier is sure.
type Unknown string

const (
	// AcceptUnknown takes it as sent: to call it a failure would void a code that may be in the user's hand already.
	AcceptUnknown Unknown = "accept"
	// FailUnknown takes it as not sent.
	FailUnknown Unknown = "fail"
)

// UnmarshalText reads a setting.
func (u *Unknown) UnmarshalText(text []byte) error {
	switch v := Unknown(text); v {
	case AcceptUnknown, FailUnknown:
		*u = v
		return nil
	}
	return fmt.Errorf("want %s or %s", AcceptUnknown, FailUnknown)
}

// Runner runs races. It may be used concurrently.
type Runner struct {
	Unknown Unknown
	Ended   func(Attempt) // called once for each attempt, also for those that end late; it must not block
}

// Run tries the carriers in their order until one accepts. Each may take an even share of the time that is left until the
// deadline, and what one doesn't use falls to the next. It returns when the message is accepted, when no carrier may be
// tried any more, or when ctx, which must have a deadline, has ended.
func (r Runner) Run(ctx context.Context, m providers.Message, carriers []Carrier) Outcome {
	var outcome Outcome
	closed := map[string]bool{} // channels that this person isn't on
	for i, carrier := range carriers {
		if ctx.Err() != nil {
			break
		}
		if closed[channel(carrier)] {
			continue
		}
		deadline, _ := ctx.Deadline()
		share := time.Until(deadline) / time.Duration(len(carriers)-i)
		attempt := try(ctx, share, m, carrier)
		r.Ended(attempt)
		outcome.Attempts = append(outcome.Attempts, attempt)
		if attempt.Err == nil {
			outcome.Result = Accepted
			return outcome
		}
		if attempt.Err.Kind == providers.Recipient {
			break
		}
		if attempt.Err.Kind == providers.Channel {
			closed[channel(carrier)] = true
		}
	}
	outcome.Result = r.verdict(outcome.Attempts)
	return outcome
}

// try makes one attempt of at most the given time.
func try(ctx context.Context, share time.Duration, m providers.Message, c Carrier) (attempt Attempt) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	ctx, watched := call.Watch(ctx)
	attempt = Attempt{MessageID: m.ID, Carrier: c.Name}
	defer func() {
		if value := recover(); value != nil {
			attempt.Panic = &Panic{value, debug.Stack()}
			attempt.Err = unclassified(errors.New("the carrier's code panicked"), watched)
		}
		attempt.Took = time.Since(start)
	}()
	sent, err := c.Provider.Send(ctx, m)
	if err == nil {
		attempt.Sent = sent
		return attempt
	}
	attempt.Err = failure(err, watched)
	if kind, ours := c.Codes[attempt.Err.Code]; ours {
		attempt.Err.Kind = kind
	}
	return attempt
}

// failure returns err as the *Error it should be. The text of one that isn't may hold anything, so only its type is told.
func failure(err error, watched *call.Watched) *providers.Error {
	var classified *providers.Error
	if errors.As(err, &classified) {
		copied := *classified
		return &copied
	}
	return unclassified(fmt.Errorf("an error of type %T", err), watched)
}

// unclassified returns an error of the Kind that goes with what is known: whether the request has left.
func unclassified(err error, watched *call.Watched) *providers.Error {
	kind := providers.Temporary
	if watched.Written() {
		kind = providers.Unknown
	}
	return &providers.Error{Kind: kind, Err: err}
}

// verdict is what a race without an acceptance comes to.
func (r Runner) verdict(attempts []Attempt) Result {
	seen := map[providers.Kind]bool{}
	for _, attempt := range attempts {
		seen[attempt.Err.Kind] = true
	}
	switch {
	case seen[providers.Recipient]:
		return Unreachable
	case seen[providers.Unknown] && r.Unknown != FailUnknown:
		return Accepted
	case seen[providers.Channel] && len(seen) == 1:
		return Unreachable
	default:
		return Failed
	}
}

// channel names the way a carrier's messages travel.
func channel(c Carrier) string {
	if c, ok := c.Provider.(providers.Channeler); ok {
		return c.Channel()
	}
	return "sms"
}
