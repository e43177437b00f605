package dispatch

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

// maxRefusals is how many requests that are refused before the ledger is asked are noted in a second. An attack makes many, and they are
// all alike: what is noted must not push out the messages of honest users, nor keep the store from them.
const maxRefusals = 10

// refusals counts the requests of this second that were noted.
type refusals struct {
	mu     sync.Mutex
	second time.Time
	noted  int
}

// take reports whether one more may be noted.
func (r *refusals) take(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.second) >= time.Second {
		r.second, r.noted = now, 0
	}
	r.noted++
	return r.noted <= maxRefusals
}

// check reads the number, and asks the lists of numbers that are never texted and the guard. It returns the job of a request, or else the
// outcome of one that is refused.
func (d *Dispatcher) check(r Request) (j job, refused *Outcome) {
	number, err := d.settings.PhoneCheck.Parse(r.Phone.Reveal())
	if err != nil {
		return job{}, &Outcome{Result: BadNumber, Reason: fmt.Errorf("the number %w", err)}
	}
	charges, verdict := d.Policy.Ask(r.subject(number))
	if !verdict.Allow {
		return job{}, &Outcome{Result: BadNumber, Number: number, Verdict: verdict, Reason: verdict.Reason()}
	}
	guard := d.askGuard(r, number)
	if !guard.Way.Sends() && !d.settings.Guard.Observe {
		return job{}, &Outcome{Result: TooMany, Number: number, Verdict: guard.verdict(false), Reason: guard.reason(false)}
	}
	if r.Trusted {
		charges = nil
	}
	return job{Request: r, number: number, message: d.message(r, number), charges: charges, guard: guard}, nil
}

// verdict is what the rate limits say of a request that the ledger has answered, or else the guard, which has let it through.
func (d *Dispatcher) verdict(j job, begun ledger.Begun) (policy.Verdict, error) {
	limits := d.Policy.Verdict(j.charges, begun.Over, begun.After)
	if reason := limits.Reason(); reason != nil {
		return limits, reason
	}
	if guard := j.guard.verdict(true); guard.Rule != policy.None {
		return guard, j.guard.reason(true)
	}
	return limits, j.guard.reason(true)
}

// refuse notes a request that is answered without asking the ledger.
func (d *Dispatcher) refuse(ctx context.Context, r Request, o Outcome) {
	if !d.refusals.take(time.Now()) {
		return
	}
	country, rule := "", ""
	if o.Number.CallingCode() != 0 {
		country = o.Number.Country()
	}
	if o.Verdict.Rule != policy.None {
		rule = o.Verdict.Rule.String()
	}
	_ = d.ledger.Refuse(ctx, ledger.Call{ // without its ledger, it is refused all the same
		Message:    providers.Message{ID: r.ID},
		Flow:       r.flow(),
		Number:     o.Number.Masked(),
		Country:    country,
		Kind:       r.Kind,
		Proven:     r.Proven,
		LastSignIn: r.LastSignIn,
		Stored:     r.Stored,
		ReceivedAt: ledger.At(r.ReceivedAt),
		AskedAt:    r.AskedAt,
		Life:       d.settings.life(r),
	}, o.Result, rule)
}
