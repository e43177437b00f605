package ledger

import (
	"context"
	"slices"
	"time"
)

// CountQuery says which messages are counted: those received in a time, in steps.
type CountQuery struct {
	Since, Until Time
	Step         time.Duration // a second at least
}

// Count is how many messages of one group there are.
type Count struct {
	Group
	Messages int
	Segments int
}

// Group is what the messages of a [Count] have in common.
type Group struct {
	At       Time // when the step begins
	Country  string
	Instance string // that accepted them, or may have; of those that failed, the last that tried
	Kind     Kind
	Rule     string
	State    State
	Use      Use
}

// Counter counts the messages of a query.
type Counter struct {
	query  CountQuery
	now    Time
	groups map[Group]*Count
}

// NewCounter returns a Counter. now is the time at which the messages have their states.
func NewCounter(q CountQuery, now Time) *Counter {
	return &Counter{query: q, now: now, groups: map[Group]*Count{}}
}

// Add counts a message, if the query asks for it.
func (c *Counter) Add(m *Message) {
	if m.ReceivedAt < c.query.Since || m.ReceivedAt >= c.query.Until {
		return
	}
	step := Time(c.query.Step / time.Microsecond)
	g := Group{
		At:       c.query.Since + (m.ReceivedAt-c.query.Since)/step*step,
		Country:  m.Country,
		Instance: m.Instance,
		Kind:     m.Kind,
		Rule:     m.Rule,
		State:    m.State(c.now),
		Use:      m.Use,
	}
	if g.Instance == "" && len(m.Attempts) > 0 {
		g.Instance = m.Attempts[len(m.Attempts)-1].Instance
	}
	count := c.groups[g]
	if count == nil {
		count = &Count{Group: g}
		c.groups[g] = count
	}
	count.Messages++
	count.Segments += int(m.Segments)
}

// Counts returns the counts, in no order.
func (c *Counter) Counts() []Count {
	list := make([]Count, 0, len(c.groups))
	for _, count := range c.groups {
		list = append(list, *count)
	}
	return list
}

// Count is described at [Ledger].
func (m *Memory) Count(_ context.Context, q CountQuery) ([]Count, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	counter := NewCounter(q, m.now())
	for _, records := range [][]*record{m.messages.byAge, m.messages.turnedAway} {
		for _, r := range slices.Backward(records) {
			if r.ReceivedAt < q.Since.Add(-outOfOrder) {
				break
			}
			counter.Add(&r.Message)
		}
	}
	return counter.Counts(), nil
}

// Count is described at [Ledger]. A million messages take about a second: it takes as long as ctx allows.
func (s *Shared) Count(ctx context.Context, q CountQuery) ([]Count, error) {
	if !s.Away() {
		counts, err := guarded(ctx, func(ctx context.Context) ([]Count, error) { return s.store.Count(ctx, q) })
		if err == nil || ctx.Err() != nil {
			return counts, err
		}
	}
	counts, _ := s.memory.Count(ctx, q)
	return counts, ErrAway
}
