package dispatch

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/smshook/smshook/internal/insight"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/policy"
)

// Guard is what has been learnt from codes that were not used, and what to do about it.
type Guard struct {
	*insight.Guard
	Observe bool // what the guard would refuse is reported, and sent
}

// guarded is the guard's answer to one request.
type guarded struct {
	insight.Verdict
	tag string // for the record of the message: what the guard has to know when the message's result is known
}

// guards asks the guard once a request: a repeat gets the same answer.
type guards struct {
	mu    sync.Mutex
	byID  map[string]guarded
	order []string // of the IDs, the oldest first
}

// maxGuarded is how many requests are remembered. A repeat comes within seconds.
const maxGuarded = 1 << 13

// askGuard asks the guard. It has nothing to say of messages of other callers: nobody tells what becomes of their codes.
func (d *Dispatcher) askGuard(r Request, number phone.Number) guarded {
	if d.settings.Guard == nil || r.Kind == ledger.Other {
		return guarded{}
	}
	d.guards.mu.Lock()
	defer d.guards.mu.Unlock()
	if g, known := d.guards.byID[r.ID]; known {
		return g
	}
	if d.guards.byID == nil {
		d.guards.byID = map[string]guarded{}
	}
	if len(d.guards.order) == maxGuarded {
		delete(d.guards.byID, d.guards.order[0])
		d.guards.order = d.guards.order[1:]
	}
	s := GuardSubject(number, r)
	v := d.settings.Guard.Ask(s, time.Now())
	g := guarded{v, d.settings.Guard.Tag(s, v)}
	d.guards.byID[r.ID] = g
	d.guards.order = append(d.guards.order, r.ID)
	return g
}

// GuardSubject is what the guard judges of a request.
func GuardSubject(number phone.Number, r Request) insight.Subject {
	digits, err := strconv.ParseUint(number.E164().Reveal()[len("+"):], 10, 64)
	if err != nil {
		panic(errors.New("a number that has been read is not made of digits"))
	}
	s := insight.Subject{Number: digits, Country: number.Country(), Account: r.User, Proven: r.Proven}
	if policy.Public(r.IP) {
		s.IP = r.IP
	}
	return s
}

// verdict is the guard's answer as the policy would give it; the zero Verdict if the guard lets the message through.
func (g guarded) verdict(observe bool) policy.Verdict {
	if g.Way.Sends() {
		return policy.Verdict{}
	}
	return policy.Verdict{Allow: observe, Rule: policy.Guard, After: max(0, time.Until(g.Until))}
}

// reason tells the operator what the guard did; nil if it has nothing to say. It is safe to log.
func (g guarded) reason(observe bool) error {
	switch {
	case g.Way == insight.Allow:
		return nil
	case g.Way.Sends():
		return fmt.Errorf("let through by the guard (%v, %v): %s", g.Way, g.Range, g.Why)
	case observe:
		return fmt.Errorf("not refused by the guard (%v) since it only observes: %s", g.Range, g.Why)
	}
	return fmt.Errorf("refused by the guard (%v), next trial in %s: %s", g.Range, time.Until(g.Until).Round(time.Second), g.Why)
}
