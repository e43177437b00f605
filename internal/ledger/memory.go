package ledger

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/smshook/smshook/internal/policy"
)

const (
	// leastKeep is how long a record is kept at least: a signed call may be played again as long as its signature is valid, and
	// receipts follow their messages for minutes.
	leastKeep = 10 * time.Minute
	// maxMessages is how many records are kept. Above it, the oldest is forgotten.
	maxMessages = 1 << 16
)

// Settings are what an operator decides about a ledger.
type Settings struct {
	CallerWaits  time.Duration // how long a caller waits for the answer, for all its attempts at a call together
	ResendWindow time.Duration // how long a user who asks again is sent the message through another instance; 0 is never
	CodeLife     time.Duration // the longest life of a code that is usual
}

// Memory is the ledger of one process. It forgets everything at its end.
type Memory struct {
	settings Settings
	keep     time.Duration
	counter  policy.Counter
	now      func() time.Time
	seed     maphash.Seed

	mu        sync.Mutex
	messages  messages
	flows     map[uint64]*flow
	names     map[uint64]*record // by the hash of instance and name
	expiring  map[time.Duration][]*record
	early     earlyReceipts
	waiting   map[*record]chan struct{} // closed at the next change of the record
	forgotten uint64
}

// record is a message with its place in the memory.
type record struct {
	Message
	flow         uint64
	lastSignIn   uint64
	older, newer *record
}

// flow is what is known of one flow.
type flow struct {
	sending *record // nil if no message of it is being sent
	newest  *record // the message whose code is the valid one, as far as is known; nil if there is none
}

// NewMemory returns an empty Memory. The counter counts for the rate limits, now tells the time.
func NewMemory(s Settings, counter policy.Counter, now func() time.Time) *Memory {
	return &Memory{
		settings: s,
		counter:  counter,
		now:      now,
		seed:     maphash.MakeSeed(),
		keep:     max(leastKeep, s.ResendWindow, s.CodeLife),
		messages: messages{byID: map[string]*record{}},
		flows:    map[uint64]*flow{},
		names:    map[uint64]*record{},
		expiring: map[time.Duration][]*record{},
		early:    earlyReceipts{byName: map[name]*early{}},
		waiting:  map[*record]chan struct{}{},
	}
}

// Begin is described at [Ledger].
func (m *Memory) Begin(ctx context.Context, c Call) (Begun, error) {
	var behind *record
	for {
		begun, other, changed, err := m.begin(ctx, c, behind)
		if other == nil || err != nil {
			return begun, err
		}
		if err := wait(ctx, c.Deadline, changed); err != nil {
			return Begun{}, err
		}
		behind = other
	}
}

// wait returns nil once the channel is closed.
func wait(ctx context.Context, deadline time.Time, changed <-chan struct{}) error {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-changed:
		return nil
	case <-timer.C:
		return ErrNoTime
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin answers a call, or returns the record that has to change before it can be answered. It is told for which record the
// call has waited last.
func (m *Memory) begin(ctx context.Context, c Call, behind *record) (begun Begun, other *record, changed <-chan struct{}, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.find(c)
	switch {
	case r.Sending:
		return Begun{}, r, m.changed(r), nil
	case r.Settled(), r == behind && !r.Left:
		begun = Begun{Repeat: true, Result: r.Result, Over: -1}
		if r.Result == Accepted {
			m.answered(r, &begun.News)
		}
		return begun, nil, nil, nil
	}
	f := m.flow(r)
	if behind != nil && behind != r && behind.Result == Accepted && !behind.Left {
		return m.refuse(r, JustSent, -1, 0), nil, nil, nil
	}
	if f.sending != nil && !c.Flow.MFA {
		return Begun{}, f.sending, m.changed(f.sending), nil
	}
	begun = Begun{Go: true, Over: -1, Tried: r.attempts(), Lost: m.lost(r, f, c)}
	if !r.Charged {
		begun.Over, begun.After, err = m.counter.Take(ctx, c.ReceivedAt, c.Charges)
		if err != nil {
			return Begun{}, nil, nil, err
		}
		if begun.Over >= 0 && !c.Observe {
			result := TooMany
			if m.unused(r, f, c.Flow, c.Life) != nil {
				result = JustSent
			}
			return m.refuse(r, result, begun.Over, begun.After), nil, nil, nil
		}
		r.Charged = true
	}
	r.Sending, r.Left, r.Lost = true, false, begun.Lost
	if !c.Flow.MFA {
		f.sending = r
	}
	return begun, nil, nil, nil
}

// find returns the record of a call. Once its caller has long given up, a call that came to nothing is forgotten: whoever makes
// it again means it.
func (m *Memory) find(c Call) *record {
	r := m.messages.get(c.Message.ID)
	if r != nil && (r.Sending || r.Settled() || c.ReceivedAt.Sub(r.ReceivedAt) < m.settings.CallerWaits) {
		return r
	}
	if r != nil {
		m.forget(r)
	}
	contents := c.Message
	r = &record{
		Message: Message{
			ID: c.Message.ID, Number: c.Number, Country: c.Country, ReceivedAt: c.ReceivedAt, Life: c.Life, Contents: &contents,
		},
		flow:       maphash.Comparable(m.seed, c.Flow),
		lastSignIn: maphash.String(m.seed, c.LastSignIn),
	}
	m.messages.add(r)
	m.expiring[r.Life] = append(m.expiring[r.Life], r)
	m.trim(c.ReceivedAt)
	return r
}

// refuse ends a call that is not sent.
func (m *Memory) refuse(r *record, result Result, over int, after time.Duration) Begun {
	r.Result, r.Contents = result, nil
	return Begun{Result: result, Over: over, After: after}
}

func (m *Memory) flow(r *record) *flow {
	f := m.flows[r.flow]
	if f == nil {
		f = new(flow)
		m.flows[r.flow] = f
	}
	return f
}

// lost returns the instance that took the last message of a flow, if that message seems to be lost: the user asks again, and has
// not signed in since. To Auth, nothing else says so. No clocks are compared: the last sign-in is a mark, not a time.
func (m *Memory) lost(r *record, f *flow, c Call) (instance string) {
	last := m.unused(r, f, c.Flow, m.settings.ResendWindow)
	if last == nil || last.Delivered() {
		return ""
	}
	return last.Instance
}

// unused returns the last message of a flow if it is not as old as that, and the user has not signed in since; else nil.
func (m *Memory) unused(r *record, f *flow, id Flow, age time.Duration) *record {
	last := f.newest
	if id.MFA || last == nil || last == r || r.ReceivedAt.Sub(last.ReceivedAt) >= age || last.lastSignIn != r.lastSignIn {
		return nil
	}
	return last
}

// changed returns a channel that is closed at the next change of a record.
func (m *Memory) changed(r *record) <-chan struct{} {
	c := m.waiting[r]
	if c == nil {
		c = make(chan struct{})
		m.waiting[r] = c
	}
	return c
}

func (m *Memory) wake(r *record) {
	if c := m.waiting[r]; c != nil {
		close(c)
		delete(m.waiting, r)
	}
}

// Attempt is described at [Ledger].
func (m *Memory) Attempt(_ context.Context, id string, a Attempt) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.messages.get(id); r != nil {
		r.begin(a)
	}
	return nil
}

// End is described at [Ledger].
func (m *Memory) End(_ context.Context, e Ended) (result Result, news News, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.messages.get(e.ID)
	if r == nil {
		return e.Result, news, nil
	}
	for _, a := range e.Attempts {
		m.note(r, a, &news)
	}
	if e.Result == Accepted {
		r.accept(e.Instance)
	}
	if e.Resend {
		r.Resending = false
		if len(e.Attempts) > 0 { // else it would be in vain again
			m.consider(r, &news)
		}
		return e.Result, news, nil
	}
	if r.Result != Accepted { // by an attempt of an earlier race, in the meantime
		r.Result = e.Result
	}
	r.Sending, r.Left = false, e.Left
	if f := m.flows[r.flow]; f != nil && f.sending == r {
		f.sending = nil
	}
	m.wake(r)
	switch {
	case r.Result == Accepted && !e.Left:
		m.answered(r, &news)
	case r.Result == BadNumber:
		r.Contents = nil
	}
	return r.Result, news, nil
}

// note notes an attempt, and the receipts that came before its end.
func (m *Memory) note(r *record, n Attempt, news *News) {
	a := r.note(n)
	for _, part := range n.Parts {
		m.bind(r, a, part.ID)
		for _, receipt := range m.early.take(name{a.Instance, part.ID}) {
			m.apply(r, a, receipt, news)
		}
	}
}

// answered notes that a caller has heard that the message was accepted. From here on, the codes of earlier messages of the flow
// are void.
func (m *Memory) answered(r *record, news *News) {
	r.Answered = true
	f := m.flow(r)
	switch newest := f.newest; {
	case newest == nil || newest == r:
		f.newest = r
	case r.ReceivedAt.Before(newest.ReceivedAt): // a late repeat
		m.void(r, news)
	default:
		m.void(newest, news)
		f.newest = r
	}
	m.consider(r, news)
}

// void makes sure that a message isn't sent again.
func (m *Memory) void(r *record, news *News) {
	r.Contents = nil
	if r.Resending {
		news.Void = r.ID
	}
}

// Late is described at [Ledger].
func (m *Memory) Late(_ context.Context, id string, a Attempt) (accepted bool, news News, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.messages.get(id)
	if r == nil {
		return false, news, nil
	}
	m.note(r, a, &news)
	if a.State == AttemptAccepted && r.Result != Accepted {
		r.accept(a.Instance)
		accepted = true
	}
	m.wake(r)
	m.consider(r, &news)
	return accepted, news, nil
}

// Decided is described at [Ledger].
func (m *Memory) Decided(ctx context.Context, id string) (Message, error) {
	for {
		m.mu.Lock()
		r := m.messages.get(id)
		if r == nil || !r.Pending() {
			var decided Message
			if r != nil {
				decided = r.copy()
			}
			m.mu.Unlock()
			return decided, nil
		}
		undecided, changed := r.copy(), m.changed(r)
		m.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return undecided, ctx.Err()
		}
	}
}

// consider says that a message is to be sent again if a receipt has made that necessary, and it still makes sense.
func (m *Memory) consider(r *record, news *News) {
	failed := r.undelivered(m.now())
	if failed == nil {
		return
	}
	r.Resending = true
	news.Resend = &Resend{Message: *r.Contents, Lost: r.Lost, Tried: r.attempts(), Instance: failed.Instance, Kind: failed.Kind}
}

// Forgotten is described at [Ledger].
func (m *Memory) Forgotten() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.forgotten
}

var _ Ledger = (*Memory)(nil)
