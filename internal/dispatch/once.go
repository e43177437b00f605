package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// keepCalls is longer than any caller repeats. That a call came is remembered for as long, of more calls: see seen.
const (
	keepCalls = 10 * time.Minute
	mostCalls = 1 << 16
)

// calls are those that were seen lately, each with its repeats. Auth repeats a call whose connection broke, with the same ID.
// Whoever sends each of its attempts pays three messages, of which the user wants one.
type calls struct {
	callerWaits time.Duration
	waiting     chan struct{} // see lanes

	mu     sync.Mutex
	recent *memory[string, call]
	seen   *seen
}

// call is one call and its repeats. Its fields belong to calls.mu.
type call struct {
	first   time.Time
	waiting int           // callers who wait for the answer
	running chan struct{} // closed when the run under way has ended; nil if there is none
	stop    context.CancelFunc
	givenUp bool    // everybody who waited for the run under way has left
	outcome Outcome // of the last run, without what is told only once
	settled bool    // the outcome stands for repeats too
	tried   map[string]providers.Kind
	pending map[string]bool // tried, and not ended when its run had
	news    chan struct{}   // closed when one of those has ended; nil if nobody waits for that
	judged  bool
	verdict policy.Verdict // once it has been judged
}

func newCalls(callerWaits time.Duration, waiting chan struct{}) *calls {
	return &calls{callerWaits: callerWaits, waiting: waiting, recent: newMemory[string, call](keepCalls, mostCalls), seen: newSeen(mostSeen)}
}

var (
	errRepeat   = errors.New("a repeat, answered like the call before")
	errRepeats  = errors.New("too many repeats wait for their calls")
	errReplayed = errors.New("an old call, played again: it may have been captured")
	errLeft     = errors.New("the caller has left")
)

// once runs a call, or answers a repeat of one: like the first while that runs, and once it is settled. A failure settles
// nothing, but which instances were tried is remembered.
//
// The run goes on as long as anybody waits for it: its context ends when the last of them has left.
func (cs *calls) once(ctx context.Context, r Request, run func(context.Context, *call) Outcome) Outcome {
	if ctx.Err() != nil {
		return Outcome{Result: Failed, Reason: errLeft}
	}
	cs.mu.Lock()
	c := cs.find(r)
	if c == nil {
		defer cs.mu.Unlock()
		return Outcome{Result: Failed, Reason: errReplayed}
	}
	if c.settled {
		defer cs.mu.Unlock()
		return repeated(c.outcome)
	}
	running := c.running
	if running != nil {
		if !cs.wait(c) {
			defer cs.mu.Unlock()
			return Outcome{Result: Failed, Reason: errRepeats}
		}
		defer func() { <-cs.waiting }()
	}
	c.waiting++
	var runs context.Context
	if running == nil {
		c.running, c.givenUp = make(chan struct{}), false
		runs, c.stop = context.WithCancel(context.Background())
	}
	cs.mu.Unlock()

	left := context.AfterFunc(ctx, func() { cs.leave(c) })
	defer func() {
		if left() {
			cs.leave(c)
		}
	}()
	if running == nil {
		return cs.run(runs, c, run)
	}
	select {
	case <-running:
		outcome, again := cs.joined(c)
		if again {
			return cs.once(ctx, r, run)
		}
		return outcome
	case <-ctx.Done():
		return Outcome{Result: Failed, Reason: errLeft}
	}
}

// wait takes a place among those who wait, if there is one for one more repeat of a call. cs.mu is held.
func (cs *calls) wait(c *call) bool {
	if c.waiting > mostBehind {
		return false
	}
	select {
	case cs.waiting <- struct{}{}:
		return true
	default:
		return false
	}
}

// joined is the outcome for one who has waited for the run of another. If that was given up just as he came, he runs himself.
func (cs *calls) joined(c *call) (outcome Outcome, again bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return repeated(c.outcome), c.givenUp && !c.settled && c.running == nil
}

// find returns the call that r is an attempt at, or nil if that is over: it came to nothing and its caller has long given up, or
// it has been forgotten. Who makes such a call again has captured it. cs.mu is held.
func (cs *calls) find(r Request) *call {
	c := cs.recent.get(r.ID, r.ReceivedAt)
	if c != nil && (c.settled || c.running != nil || r.ReceivedAt.Sub(c.first) < cs.callerWaits) {
		return c
	}
	if !cs.seen.add(r.ID, r.ReceivedAt) {
		return nil
	}
	return cs.recent.put(r.ID, call{first: r.ReceivedAt}, r.ReceivedAt)
}

func (cs *calls) run(ctx context.Context, c *call, run func(context.Context, *call) Outcome) (outcome Outcome) {
	defer func() { // also if it panics: the others must not wait for ever
		cs.mu.Lock()
		defer cs.mu.Unlock()
		outcome = c.end(outcome)
	}()
	return run(ctx, c)
}

// end notes how a run has ended, lets those who wait for it go, and returns what it comes to.
func (c *call) end(outcome Outcome) Outcome {
	for _, attempt := range outcome.Attempts {
		c.note(attempt)
	}
	if c.settled { // by a yes that came late, from the run before
		outcome.Result = c.outcome.Result
	}
	c.outcome = Outcome{Result: outcome.Result, Number: outcome.Number}
	c.settled = outcome.Result != Failed
	close(c.running)
	c.stop()
	c.running, c.stop = nil, nil
	return outcome
}

func (c *call) note(attempt race.Attempt) {
	if c.tried == nil && (attempt.Err != nil || attempt.Pending) { // most calls need none: the first instance takes them
		c.tried, c.pending = map[string]providers.Kind{}, map[string]bool{}
	}
	if attempt.Err != nil {
		c.tried[attempt.Instance] = attempt.Err.Kind
	}
	if attempt.Pending {
		c.pending[attempt.Instance] = true
	} else {
		delete(c.pending, attempt.Instance)
	}
}

// judged returns the verdict on a call, which is found by its first run and stands for all others.
func (cs *calls) judged(c *call, judge func() policy.Verdict) policy.Verdict {
	cs.mu.Lock()
	judged, verdict := c.judged, c.verdict
	cs.mu.Unlock()
	if judged {
		return verdict
	}
	verdict = judge() // of the runs of a call, one is under way at a time
	cs.mu.Lock()
	c.judged, c.verdict = true, verdict
	cs.mu.Unlock()
	return verdict
}

// late returns what notes the attempts that end after the run under way. An instance that took the message after all settles
// the call, and a run that is under way by then has nothing left to do: the message must not be sent again.
func (cs *calls) late(c *call) func(race.Attempt) {
	cs.mu.Lock()
	over := c.running
	cs.mu.Unlock()
	return func(attempt race.Attempt) {
		<-over // what the run itself has to note comes first
		cs.mu.Lock()
		defer cs.mu.Unlock()
		c.note(attempt)
		if c.news != nil {
			close(c.news)
			c.news = nil
		}
		if attempt.Err != nil || c.settled {
			return
		}
		c.settled = true
		c.outcome.Result = Accepted
		if c.stop != nil {
			c.stop()
		}
	}
}

// undecided waits for the attempts of earlier runs that have not ended, since their yes would be one for this run too. It
// returns true if the time is over and there still are any, or one broke off: the message may have been sent.
func (cs *calls) undecided(ctx context.Context, c *call, deadline time.Time) bool {
	over := time.NewTimer(time.Until(deadline))
	defer over.Stop()
	for {
		cs.mu.Lock()
		waiting, unknown := len(c.pending) > 0, false
		for _, kind := range c.tried {
			unknown = unknown || kind == providers.Unknown
		}
		if waiting && c.news == nil {
			c.news = make(chan struct{})
		}
		news := c.news
		cs.mu.Unlock()
		if !waiting {
			return unknown
		}
		select {
		case <-news:
		case <-over.C:
			return unknown
		case <-ctx.Done():
			return false
		}
	}
}

// leave notes that one who waited has gone. With the last one, the run ends.
func (cs *calls) leave(c *call) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c.waiting--
	if c.waiting == 0 && c.stop != nil {
		c.givenUp = true
		c.stop()
	}
}

func repeated(o Outcome) Outcome {
	o.Reason = errRepeat
	return o
}

// untried puts the instances in the order for a repeat: those not tried yet, then those that failed for a time.
func (cs *calls) untried(c *call, route []*race.Instance) []*race.Instance {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if len(c.tried) == 0 {
		return route
	}
	var fresh, again []*race.Instance
	for _, instance := range route {
		kind, tried := c.tried[instance.Name]
		switch {
		case !tried:
			fresh = append(fresh, instance)
		case kind == providers.Temporary:
			again = append(again, instance)
		}
	}
	return append(fresh, again...)
}
