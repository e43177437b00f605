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

// check reads the number, and asks the lists of numbers that are never texted and the guard. It returns the job of a request, and the outcome
// if the request is refused. Such a job is not complete.
func (d *Dispatcher) check(r Request) (j job, refused *Outcome) {
	j.Request = r
	number, err := d.settings.PhoneCheck.Parse(r.Phone.Reveal())
	if err != nil {
		return j, &Outcome{Result: BadNumber, Reason: fmt.Errorf("the number %w", err)}
	}
	j.number = number
	charges, verdict := d.Policy.Ask(r.subject(number))
	if !verdict.Allow {
		return j, &Outcome{Result: BadNumber, Number: number, Verdict: verdict, Reason: verdict.Reason()}
	}
	j.guard = d.askGuard(r, number)
	if !j.guard.Way.Sends() && !d.settings.Guard.Observe {
		return j, &Outcome{Result: TooMany, Number: number, Verdict: j.guard.verdict(false), Reason: j.guard.reason(false)}
	}
	if !r.Trusted {
		j.charges = charges
	}
	j.message = d.message(r, number)
	return j, nil
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
func (d *Dispatcher) refuse(ctx context.Context, j job, o Outcome) {
	if !d.refusals.take(time.Now()) {
		return
	}
	country, rule, why := "", "", j.guard.why()
	if j.number.CallingCode() != 0 { // else it could not be read
		country = j.number.Country()
	}
	if o.Verdict.Rule != policy.None {
		rule = o.Verdict.Rule.String()
	}
	_ = d.ledger.Refuse(ctx, ledger.Call{ // without its ledger, it is refused all the same
		Message:    providers.Message{ID: j.ID},
		Flow:       j.flow(),
		Number:     o.Masked(),
		Country:    country,
		Why:        why,
		Kind:       j.Kind,
		Proven:     j.Proven,
		LastSignIn: j.LastSignIn,
		Stored:     j.Stored,
		ReceivedAt: ledger.At(j.ReceivedAt),
		AskedAt:    j.AskedAt,
		Life:       d.settings.life(j.Request),
	}, o.Result, rule)
}
