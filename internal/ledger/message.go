package ledger

import (
	"math"
	"slices"
	"time"

	"github.com/smshook/smshook/providers"
)

// Message is the record of one message. It is plain data; its methods are the transitions of it, and read no clock.
//
// Number and country are kept for the log and for metrics. The whole number, the text and the code are in Contents alone.
type Message struct {
	ID         string
	Number     string // masked
	Country    string // ISO 3166-1; empty if it can't be told
	Range      string // as in [Call]
	ReceivedAt Time
	AskedAt    Time          // as in [Call]
	AnsweredAt Time          // when a caller was there to hear that it was accepted; zero if none was
	Life       time.Duration // of the code, from ReceivedAt

	Sending   bool // a race is under way
	Charged   bool // the rate limits have counted it
	Left      bool // nobody waited any more for the end of the last race
	Resending bool // it is being sent again because of a receipt
	MFA       bool
	Proven    bool // the account had shown before that the number is its own
	Kind      Kind
	Use       Use
	UsedAt    Time // by the caller's clock; zero if the code wasn't used
	Segments  uint8
	Result    Result
	Rule      string // the rule that refused the message, or would have if it did not only observe; empty if none did
	Why       string // of a refusal, as in [Call]
	Instance  string // that accepted the message, or may have; of several the last
	Lost      string // the instance that seemed to have lost the message before
	Attempts  []Attempt

	// Contents are wiped when the code is no longer valid, and nil where nothing is ever sent again.
	Contents *providers.Message
}

// NewMessage returns the record of a call before anything was done about it, without contents.
func NewMessage(c Call) Message {
	return Message{
		ID:         c.Message.ID,
		Number:     c.Number,
		Country:    c.Country,
		Range:      bounded(c.Range, MaxRange),
		ReceivedAt: c.ReceivedAt,
		AskedAt:    c.AskedAt,
		Life:       c.Life,
		MFA:        c.Flow.MFA,
		Proven:     c.Proven,
		Kind:       c.Kind,
		Segments:   uint8(min(c.Message.Segments, math.MaxUint8)),
	}
}

// Attempt is one instance's attempt at a message.
type Attempt struct {
	Instance string
	Channel  string // sms, or as the provider says
	BegunAt  Time
	EndedAt  Time // when the instance answered; zero while it has not
	State    AttemptState
	Kind     providers.Kind // why it failed, at once or as a receipt said; while it is pending, what it is taken for
	Code     string         // the provider's own, of a failure or the last receipt that has one
	Parts    []Part         // of an accepted message, and of one whose instance has reported before it has answered
}

// AttemptState is how far an attempt is.
type AttemptState int8

const (
	Pending         AttemptState = iota // the instance has not answered
	AttemptFailed                       // it has refused the message, or the answer is not known: see Kind
	AttemptAccepted                     // it has accepted the message
)

// Part is a message, or one part of it, as its instance counts.
type Part struct {
	ID    string // the instance's name for it
	State providers.State
	At    Time // when the instance reported the state first; of a part that was read, when it was delivered
}

// failed reports whether the message won't be delivered by this attempt: without one of its parts it is none.
func (a *Attempt) failed() bool {
	return slices.ContainsFunc(a.Parts, func(p Part) bool { return p.State.Failed() })
}

// Over reports whether the attempt has failed, at once or later.
func (a *Attempt) Over() bool { return a.State == AttemptFailed || a.failed() }

// delivered reports whether the whole message is on the phone.
func (a *Attempt) delivered() bool {
	return len(a.Parts) > 0 && !slices.ContainsFunc(a.Parts, func(p Part) bool { return !p.State.Delivered() })
}

// mayDeliver reports whether nothing bad is known of the attempt. An attempt that ended without an answer doesn't count:
// nothing will ever be known of it.
func (a *Attempt) mayDeliver() bool { return a.State != AttemptFailed && !a.failed() }

// has reports whether the instance has such a name for the message.
func (a *Attempt) has(name string) bool { return a.part(name) != nil }

func (a *Attempt) part(name string) *Part {
	i := slices.IndexFunc(a.Parts, func(p Part) bool { return p.ID == name })
	if i < 0 {
		return nil
	}
	return &a.Parts[i]
}

// Settled reports whether the result stands for all repeats of the call. A failure settles nothing.
func (m *Message) Settled() bool { return !m.Sending && m.Result != Failed }

// ExpiresAt is when the code expires.
func (m *Message) ExpiresAt() Time { return m.ReceivedAt.Add(m.Life) }

// Delivered reports whether the whole message is on the phone.
func (m *Message) Delivered() bool {
	return slices.ContainsFunc(m.Attempts, func(a Attempt) bool { return a.delivered() })
}

// Pending reports whether an attempt has not been answered.
func (m *Message) Pending() bool {
	return slices.ContainsFunc(m.Attempts, func(a Attempt) bool { return a.State == Pending })
}

// Attempt returns the attempt of an instance, of which there is one at most, or nil.
func (m *Message) Attempt(instance string) *Attempt {
	for i := range m.Attempts {
		if m.Attempts[i].Instance == instance {
			return &m.Attempts[i]
		}
	}
	return nil
}

// BeginAttempt notes that an instance is about to be called, for the first time or again. A slow store may hear of the end of an attempt
// first: that stands.
func (m *Message) BeginAttempt(n Attempt) *Attempt {
	a := m.Attempt(n.Instance)
	switch {
	case a == nil:
		m.Attempts = append(m.Attempts, Attempt{Instance: n.Instance})
		a = &m.Attempts[len(m.Attempts)-1]
	case a.BegunAt == n.BegunAt:
		return a
	}
	a.Channel, a.BegunAt, a.EndedAt, a.State = n.Channel, n.BegunAt, 0, Pending
	return a
}

// CopyAttempts returns a copy of the attempts that doesn't change with the record.
func (m *Message) CopyAttempts() []Attempt {
	copied := slices.Clone(m.Attempts)
	for i := range copied {
		copied[i].Parts = slices.Clone(copied[i].Parts)
	}
	return copied
}

// copy returns the record as it is now.
func (m *Message) copy() Message {
	copied := *m
	copied.Attempts = m.CopyAttempts()
	return copied
}

// interrupt notes that the process that was sending the message has ended. Nothing will ever be known of attempts that were pending.
// Those of a race that was under way count as failed for a time: a repeat of the call sends the message again, by an instance that
// has not tried it if there is one. Two messages with the same code are better than none.
func (m *Message) interrupt() {
	for i := range m.Attempts {
		a := &m.Attempts[i]
		if a.State != Pending {
			continue
		}
		a.State, a.Kind = AttemptFailed, providers.Unknown
		if m.Sending {
			a.Kind = providers.Temporary
		}
	}
	m.Sending, m.Resending = false, false
}

// note notes how an attempt stands, and returns the attempt. What is known already is not overwritten by what is older.
func (m *Message) note(n Attempt) *Attempt {
	a := m.Attempt(n.Instance)
	if a == nil {
		a = m.BeginAttempt(n)
	}
	if n.BegunAt < a.BegunAt && n.State != AttemptAccepted {
		return a
	}
	if n.State == Pending {
		if a.State == Pending {
			a.Kind = n.Kind
		}
		return a
	}
	a.State, a.EndedAt = n.State, n.EndedAt
	if n.State == AttemptFailed && !a.failed() {
		a.Kind, a.Code = n.Kind, bounded(n.Code, MaxCode)
	}
	return a
}

// name notes an instance's name for the message, and reports whether it is new.
func (a *Attempt) name(id string) bool {
	if len(a.Parts) == providers.MostParts || a.has(id) {
		return false
	}
	a.Parts = append(a.Parts, Part{ID: id})
	return true
}

// accept notes which instance has the message.
func (m *Message) accept(instance string) { m.Result, m.Instance = Accepted, instance }

// receive notes what a receipt says of a part, if that is news. Receipts come late, twice and out of order: the highest state counts.
func (m *Message) receive(a *Attempt, r providers.Receipt, now Time) (news, delivered bool) {
	part := a.part(r.ID)
	if part == nil || r.State <= part.State {
		return false, false
	}
	before := a.delivered()
	if !part.State.Delivered() {
		part.At = now
	}
	part.State = r.State
	if r.State.Failed() {
		a.Kind = r.Kind
	}
	if code := bounded(r.Code, MaxCode); code != "" {
		a.Code = code
	}
	return true, a.delivered() && !before
}

// leastLife is what must be left of a code's life for another message to be worth its price.
const leastLife = 15 * time.Second

// undelivered returns the attempt of which a receipt says that it failed, if the message has to be sent again because of that.
// It hasn't if another attempt may still deliver it, if nobody will reach the number, or if the code is no longer valid or expires soon.
func (m *Message) undelivered(now Time) *Attempt {
	if m.Contents == nil || m.AnsweredAt == 0 || m.Resending || m.ExpiresAt().Sub(now) < leastLife {
		return nil
	}
	var failed *Attempt
	for i := range m.Attempts {
		a := &m.Attempts[i]
		if a.mayDeliver() || a.Over() && a.Kind == providers.Recipient {
			return nil
		}
		if a.failed() {
			failed = a
		}
	}
	return failed
}
