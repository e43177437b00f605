package dispatch

import (
	"context"
	"sync"
	"time"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/providers"
)

// maxRefusals is how many requests that the lists refuse are noted in a second. An attack makes many, and they are all alike: what is noted
// must not push out the messages of honest users, nor keep the store from them.
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

// refuse notes a request that is answered without the ledger, and why, if the rule doesn't say it. The number is the zero Number if it can't be read.
func (d *Dispatcher) refuse(ctx context.Context, r Request, number phone.Number, result Result, rule, why string) {
	if !d.refusals.take(time.Now()) {
		return
	}
	country := ""
	if number.CallingCode() != 0 {
		country = number.Country()
	}
	_ = d.ledger.Refuse(ctx, ledger.Call{ // without its ledger, it is refused all the same
		Message:    providers.Message{ID: r.ID},
		Flow:       r.flow(),
		Number:     number.Masked(),
		Country:    country,
		Why:        why,
		Kind:       r.Kind,
		Proven:     r.Proven,
		LastSignIn: r.LastSignIn,
		Stored:     r.Stored,
		ReceivedAt: ledger.At(r.ReceivedAt),
		AskedAt:    r.AskedAt,
		Life:       d.settings.life(r),
	}, result, rule)
}
