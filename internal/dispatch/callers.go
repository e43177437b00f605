package dispatch

import (
	"context"
	"errors"
	"sync"
)

// callers counts, for each request ID, the callers that still wait for the answer. Auth repeats a request whose connection broke: the
// race goes on as long as one of them waits.
type callers struct {
	mu   sync.Mutex
	byID map[string]*party
}

// party is the callers of one request. Its context ends when the last of them has left, or when an earlier attempt was accepted: see
// settle.
type party struct {
	context.Context
	cancel  context.CancelCauseFunc
	waiting int
}

var (
	errLeft    = errors.New("the caller has left")
	errSettled = errors.New("an earlier attempt was accepted")
)

// left reports whether all callers have left.
func (p *party) left() bool { return context.Cause(p) == errLeft }

// join adds a caller, who has left when its ctx ends or when it calls leave.
func (c *callers) join(ctx context.Context, id string) (p *party, leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p = c.byID[id]; p == nil {
		p = new(party)
		p.Context, p.cancel = context.WithCancelCause(context.Background())
		if c.byID == nil {
			c.byID = map[string]*party{}
		}
		c.byID[id] = p
	}
	p.waiting++
	stop := context.AfterFunc(ctx, func() { c.leave(id, p) })
	return p, func() {
		if stop() {
			c.leave(id, p)
		}
	}
}

func (c *callers) leave(id string, p *party) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.waiting--
	if p.waiting > 0 {
		return
	}
	p.cancel(errLeft)
	if c.byID[id] == p {
		delete(c.byID, id)
	}
}

// settle ends the race for a request, if one is under way: the message was accepted by an earlier attempt.
func (c *callers) settle(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.byID[id]; p != nil {
		p.cancel(errSettled)
	}
}
