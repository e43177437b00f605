package ledger

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smshook/smshook/providers"
)

// pollEvery is how often the store is asked whether a message has ended that another replica sends.
const pollEvery = 50 * time.Millisecond

// Shared is the ledger of one of several replicas. The store decides, and a [Memory] decides while the store can't be reached. So the
// store is a help, but no condition for sending: a call waits 150 ms for it at most. While the store is away, limits, repeats
// and flows hold for each replica alone.
//
// What the store decides is mirrored into the memory. What the memory has decided is written to the store afterwards. A message
// ends where it began: if its call was answered by the memory, the store isn't asked about it before it was written.
//
// News.Stop stops the resending that this replica does. Another replica that sends the message again learns of it before its next
// attempt. The attempt that is under way there goes on until its end or the deadline of the race, which is a few seconds.
type Shared struct {
	store   Store
	memory  *Memory
	breaker breaker
	counts  counts
	writing atomic.Bool

	mu     sync.Mutex
	calls  map[string]*call // by ID: the messages that are being sent here, or whose end the store doesn't know yet
	flows  map[Flow]int     // how many calls of a flow the memory has decided and the store doesn't know of
	behind map[string]int   // by the ID of a message: how many calls wait for it
	owed   []*owed          // what has to be written to the store, the oldest first
	news   []kept           // for the next answer
}

// call is a message that is being sent here, or whose end the store doesn't know yet.
type call struct {
	budget  *budget       // nil if the memory has answered the call
	done    chan struct{} // closed when the race has ended; nil if the memory has answered the call
	ended   bool
	memory  bool // the memory has answered the call
	call    Call // if the memory has answered it; without contents
	queued  bool // it waits to be written to the store
	writing bool // it is being written to the store
}

// here reports whether the memory knows better than the store what became of the message.
func (c *call) here() bool { return c != nil && (c.memory || c.ended) }

// NewShared returns the ledger of one replica. The memory must be empty, and is used by nothing else. Its settings are those of the
// ledger. The times in records are those of the memory's clock. How long the store takes is measured by the
// clock of the machine.
func NewShared(store Store, memory *Memory) *Shared {
	return &Shared{
		store:   store,
		memory:  memory,
		breaker: newBreaker(),
		calls:   map[string]*call{},
		flows:   map[Flow]int{},
		behind:  map[string]int{},
	}
}

// Away reports whether the store can't be reached.
func (s *Shared) Away() bool { return s.breaker.away() }

// Changes says when the store has become unreachable, and when it can be reached again. It keeps the newest change until that is
// read. The channel is never closed.
func (s *Shared) Changes() <-chan Change { return s.breaker.changes }

// begun is what a store answers to a call.
type begun struct {
	Begun
	behind string
}

// Begin is described at [Ledger].
func (s *Shared) Begin(ctx context.Context, c Call) (Begun, error) {
	b, line := newBudget(mostWait), &line{shared: s}
	defer line.leave()
	for behind := ""; ; {
		if s.here(c, behind) {
			return s.beginHere(ctx, c, behind, line)
		}
		answer, took, err := exchange(ctx, s, b, func(ctx context.Context) (a begun, err error) {
			a.Begun, a.behind, err = s.store.Begin(ctx, c, behind)
			return a, err
		}, func(a begun, err error) { s.tooLate(c.Message.ID, a, err) })
		switch {
		case ctx.Err() != nil && err != nil:
			return Begun{}, ctx.Err()
		case !answered(err):
			return s.beginHere(ctx, c, behind, line)
		case err != nil:
			return Begun{}, err
		case answer.behind == "":
			b.spend(took)
			if answer.Go && s.here(c, "") { // the memory has let a repeat be sent meanwhile
				return s.beginHere(ctx, c, "", line)
			}
			return s.begun(ctx, c, answer.Begun, b), nil
		}
		behind = answer.behind // asking was a part of waiting for the message, and not of waiting for the store
		if err := s.wait(ctx, c.Deadline, behind, line); err != nil {
			return Begun{}, err
		}
	}
}

// here reports whether the memory has to answer a call although the store can be reached: the memory has decided about the message,
// or about another of the flow, and the store doesn't know yet.
func (s *Shared) here(c Call, behind string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[c.Message.ID].here() || s.calls[behind].here() || !c.Flow.MFA && s.flows[c.Flow] > 0
}

// beginHere has the memory answer a call.
func (s *Shared) beginHere(ctx context.Context, c Call, behind string, line *line) (Begun, error) {
	s.counts.missed.Add(1)
	line.leave() // the memory has its own
	answer, err := s.memory.beginAfter(ctx, c, behind)
	if err != nil || !answer.Go {
		return answer, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.calls[c.Message.ID]; known != nil && known.memory { // it was sent before, and is not written yet
		known.ended = false
		return answer, nil
	}
	kept := c
	kept.Message = providers.Message{ID: c.Message.ID}
	s.calls[c.Message.ID] = &call{memory: true, call: kept}
	if !c.Flow.MFA {
		s.flows[c.Flow]++
	}
	return answer, nil
}

// begun notes what the store has answered to a call.
func (s *Shared) begun(ctx context.Context, c Call, answer Begun, b *budget) Begun {
	answer.News.stop(s.memory.mirror(ctx, c, answer))
	if answer.Go {
		s.mu.Lock()
		if known := s.calls[c.Message.ID]; known == nil || known.here() {
			s.calls[c.Message.ID] = &call{budget: b, done: make(chan struct{})}
		}
		s.mu.Unlock()
	}
	s.addKept(&answer.News)
	return answer
}

// tooLate ends a message that the store lets this replica send, if this replica has given up asking. If the memory has decided
// meanwhile that the message is sent, the end is written as for all such messages.
func (s *Shared) tooLate(id string, a begun, err error) {
	if err != nil || !a.Go {
		return
	}
	s.mu.Lock()
	sentHere := s.calls[id] != nil
	s.mu.Unlock()
	if !sentHere {
		s.owe(&owed{ended: Ended{ID: id, Result: Failed, Left: true}})
	}
}

// line is the place of one call among those that wait.
type line struct {
	shared *Shared
	in     bool
	behind string
}

// wait waits until it makes sense to ask again about a message: until it has ended, if it is being sent here, else for a moment.
func (s *Shared) wait(ctx context.Context, deadline time.Time, id string, line *line) error {
	if err := line.enter(id); err != nil {
		return err
	}
	s.mu.Lock()
	c := s.calls[id]
	s.mu.Unlock()
	if c != nil && !c.memory {
		return wait(ctx, deadline, c.done)
	}
	again := make(chan struct{})
	timer := time.AfterFunc(pollEvery, func() { close(again) })
	defer timer.Stop()
	return wait(ctx, deadline, again)
}

// enter has a call wait for a message. A call that has waited before may wait again.
func (l *line) enter(id string) error {
	s := l.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	if !l.in {
		if s.behind[id] >= maxBehind {
			return ErrCrowded
		}
		select {
		case s.memory.waiting <- struct{}{}:
		default:
			return ErrCrowded
		}
	} else {
		l.passed()
	}
	l.in, l.behind = true, id
	s.behind[id]++
	return nil
}

// passed notes that the call no longer waits for the message. The caller holds the lock.
func (l *line) passed() {
	s := l.shared
	if s.behind[l.behind]--; s.behind[l.behind] == 0 {
		delete(s.behind, l.behind)
	}
}

func (l *line) leave() {
	if !l.in {
		return
	}
	l.shared.mu.Lock()
	defer l.shared.mu.Unlock()
	l.in = false
	l.passed()
	<-l.shared.memory.waiting
}

// call returns a message that is being sent here, how long its call may still wait for the store, and whether the memory knows
// better than the store what became of the message.
func (s *Shared) call(id string) (c *call, b *budget, here bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c = s.calls[id]
	if c == nil || c.here() {
		return c, newBudget(mostWait), c.here()
	}
	return c, c.budget, false
}

// Forgotten is described at [Ledger]. What the memory forgets for lack of room is in the store.
func (s *Shared) Forgotten() uint64 { return 0 }

var _ Ledger = (*Shared)(nil)
