// Package policy says which numbers may get a message, and how often. It is a protection against SMS pumping: an attacker
// asks for codes to ranges of numbers, and gets a share of what each message to these numbers costs.
// https://www.twilio.com/docs/glossary/what-is-sms-pumping-fraud
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

// Settings are the operator's rules. The zero value allows everything.
type Settings struct {
	Lists   Lists
	Limits  Limits
	Observe bool // a limit that is reached is reported, and refuses nothing; the lists refuse as always
}

// Limits are the rate limits. Each counts the messages that have one thing in common.
type Limits struct {
	Phone   Limit // one number; a proven number has two counts, one for its own account and one for all others
	User    Limit // one account, over all numbers, proven or not
	IP      Limit // one IPv4 address, or one /64 of IPv6
	Prefix  Limit // the 10,000 numbers that differ only in their last four digits
	Country Limit // one country, or one calling code where the country is unknown
	Total   Limit // all messages but those to proven numbers
	All     Limit // all messages
}

// Limited is a rule that is a rate limit, and its limit.
type Limited struct {
	Rule  Rule
	Limit Limit
}

// List returns all limits in the order of the rules, also those that are off.
func (l Limits) List() []Limited {
	return []Limited{
		{PerPhone, l.Phone}, {PerUser, l.User}, {PerIP, l.IP}, {PerPrefix, l.Prefix}, {PerCountry, l.Country}, {InTotal, l.Total}, {InAll, l.All},
	}
}

// Subject is what the policy judges: a message that an account asks for.
type Subject struct {
	Number phone.Number
	User   string     // the account that asks; where it is empty, LIMIT_USER doesn't apply
	IP     netip.Addr // of the app's user; the zero Addr if it is unknown
	// Proven means that the account has shown before that the number is its own. LIMIT_IP, LIMIT_PREFIX, LIMIT_COUNTRY and
	// LIMIT_TOTAL don't apply then, and LIMIT_PHONE counts these messages apart from those that other accounts ask for. An
	// attack that reaches these limits can't keep an account from getting codes to its own number.
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
	settings Settings
	noSource atomic.Uint64
}

// New returns a Policy.
func New(s Settings) *Policy { return &Policy{settings: s} }

// NoSource returns how many messages LIMIT_IP didn't apply to because their IP address was missing or not public.
func (p *Policy) NoSource() uint64 { return p.noSource.Load() }

// Ask judges a message by the lists. If they allow it, Ask also returns the charges of the limits, in the order of the rules: at
// most one a rule, and none if no limit applies. If a list refuses it, there are no charges.
//
// It takes well under a microsecond, plus the time for the number's country, type and readings where a rule needs them.
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

// Verdict is the verdict on what a [Counter] answered for the charges: over and after are as Take returns them.
func (p *Policy) Verdict(charges []Charge, over int, after time.Duration) Verdict {
	if over < 0 {
		return Verdict{Allow: true}
	}
	return Verdict{p.settings.Observe, charges[over].Rule, charges[over].Limit, after}
}

// charges returns what a message counts towards.
func (p *Policy) charges(s Subject, country string) []Charge {
	limits := p.settings.Limits
	charges := make([]Charge, 0, maxCharges)
	charge := func(rule Rule, limit Limit, key uint64) {
		if limit.on() {
			charges = append(charges, Charge{rule, limit, key})
		}
	}
	digits := digits(s.Number)
	if s.Proven {
		charge(PerPhone, limits.Phone, digits|ownNumber)
	} else {
		charge(PerPhone, limits.Phone, digits)
	}
	if s.User != "" {
		charge(PerUser, limits.User, account(s.User))
	}
	if !s.Proven {
		if limits.IP.on() {
			if source, ok := source(s.IP); ok {
				charge(PerIP, limits.IP, source)
			} else {
				p.noSource.Add(1)
			}
		}
		charge(PerPrefix, limits.Prefix, digits/10_000)
		charge(PerCountry, limits.Country, countryKey(country, s.Number.CallingCode()))
		charge(InTotal, limits.Total, 0)
	}
	charge(InAll, limits.All, 0)
	return charges
}

// ownNumber is a bit in the key of a number: it separates the messages that the number's own account asks for. No number is so
// large that it has this bit itself.
const ownNumber = 1 << 63

// account returns an account as an integer, the same in every process. Auth chooses the ids of accounts, so a part of a hash is enough
// to tell them apart.
func account(id string) uint64 {
	sum := sha256.Sum256([]byte(id))
	return binary.BigEndian.Uint64(sum[:])
}

// digits returns the number as an integer. No two numbers give the same integer: the first digit is never 0, and 15 digits fit.
func digits(n phone.Number) uint64 {
	value := uint64(0)
	for _, digit := range n.E164().Reveal()[len("+"):] {
		value = value*10 + uint64(digit-'0')
	}
	return value
}

// countryKey returns a country, or a calling code where the country is unknown, as an integer. A country's integer, made of its
// two letters, is larger than any calling code.
func countryKey(country string, callingCode int) uint64 {
	if len(country) != 2 {
		return uint64(callingCode)
	}
	return uint64(country[0])<<8 | uint64(country[1])
}
