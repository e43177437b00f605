// Package policy says which numbers may be texted, and how often: against those who have codes sent to ranges of numbers that
// they earn on.
package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/smshook/smshook/internal/phone"
)

// Settings are what an operator decides. The zero value allows everything.
type Settings struct {
	Lists   Lists
	Limits  Limits
	Observe bool // limits judge and refuse nothing; the lists hold all the same
}

// Limits are how often, for each of the things that messages have in common.
type Limits struct {
	Phone   Limit // one number; what its own account asks for, once it has proven the number, is counted apart
	User    Limit // one account, whatever number it asks for; also the proven
	IP      Limit // one address, or one /64 of IPv6
	Prefix  Limit // the 10,000 numbers that differ in their last four digits
	Country Limit // one country, or where that can't be told, one calling code
	Total   Limit // everything that accounts ask for which haven't proven the number
	All     Limit // everything; also the proven
}

// Subject is what is judged: one message that somebody wants to have sent.
type Subject struct {
	Number phone.Number
	User   string     // the account that asks; empty if it isn't known, and then the limit per account is not for the call
	IP     netip.Addr // of the app's user; the zero Addr if it isn't known
	// Proven: the account that asks has shown before that this number is its own. The limits of addresses, prefixes and
	// countries and the total are not for it, and the limit per phone counts its messages apart from those that others ask
	// for, so that an attack on these limits or on this number can't lock it out.
	Proven bool
}

// Verdict is what a call comes to.
type Verdict struct {
	Allow bool
	Rule  Rule          // what refused it, or, if it is allowed all the same, would have refused it; else None
	Limit Limit         // the rule's, if it is a limit
	After time.Duration // the limit lets the call through after so long
}

// Limited reports whether it was a limit that refused: the same call may be allowed later.
func (v Verdict) Limited() bool { return !v.Allow && v.Rule.limit() }

// Reason says for the operator what the rule did. It is nil if none did anything, and safe to log.
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

// Policy judges. It may be used concurrently.
type Policy struct {
	settings Settings
	noSource atomic.Uint64
}

// New returns a Policy.
func New(s Settings) *Policy { return &Policy{settings: s} }

// NoSource returns how many calls the limit per IP was not for since their address was missing, or not a public one.
func (p *Policy) NoSource() uint64 { return p.noSource.Load() }

// Ask says whether the lists allow a message, and if so, what it counts towards.
func (p *Policy) Ask(s Subject) ([]Charge, Verdict) {
	country := ""
	if p.settings.Lists.countries() || p.settings.Limits.Country.on() && !s.Proven {
		country = s.Number.Country()
	}
	if rule := p.settings.Lists.refuse(s.Number, country); rule != None {
		return nil, Verdict{Rule: rule}
	}
	return p.charges(s, country), Verdict{Allow: true}
}

// Verdict is what a counter's answer to charges comes to.
func (p *Policy) Verdict(charges []Charge, over int, after time.Duration) Verdict {
	if over < 0 {
		return Verdict{Allow: true}
	}
	return Verdict{p.settings.Observe, charges[over].Rule, charges[over].Limit, after}
}

// charges are what a call counts towards.
func (p *Policy) charges(c Subject, country string) []Charge {
	limits := p.settings.Limits
	charges := make([]Charge, 0, mostCharges)
	charge := func(rule Rule, limit Limit, key uint64) {
		if limit.on() {
			charges = append(charges, Charge{rule, limit, key})
		}
	}
	digits := digits(c.Number)
	if c.Proven {
		charge(PerPhone, limits.Phone, digits|owner)
	} else {
		charge(PerPhone, limits.Phone, digits)
	}
	if c.User != "" {
		charge(PerUser, limits.User, account(c.User))
	}
	if !c.Proven {
		if limits.IP.on() {
			if source, ok := source(c.IP); ok {
				charge(PerIP, limits.IP, source)
			} else {
				p.noSource.Add(1)
			}
		}
		charge(PerPrefix, limits.Prefix, digits/10_000)
		charge(PerCountry, limits.Country, place(country, c.Number.CallingCode()))
		charge(InTotal, limits.Total, 0)
	}
	charge(InAll, limits.All, 0)
	return charges
}

// owner is set in the key of a number for what its own account asks for. No number is that large.
const owner = 1 << 63

// digits is the number as an integer. It has 15 digits at most, and none before the first is 0.
func digits(n phone.Number) uint64 {
	value := uint64(0)
	for _, digit := range n.E164().Reveal()[len("+"):] {
		value = value*10 + uint64(digit-'0')
	}
	return value
}

// account is an account as an integer, the same in every process. It takes as many accounts as there are integers to find one whose
// key is that of a given account.
func account(user string) uint64 {
	hash := sha256.Sum256([]byte(user))
	return binary.BigEndian.Uint64(hash[:])
}

// place is a country, or a calling code, as an integer. The letters of a country make a larger one than any calling code.
func place(country string, callingCode int) uint64 {
	if len(country) != 2 {
		return uint64(callingCode)
	}
	return uint64(country[0])<<8 | uint64(country[1])
}
