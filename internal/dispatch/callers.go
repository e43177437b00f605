package dispatch

import (
	"context"
	"errors"
	"sync"
)

// callers are those who wait for the answer to a request, by its ID. Auth repeats a request whose connection broke: the race goes
// on as long as a caller waits for it.
type callers struct {
	mu   sync.Mutex
	byID map[string]*party
}

// party is all who wait for one request. Its context ends when the last of them has left, and when there is nothing left to wait
// for.
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
