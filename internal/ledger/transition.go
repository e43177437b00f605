package ledger

import (
	"time"

	"github.com/smshook/smshook/providers"
)

// The methods below are the transitions of a record. They change the record alone, and say what else a [Memory] or a [Store] has to
// change with it, in one step.

// JustSentFor is how long after a message was accepted another call of its flow is refused that was made before the caller had stored the
// message. Auth reads the user's record, and checks how long ago the last message was, before it waits for its transaction. Measured with
// second taps 0 to 25 ms after the answer: 11 of 11 made two codes, of which the first was not valid.
const JustSentFor = time.Second

// Transition is what a store has to change together with a record.
type Transition struct {
	Changed  bool   // the record
	Names    []Name // that have to lead to the record from now on
	Ended    bool   // the flow has no message that is being sent
	Answered bool   // the message becomes the newest of its flow, unless a newer one is; the code of the older of the two is no longer valid
	Wiped    bool   // the contents are to be deleted
}

// Name is an instance's name for a message.
type Name struct{ Instance, ID string }

// Start is [Ledger.Attempt] for the record.
func (m *Message) Start(a Attempt) error {
	if m.Resending && m.Contents == nil {
		return ErrStopped
	}
	m.BeginAttempt(a)
	return nil
}

// End is [Ledger.End] for the record.
func (m *Message) End(e Ended, now Time) (result Result, t Transition, news News) {
	t.Changed = true
	for _, a := range e.Attempts {
		m.noteNamed(a, &t)
	}
	if e.Result == Accepted {
		m.accept(e.Instance)
	}
	if e.Resend {
		m.Resending = false
		if len(e.Attempts) > 0 { // else there is no instance left
			m.Consider(now, &news)
		}
		return e.Result, t, news
	}
	if m.Result != Accepted { // by an attempt of an earlier race, in the meantime
		m.Result = e.Result
	}
	m.Sending, m.Left, t.Ended = false, e.Left, true
	switch {
	case m.Result == Accepted && !e.Left:
		m.AnsweredAt, t.Answered = now, true
		m.Consider(now, &news)
	case m.Result == BadNumber:
		m.Contents, t.Wiped = nil, true
	}
	return m.Result, t, news
}

// Late is [Ledger.Late] for the record.
func (m *Message) Late(a Attempt, now Time) (accepted bool, t Transition, news News) {
	t.Changed = true
	m.noteNamed(a, &t)
	if a.State == AttemptAccepted && m.Result != Accepted {
		m.accept(a.Instance)
		accepted = true
	}
	m.Consider(now, &news)
	return accepted, t, news
}

// Receipt is [Ledger.Receipt] for the record. It returns false if the receipt can't be about this message.
func (m *Message) Receipt(instance string, r providers.Receipt, now Time) (t Transition, news News, about bool) {
	t, news, about = m.hear(instance, r, now)
	if about {
		t.Changed = m.Consider(now, &news) || t.Changed
	}
	return t, news, about
}

// hear notes a receipt, and leaves it to others whether the message is sent again.
func (m *Message) hear(instance string, r providers.Receipt, now Time) (t Transition, news News, about bool) {
	a := m.Attempt(instance)
	if !a.mayBeCalled(r.ID) {
		return t, news, false
	}
	if a.name(r.ID) {
		t.Changed, t.Names = true, []Name{{instance, r.ID}}
	}
	isNews, delivered := m.receive(a, r, now)
	if !isNews {
		return t, news, true
	}
	t.Changed = true
	report := report(instance, r)
	report.ID, report.Number, report.Country = m.ID, m.Number, m.Country
	report.Delivered, report.After = delivered, now.Sub(m.ReceivedAt)
	news.Reports = []Report{report}
	if delivered {
		t.Wiped = true
		m.wipe(&news)
	}
	return t, news, true
}

// report returns the report of a receipt for no known message.
func report(instance string, r providers.Receipt) Report {
	r.ID = ""
	return Report{Instance: instance, Receipt: r}
}

// wipe makes sure that the message isn't sent again.
func (m *Message) wipe(news *News) {
	m.Contents = nil
	if m.Resending {
		news.Stop = append(news.Stop, m.ID)
	}
}

// Consider reports whether the message is to be sent again because of a receipt, and notes that it is.
func (m *Message) Consider(now Time, news *News) bool {
	failed := m.undelivered(now)
	if failed == nil {
		return false
	}
	m.Resending = true
	news.Resend = &Resend{Message: *m.Contents, Lost: m.Lost, Tried: m.CopyAttempts(), Instance: failed.Instance, Kind: failed.Kind}
	return true
}

// TakeOver takes the message over from a replica that is gone. What became of the attempts that the replica had pending stays unknown. It
// returns the attempts for the route of the next race. There the pending ones have failed for a time: the message is sent again by an instance
// that was not tried, or else by the same one. A second message is better than none.
func (m *Message) TakeOver() (tried []Attempt) {
	tried = m.CopyAttempts()
	for i := range tried {
		if tried[i].State == Pending {
			tried[i].State, tried[i].Kind = AttemptFailed, providers.Temporary
			m.Attempts[i].State, m.Attempts[i].Kind = AttemptFailed, providers.Unknown
		}
	}
	return tried
}

// mayBeCalled reports whether the instance may call the message so. A nil attempt is one that was not made.
func (a *Attempt) mayBeCalled(name string) bool { return a != nil && (a.has(name) || a.unnamed()) }

// unnamed reports whether the instance has, or may have, the message without having told its name for it.
func (a *Attempt) unnamed() bool {
	return a.State == Pending || len(a.Parts) == 0 && (a.State == AttemptAccepted || a.Kind == providers.Unknown)
}

// noteNamed notes an attempt, and the names that are new.
func (m *Message) noteNamed(n Attempt, t *Transition) {
	a := m.note(n)
	for _, part := range n.Parts {
		if a.name(part.ID) {
			t.Names = append(t.Names, Name{a.Instance, part.ID})
		}
		if known := a.part(part.ID); known != nil && part.State > known.State { // of a message that was decided without the store
			known.State, known.At = part.State, part.At
		}
	}
}
