package ledger

import (
	"context"
	"hash/maphash"
	"time"
)

// Begin is described at [Ledger].
func (m *Memory) Begin(ctx context.Context, c Call) (Begun, error) { return m.beginAfter(ctx, c, "") }

// beginAfter is Begin for a call that has waited for a message before; the ID may be empty.
func (m *Memory) beginAfter(ctx context.Context, c Call, waitedFor string) (Begun, error) {
	m.mu.Lock()
	waited := m.messages.get(waitedFor)
	m.mu.Unlock()
	begun, other, changed, err := m.begin(ctx, c, waited)
	if other == nil || err != nil {
		return begun, err
	}
	select {
	case m.waiting <- struct{}{}:
		defer func() { <-m.waiting }()
	default:
		return Begun{}, ErrCrowded
	}
	for other != nil && err == nil {
		if err := wait(ctx, c.Deadline, changed); err != nil {
			return Begun{}, err
		}
		begun, other, changed, err = m.begin(ctx, c, other)
	}
	return begun, err
}

// begin answers a call, or returns the record that has to change before the call can be answered. It is told for which record
// the call has waited.
func (m *Memory) begin(ctx context.Context, c Call, waitedFor *record) (begun Begun, other *record, changed <-chan struct{}, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	begun, other, err = m.decide(ctx, c, waitedFor)
	if other != nil {
		changed, err = m.changes(other, waitedFor != nil)
	}
	return begun, other, changed, err
}

// decide does what begin does, for a caller that holds the lock.
func (m *Memory) decide(ctx context.Context, c Call, waitedFor *record) (begun Begun, other *record, err error) {
	r, err := m.find(c)
	if err != nil {
		return Begun{}, nil, err
	}
	defer m.trim(c.ReceivedAt)
	switch {
	case r.Sending:
		other = r
	case !c.Queued && m.overtaken(r):
		return m.refuse(r, JustSent), nil, nil
	case r.Settled(), r == waitedFor && !r.Left:
		return m.repeat(r), nil, nil
	case r.MFA, c.Queued:
	case waitedFor != nil && waitedFor.accepted(), m.secondTap(r):
		return m.refuse(r, JustSent), nil, nil
	default:
		other = m.sending[r.flow]
	}
	if other != nil {
		return Begun{}, other, nil
	}
	begun, err = m.charge(ctx, r, c)
	if err != nil || !begun.Go {
		return begun, nil, err
	}
	begun.FirstAt, begun.Tried, begun.Lost = r.ReceivedAt, r.CopyAttempts(), m.lost(r)
	r.Sending, r.Left, r.Lost = true, false, begun.Lost
	if !r.MFA && !c.Queued {
		m.sending[r.flow] = r
	}
	return begun, nil, nil
}

// repeat answers a repeat of a call that has ended.
func (m *Memory) repeat(r *record) Begun {
	begun := Begun{Repeat: true, Result: r.Result, Over: -1}
	if r.Result == Accepted {
		m.answered(r, &begun.News)
	}
	return begun
}

// charge has the rate limits count a call, once for all its repeats.
func (m *Memory) charge(ctx context.Context, r *record, c Call) (Begun, error) {
	if r.Charged {
		return Begun{Go: true, Over: -1}, nil
	}
	over, after, err := m.counter.Take(ctx, m.clock(), c.Charges)
	if err != nil {
		return Begun{}, err
	}
	begun := Begun{Go: true}
	if over >= 0 && !c.Observe {
		result := TooMany
		if m.unused(r, c.Life) != nil { // the user is told of the code that they have
			result = JustSent
		}
		begun = m.refuse(r, result)
	}
	if over >= 0 {
		r.Rule = c.Charges[over].Rule.String()
	}
	begun.Over, begun.After, r.Charged = over, after, begun.Go
	return begun, nil
}

// find returns the record of a call, which may be a new one: the caller trims when it is known whether that was refused. It returns
// [ErrReplayed] for a call that came to nothing and whose caller has long given up, and for one whose record is forgotten: the maker of
// such a call has captured it.
func (m *Memory) find(c Call) (*record, error) {
	r := m.messages.get(c.Message.ID)
	if r != nil {
		if !c.Queued && !r.Sending && !r.Settled() && c.ReceivedAt.Sub(r.ReceivedAt) >= m.settings.CallerWaits {
			return nil, ErrReplayed
		}
		return r, nil
	}
	if !c.Queued && m.seen.has(c.Message.ID, c.ReceivedAt) {
		return nil, ErrReplayed
	}
	r = &record{Message: NewMessage(c)}
	m.mark(r, c.Flow, c.LastSignIn, c.Stored)
	m.judge(r, c)
	if m.settings.LateFallback {
		contents := c.Message
		r.Contents = &contents
	}
	m.messages.add(r)
	return r, nil
}

// mark notes what a record is compared by.
func (m *Memory) mark(r *record, f Flow, lastSignIn, stored string) {
	r.flow = maphash.Comparable(m.seed, f)
	r.user, r.number = maphash.String(m.seed, f.User), maphash.String(m.seed, f.Number)
	r.lastSignIn = maphash.String(m.seed, lastSignIn)
	r.known = maphash.Comparable(m.seed, [2]string{lastSignIn, stored})
}

// refuse ends a call that is not sent.
func (m *Memory) refuse(r *record, result Result) Begun {
	r.Result, r.Contents = result, nil
	m.messages.turnAway(r)
	return Begun{Result: result, Over: -1}
}

// accepted reports whether the message was accepted, and somebody was there to hear it: then its code is the valid one.
func (r *record) accepted() bool { return r.Result == Accepted && !r.Sending && !r.Left }

// overtaken reports whether a newer message of the flow was answered before a caller has heard of this one: then the newer code is
// stored, and stays the valid one if this call is refused.
func (m *Memory) overtaken(r *record) bool {
	if r.MFA || r.AnsweredAt != 0 || r.Result != Accepted && r.Result != Failed {
		return false
	}
	newest := m.newest[r.flow]
	return newest != nil && newest != r && newest.AnsweredAt != 0 && newest.ReceivedAt > r.ReceivedAt
}

// secondTap reports whether a call comes just after a message of its flow was accepted, and was made before the caller had stored
// that message.
func (m *Memory) secondTap(r *record) bool {
	last := m.newest[r.flow]
	return last != nil && last != r && last.known == r.known && r.ReceivedAt.Sub(last.AnsweredAt) < JustSentFor
}

// lost returns the instance that took the last message of a flow, if that message seems to be lost: the user asks again, and has
// not signed in since. To Auth, nothing else says so. No clocks are compared: the last sign-in is a mark, not a time.
func (m *Memory) lost(r *record) (instance string) {
	last := m.unused(r, m.settings.ResendWindow)
	if last == nil || last.Delivered() {
		return ""
	}
	return last.Instance
}

// unused returns the last message of a flow if it is not as old as that, and the user has not signed in since; else nil.
func (m *Memory) unused(r *record, age time.Duration) *record {
	last := m.newest[r.flow]
	if r.MFA || last == nil || last == r || r.ReceivedAt.Sub(last.ReceivedAt) >= age || last.lastSignIn != r.lastSignIn {
		return nil
	}
	return last
}
