// Package policy says which numbers may get a message, and how often. It is a protection against SMS pumping: an attacker
// asks for codes to ranges of numbers, and gets a share of what each message to these numbers costs.
// https://www.twilio.com/docs/glossary/what-is-sms-pumping-fraud
package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/smshook/smshook/internal/phone"
)

// Settings are the operator's rules. The zero value allows everything.
type Settings struct {
	Lists   Lists
	Limits  Limits
	Observe bool // a limit that is reached is reported, and refuses nothing; the lists refuse as always
}

// Subject is what the policy judges: a message that an account asks for.
type Subject struct {
	Number phone.Number
	User   string     // the account that asks; where it is empty, LIMIT_USER doesn't apply
	IP     netip.Addr // of the app's user; the zero Addr if it is unknown
	// Proven means that the account has shown before that the number is its own. The limits that are unproven in the table of
	// limits don't apply then, and LIMIT_PHONE counts these messages apart from those that other accounts ask for. An attack
	// that reaches these limits can't keep an account from getting codes to its own number.
	Proven bool
}

// Verdict is the policy's answer.
type Verdict struct {
	Allow bool
	Rule  Rule          // the rule that refused, or would have refused if the policy didn't only observe; else None
	Limit Limit         // of that rule, if it is a limit
	After time.Duration // until that limit allows the message; 0 if the rule is none of the limits
}

// Limited reports whether a limit refused: the same message may be allowed later.
func (v Verdict) Limited() bool { return !v.Allow && v.Rule.limit() }

// Reason tells the operator what the rule did. It is nil if no rule did anything. It is safe to log.
func (v Verdict) Reason() error {
	switch {
	case v.Rule == None:
		return nil
	case !v.Rule.limit():
		return fmt.Errorf("refused by %v", v.Rule)
	case v.Allow:
		return fmt.Errorf("not refused by %v (%v) since the policy only observes; it would be for %s", v.Rule, v.Limit, short(roundUp(v.After)))
	}
	return fmt.Errorf("refused by %v (%v), again in %s", v.Rule, v.Limit, short(roundUp(v.After)))
}

func roundUp(d time.Duration) time.Duration { return (d + time.Second - 1).Truncate(time.Second) }

// Policy judges messages. It may be used concurrently.
//
// It counts nothing itself. The caller asks it for the charges of a message, has a [Counter] take them, and asks for the verdict
// on the counter's answer.
type Policy struct {
	lists    Lists
	limiting atomic.Pointer[limiting]
	noSource atomic.Uint64
}

// limiting is what may change while the program runs.
type limiting struct {
	limits  []Limited // those that are on
	observe bool
}

// New returns a Policy.
func New(s Settings) *Policy {
	p := &Policy{lists: s.Lists}
	p.SetLimits(s.Limits, s.Observe)
	return p
}

// SetLimits lets other limits apply to the messages to come. What was counted stays counted.
func (p *Policy) SetLimits(l Limits, observe bool) {
	off := func(l Limited) bool { return !l.Limit.on() }
	p.limiting.Store(&limiting{slices.DeleteFunc(l.List(), off), observe})
}

// Observe reports whether limits refuse nothing.
func (p *Policy) Observe() bool { return p.limiting.Load().observe }

// NoSource returns how many messages a limit by IP address didn't apply to because their address was missing or not public.
func (p *Policy) NoSource() uint64 { return p.noSource.Load() }

// Ask judges a message by the lists. If they allow it, Ask also returns the charges of the limits, in the order of the rules: at
// most one a rule, and none if no limit applies. If a list refuses it, there are no charges.
//
// It takes well under a microsecond, plus the time for the number's country, type and readings where a rule needs them.
func (p *Policy) Ask(s Subject) ([]Charge, Verdict) {
	country := ""
	if p.lists.countries() {
		country = s.Number.Country()
	}
	if rule := p.lists.refuse(s.Number, country); rule != None {
		return nil, Verdict{Rule: rule}
	}
	return p.charges(s, country), Verdict{Allow: true}
}

// Verdict is the verdict on what a [Counter] answered for the charges: over and after are as Take returns them.
func (p *Policy) Verdict(charges []Charge, over int, after time.Duration) Verdict {
	if over < 0 {
		return Verdict{Allow: true}
	}
	return Verdict{p.Observe(), charges[over].Rule, charges[over].Limit, after}
}

// charges returns what a message counts towards.
func (p *Policy) charges(s Subject, country string) []Charge {
	limits := p.limiting.Load().limits
	if len(limits) == 0 {
		return nil
	}
	charges := make([]Charge, 0, len(limits))
	m := message{s.Number, digits(s.Number), country, s.User, s.Proven}
	noSource := false
	for _, l := range limits {
		row := &rateLimits[l.Rule-firstLimit]
		if row.unproven && s.Proven {
			continue
		}
		var key uint64
		var ok bool
		if row.source != nil {
			key, ok = row.source(s.IP)
			noSource = noSource || !ok
		} else {
			key, ok = row.key(m)
		}
		if ok {
			charges = append(charges, Charge{l.Rule, l.Limit, key})
		}
	}
	if noSource {
		p.noSource.Add(1)
	}
	return charges
}
