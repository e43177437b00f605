package ledger

import (
	"context"
	"time"
)

// maxBehind is how many calls may wait for one message. Users tap twice or three times; Auth makes each call three times.
const maxBehind = 16

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

// change is what calls wait for that wait for a record.
type change struct {
	done   chan struct{}
	behind int // how many have come to wait
}

// changes returns a channel that is closed at the next change of a record. A call that has waited may wait again.
func (m *Memory) changes(r *record, waited bool) (<-chan struct{}, error) {
	c := m.changing[r]
	if c == nil {
		c = &change{done: make(chan struct{})}
		m.changing[r] = c
	}
	if c.behind >= maxBehind && !waited {
		return nil, ErrCrowded
	}
	c.behind++
	return c.done, nil
}

// changed lets the calls go on that wait for a record.
func (m *Memory) changed(r *record) {
	if c := m.changing[r]; c != nil {
		close(c.done)
		delete(m.changing, r)
	}
}
