// Package race gets one message accepted by one of several instances before a deadline.
//
// It is a staggered start, as in RFC 8305, and no chain of time-outs: an instance that is silent for its patience gets company,
// but is not cut off. A late yes still wins, so a slow instance costs at most one message more and never one less. All
// attempts carry the same code, so that a double is harmless but for its price.
//
// Two patiences judge an instance. The one that its last answers have taught starts the next instance, and puts one that is silent
// beyond it five times in a row at the end, until it answers. What was true a minute ago can do no more than that: the breaker
// goes by the patience that is set.
package race

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smshook/smshook/providers"
)

// Instance is one configured account, with the health it was seen in.
type Instance struct {
	Name  string          // of the instance, as in SMSHOOK_PROVIDERS
	Codes providers.Codes // the operator's own classes, above the instance's table

	provider atomic.Pointer[providers.Provider]
	health   *health
	slots    chan struct{}
}

// NewInstance returns a Instance at which at most the given number of attempts are made at once.
func NewInstance(name string, p providers.Provider, codes providers.Codes, atOnce int) *Instance {
	c := &Instance{Name: name, Codes: codes, health: newHealth(name), slots: make(chan struct{}, atOnce)}
	c.Replace(p)
	return c
}

// Provider returns what the instance is called by.
func (c *Instance) Provider() providers.Provider { return *c.provider.Load() }

// Replace lets new attempts go by another Provider, of the same account with other credentials. Those under way go on by the
// one they began with.
func (c *Instance) Replace(p providers.Provider) { c.provider.Store(&p) }

// Patience is how long the instance may be silent before the next one starts: most, unless it is known to answer sooner.
func (c *Instance) Patience(most time.Duration) time.Duration { return c.health.pace.patience(most) }

// State returns what is thought of the instance's health.
func (c *Instance) State() State { return c.health.state() }

func (c *Instance) enter() bool {
	select {
	case c.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

func (c *Instance) leave() { <-c.slots }

// Channel names the way the instance's messages travel: "sms" if it doesn't say.
func (c *Instance) Channel() string {
	if p, ok := c.Provider().(providers.Channeler); ok {
		return p.Channel()
	}
	return "sms"
}

// Result is how a race ended.
type Result int

const (
	Failed      Result = iota // no instance took the message
	Accepted                  // one did, or may have: see [Unknown]
	Unreachable               // nobody will reach this number
)

// Outcome is the result and how it came about, attempt by attempt, in the order in which they ended; last those that have
// not.
type Outcome struct {
	Result   Result
	Attempts []Attempt
}

// Unknown says what a message is taken for that may have been sent, when no instance is sure.
type Unknown string

const (
	// AcceptUnknown takes it as sent: to call it a failure would void a code that may be in the user's hand already.
	AcceptUnknown Unknown = "accept"
	// FailUnknown takes it as not sent.
	FailUnknown Unknown = "fail"
)

// UnmarshalText reads a setting.
func (u *Unknown) UnmarshalText(text []byte) error {
	switch v := Unknown(text); v {
	case AcceptUnknown, FailUnknown:
		*u = v
		return nil
	}
	return fmt.Errorf("want %s or %s", AcceptUnknown, FailUnknown)
}

// Runner runs races. It may be used concurrently.
type Runner struct {
	Patience time.Duration // how long an instance may be silent at most before the next one starts: see [Instance.Patience]
	Unknown  Unknown
	Ended    func(Attempt) // called once for each attempt, concurrently; it must be set and must not block
	Panicked func(Panic)   // called for each bug in Ended, [Entry.Late] or [Runner.Go], which changes no outcome; may be nil

	following sync.WaitGroup
}

// Entry is one message in its race.
type Entry struct {
	Message    providers.Message
	Route      []*Instance // in the order in which they are tried while all are healthy
	ReceivedAt time.Time
	Deadline   time.Time
	Lost       string        // the instance that seems to have lost the last message: it isn't put first for a trial; may be empty
	Begins     func(Attempt) // called before an attempt begins, so before anything can leave; may be nil
	Late       func(Attempt) // called, after Ended, for each attempt that ends when the race is over; may be nil
}

// leastTime is what a race needs to be worth beginning: a message that leaves too late carries a dead code. An instance that
// comes in later may have half of it.
const leastTime = 500 * time.Millisecond

// trialPatience is how long the one message waits that tries an instance which has rested.
const trialPatience = time.Second

// Run returns when an instance has accepted the message, when none will, at the deadline, or when ctx ends, which says that
// nobody waits for the answer any more. Attempts whose message has left go on: they are followed to their end, which
// [Runner.Drain] waits for.
func (r *Runner) Run(ctx context.Context, e Entry) Outcome {
	run := r.lineUp(e)
	if time.Until(run.deadline) < leastTime {
		run.queue = nil
	}
	run.next(ctx)
	if len(run.flying) == 0 {
		run.trial.tell(errNoWord)
		return Outcome{Result: Failed}
	}
	defer run.bell.Stop()
	defer run.follow()
	for {
		select {
		case f := <-run.landed:
			if run.land(ctx, f) {
				return run.accepted()
			}
		case <-run.bell.C:
			run.silent()
			if time.Until(run.deadline) <= 0 {
				return run.giveUp(r.Unknown)
			}
			run.next(ctx)
		case <-ctx.Done():
			return run.giveUp(FailUnknown)
		}
		if len(run.flying) == 0 {
			return run.giveUp(r.Unknown)
		}
	}
}

// Go runs f, and lets Drain wait for it. If f panics, the program goes on.
func (r *Runner) Go(f func()) { r.following.Go(func() { r.Guard(f) }) }

// Guard runs f, whose bugs must not end what else is under way: neither a race, which has a message to send, nor the program.
func (r *Runner) Guard(f func()) {
	defer func() {
		if value := recover(); value != nil && r.Panicked != nil {
			r.Panicked(*newPanic(value))
		}
	}()
	f()
}

// Drain waits for the attempts that go on after their race, until ctx ends.
func (r *Runner) Drain(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		r.following.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("attempts still under way: %w", ctx.Err())
	}
}
