package dispatch

import (
	"context"
	"strings"
	"time"

	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// Events are told what is learnt about messages once their requests have been answered. They are called concurrently, must be
// set, and must not block.
type Events struct {
	Reported func(Report)   // each receipt that says something new
	FellBack func(Fallback) // each message that was sent again because of a receipt
	Forgot   func()         // each message that was forgotten before its time, for lack of room
}

// Report is a receipt and what it is about.
type Report struct {
	MessageID string       // empty if the receipt is for none that is known
	Number    phone.Number // likewise
	Instance  string
	Receipt   providers.Receipt
	Delivered bool          // with this, and not before, the whole message is on the phone
	After     time.Duration // since the request arrived
}

// Fallback is a message that was sent through the next instance because a receipt said that it won't arrive by the first.
type Fallback struct {
	MessageID string
	Instance  string         // that failed
	Kind      providers.Kind // why
	Outcome   race.Outcome
	Reason    error // why no instance was tried; may be nil
}

// Receipts takes what an instance has reported. The message's ID is the one that the instance was given; it may be empty.
func (d *Dispatcher) Receipts(c *race.Instance, messageID string, receipts []providers.Receipt) {
	for _, receipt := range receipts {
		if kind, ours := c.Codes[receipt.Code]; ours {
			receipt.Kind = kind
		}
		receipt.ID, receipt.Code = strings.Clone(receipt.ID), strings.Clone(receipt.Code) // not the body that they may be parts of
		d.pending.receive(c.Name, messageID, receipt)
	}
}

// open notes a message so that receipts for it find it.
func (d *Dispatcher) open(r Request, number phone.Number, m providers.Message, route []*race.Instance) {
	if !d.settings.Receipts {
		return
	}
	d.pending.open(r, number, m, route, d.life(r))
}

// The life of a code in Auth, if the operator has not changed it: GOTRUE_SMS_OTP_EXP's default, and the least that a second
// factor's code has.
const (
	defaultLife = time.Minute
	factorLife  = 5 * time.Minute
)

func (d *Dispatcher) life(r Request) time.Duration {
	switch {
	case r.MFA:
		return factorLife
	case d.settings.CodeLife > 0:
		return d.settings.CodeLife
	}
	return defaultLife
}

// fallBack sends a message through the instances that have not tried it yet. Nobody waits for the outcome but the user, who
// sits before a field for the code. It ends with ctx, which says that the code is void, or has arrived.
func (d *Dispatcher) fallBack(ctx context.Context, p *pending, m providers.Message, f Fallback, route []*race.Instance) {
	d.race.Go(func() {
		select {
		case d.slots <- struct{}{}:
			defer func() { <-d.slots }()
			now := time.Now()
			f.Outcome = d.race.Run(ctx, race.Entry{
				Message:    m,
				Route:      route,
				ReceivedAt: now,
				Deadline:   now.Add(d.settings.Budget),
				Starting:   func(a race.Attempt) { d.pending.begin(a.MessageID, a.Instance) },
				Late:       d.pending.note,
			})
		default:
			f.Reason = errBusy
		}
		if f.Outcome.Result == race.Accepted {
			d.lanes.took(p.request, winner(f.Outcome.Attempts))
		}
		d.pending.events.FellBack(f)
		d.pending.sent(p, f.Outcome.Attempts)
	})
}
