// Package dispatch takes one request for a code from the number to the carrier. It knows nothing of HTTP, nor of who asks.
package dispatch

import (
	"context"
	"fmt"
	"time"

	"github.com/smshook/smshook/internal/message"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// Request asks for one code on one phone.
type Request struct {
	ID      string // names the request in the log and the message at the carriers
	Phone   providers.Secret
	Code    providers.Secret
	Locale  string    // the language the user asked for, as a BCP 47 tag; may be empty
	MFA     bool      // the code is a second factor: it lives longer than the operator's SMSHOOK_CODE_LIFE says
	Arrived time.Time // the budget counts from here
}

// Result is how a request ended.
type Result int

const (
	Failed    Result = iota // the message could not be sent; another request may fare better
	Accepted                // the message is on its way
	BadNumber               // nobody will reach this number
)

func (r Result) String() string { return [...]string{"failed", "accepted", "bad number"}[r] }

// Outcome is the result and, for the operator, how it came about.
type Outcome struct {
	Result   Result
	Number   phone.Number // the zero Number if it could not be read
	Attempts []race.Attempt
	Reason   error // why no carrier was tried; nil if one was. It is safe to log
}

// Dispatcher sends codes. It may be used concurrently, and is not changed once it is in use.
type Dispatcher struct {
	Budget   time.Duration // how long a request may take, from its arrival
	CodeLife time.Duration // how long a code stays valid, if the operator says; else 0
	Template message.Template
	App      string
	Carriers []race.Carrier // in the order in which they are tried
	Race     race.Runner
}

// Send returns when a carrier has accepted the message, when none will, or when the budget is used up. If ctx ends before,
// nobody waits for the answer any more, and the code is void: what has not been sent yet isn't.
func (d *Dispatcher) Send(ctx context.Context, r Request) Outcome {
	number, err := phone.Parse(r.Phone.Reveal())
	if err != nil {
		return Outcome{Result: BadNumber, Reason: fmt.Errorf("the number %w", err)}
	}
	text := d.Template.Render(d.App, r.Code)

	ctx, cancel := context.WithDeadline(ctx, r.Arrived.Add(d.Budget))
	defer cancel()
	outcome := d.Race.Run(ctx, d.message(r, number, text), d.Carriers)
	return Outcome{Result: results[outcome.Result], Number: number, Attempts: outcome.Attempts}
}

var results = map[race.Result]Result{
	race.Failed:      Failed,
	race.Accepted:    Accepted,
	race.Unreachable: BadNumber,
}

func (d *Dispatcher) message(r Request, number phone.Number, text message.Text) providers.Message {
	m := providers.Message{
		ID:       r.ID,
		To:       number.E164(),
		Country:  number.Country(),
		Locale:   r.Locale,
		Text:     text.Text,
		Code:     r.Code,
		Unicode:  text.Unicode,
		Segments: text.Segments,
	}
	if !r.MFA {
		m.Life = d.CodeLife
	}
	return m
}
