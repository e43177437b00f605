// Package insight learns from what became of codes: which ranges of numbers, addresses and accounts to refuse (the [Guard]), and which
// instance to try first (the [Order]). Real people use their codes. Those who pump messages never do, or seldom.
//
// Nothing here reads a clock or a random source of its own. The same calls give the same answers.
package insight

import (
	"fmt"
	"net/netip"
	"time"
)

// Subject is who asks for a message, and for which number.
type Subject struct {
	Number  uint64     // E.164, without the plus sign
	Country string     // ISO 3166-1; empty if it can't be told
	Account string     // of the user; may be empty
	IP      netip.Addr // of the user; the zero Addr if it is unknown, or not the user's own
	Proven  bool       // the account has shown before that the number is its own
}

// Outcome is what became of one message.
type Outcome int8

// The outcomes. A code that was replaced by the next one of the same number is unused.
const (
	Used Outcome = iota
	Unused
	Undelivered // the phone has not got the message: it says nothing of who asked
)

// Result is the outcome of one message.
type Result struct {
	Tag     string // as [Guard.Tag] made it when the message was sent
	Country string // as in [Subject]
	Proven  bool   // as in Subject
	SentAt  time.Time
	Outcome Outcome
}

// Way is how the guard answers a message.
type Way int8

const (
	Allow  Way = iota // the guard has nothing to say
	Bypass            // the range is flagged, but the address has a good history
	Trial             // the range is flagged; this message finds out whether it still has to be
	Refuse            // the range is flagged
	Slow              // the account asks again and again for codes that it doesn't use
)

var ways = [...]string{"allow", "bypass", "trial", "refuse", "slow"}

func (w Way) String() string { return ways[w] }

// Sends reports whether a message may be sent.
func (w Way) Sends() bool { return w <= Trial }

// Verdict is the guard's answer.
type Verdict struct {
	Way   Way
	Range Range     // that is to blame; the zero Range if the guard allows the message
	Until time.Time // when the next message is let through to find out more, if Way is Refuse or Slow
	// Why is one sentence for the operator; empty if the guard allows the message. It is safe to log.
	Why string
}

// Kind is what a range is made of.
type Kind int8

// The kinds of ranges.
const (
	Prefix   Kind = iota + 1 // numbers that differ in their last four digits
	Address4                 // the 256 addresses of a /24 of IPv4
	Address6                 // a /64 of IPv6
	Site6                    // a /48 of IPv6
	Account                  // one account
)

var kinds = [...]string{"", "prefix", "ip_24", "ip_64", "ip_48", "account"}

func (k Kind) String() string { return kinds[k] }

// Range is a range of numbers or addresses, or an account.
type Range struct {
	Kind   Kind
	Prefix uint64 // of the numbers, if Kind is Prefix: all their digits but the last four
}

// String names a range for the log. Addresses and accounts are named by their kind alone.
func (r Range) String() string {
	switch r.Kind {
	case 0:
		return ""
	case Prefix:
		return fmt.Sprintf("+%d", r.Prefix)
	}
	return r.Kind.String()
}
