package ledger

import (
	"slices"

	"github.com/smshook/smshook/providers"
)

// Kind is what the code of a message is for. The zero Kind means that it is not known yet: Auth's call for a reauthentication is the
// same as for a sign-in, and which of them it was shows later.
type Kind int8

// The kinds.
const (
	OTP              Kind = 1 + iota // a sign-in or a sign-up
	PhoneChange                      // to prove that a new number is the user's
	Reauthentication                 // before a change of the password
	MFA                              // a second factor
	Other                            // a message of another caller than Auth: nothing is known of its use
)

var kindNames = []string{"", "otp", "phone_change", "reauthentication", "mfa", "message"}

// String returns the name, which is empty for the zero Kind.
func (k Kind) String() string { return kindNames[k] }

// KindNames are the names of all kinds that are known.
func KindNames() []string { return slices.Clone(kindNames[1:]) }

// ParseKind returns the Kind of a name.
func ParseKind(name string) (k Kind, ok bool) {
	i := slices.Index(kindNames, name)
	return Kind(max(i, 0)), i >= 0
}

// Use is what the person did with the code of a message.
type Use int8

// The uses. The zero value means that it is not decided yet.
const (
	Undecided  Use = iota
	Used           // they entered it
	Unused         // they had it, as far as Auth knows, until it expired
	Replaced       // a newer code took its place before they entered it
	UseUnknown     // nobody will ever know
)

var useNames = []string{"", "used", "unused", "replaced", "unknown"}

// String returns the name, which is empty while the use is undecided.
func (u Use) String() string { return useNames[u] }

// ParseUse returns the Use of a name.
func ParseUse(name string) (u Use, ok bool) {
	i := slices.Index(useNames, name)
	return Use(max(i, 0)), i >= 0
}

// State is one word for how far a message is.
type State string

// The states, from the first to the last.
const (
	Queued        State = "queued"      // it waits for another message of its flow, or for its time
	Sending       State = "sending"     // an instance is being asked
	StateAccepted State = "accepted"    // an instance has accepted it, or may have
	Sent          State = "sent"        // it was handed to the mobile network
	Delivered     State = "delivered"   // it is on the phone
	Read          State = "read"        // it was opened
	Undelivered   State = "undelivered" // a receipt says that it won't be delivered
	StateFailed   State = "failed"      // no instance accepted it
	Refused       State = "refused"     // no instance was asked: see Result and Rule
	Expired       State = "expired"     // its code expired before an instance was asked
)

// States are all of them.
var States = []State{Queued, Sending, StateAccepted, Sent, Delivered, Read, Undelivered, StateFailed, Refused, Expired}

// State returns how far the message is.
func (m *Message) State(now Time) State {
	switch {
	case m.Result == Accepted:
		return m.progress()
	case m.Sending:
		return Sending
	case len(m.Attempts) > 0:
		return StateFailed
	case m.Result != Failed:
		return Refused
	case m.Charged:
		return StateFailed
	case m.ExpiresAt() <= now:
		return Expired
	}
	return Queued
}

// progress is the state of a message that was accepted: that of the attempt that got furthest. It is undelivered only if no attempt
// may still deliver it.
func (m *Message) progress() State {
	best, lost := StateAccepted, false
	for i := range m.Attempts {
		a := &m.Attempts[i]
		switch {
		case a.all(func(p Part) bool { return p.State == providers.StateRead }):
			return Read
		case a.delivered():
			best = Delivered
		case a.failed():
			lost = true
		case best == StateAccepted && a.all(func(p Part) bool { return p.State.Delivered() || p.State == providers.StateSent }):
			best = Sent
		}
	}
	if best != Delivered && lost && !slices.ContainsFunc(m.Attempts, func(a Attempt) bool { return a.mayDeliver() }) {
		return Undelivered
	}
	return best
}

func (a *Attempt) all(is func(Part) bool) bool {
	return len(a.Parts) > 0 && !slices.ContainsFunc(a.Parts, func(p Part) bool { return !is(p) })
}

// DeliveredAt returns when the whole message was on the phone; zero if it wasn't, as far as is known.
func (m *Message) DeliveredAt() (at Time) {
	for i := range m.Attempts {
		if a := &m.Attempts[i]; a.delivered() {
			last := Time(0)
			for _, p := range a.Parts {
				last = max(last, p.At)
			}
			if at == 0 || last < at {
				at = last
			}
		}
	}
	return at
}

// Channel returns how the message travelled: the channel of the instance that accepted it; empty if none did.
func (m *Message) Channel() string {
	if a := m.Attempt(m.Instance); a != nil {
		return a.Channel
	}
	return ""
}

// MaxCode, MaxRange and MaxWhy are how long the code of a provider, the range of a number, and the reason of a refusal may be. What is longer is
// left out.
const (
	MaxCode  = 32
	MaxRange = 64
	MaxWhy   = 240
)

// Why is the reason of a call's refusal, as its record has it.
func Why(c Call) string { return bounded(c.Why, MaxWhy) }

// bounded returns a text, or nothing if it is too long.
func bounded(text string, most int) string {
	if len(text) > most {
		return ""
	}
	return text
}
