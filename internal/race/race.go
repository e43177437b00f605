// Package race gets one message accepted by one of several carriers before a deadline.
//
// It is a staggered start, as in RFC 8305, and no chain of time-outs: a carrier that is silent for its patience gets company,
// but is not cut off. A late yes still wins, so a slow carrier costs at most one message more and never one less. All
// attempts carry the same code, so that a double is harmless but for its price.
package race

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/smshook/smshook/providers"
)

// Carrier is one configured account, with the health it was seen in.
type Carrier struct {
	Name     string // of the instance, as in SMSHOOK_PROVIDERS
	Provider providers.Provider
	Codes    providers.Codes // the operator's own classes, above the carrier's table

	health *health
	slots  chan struct{}
}

// NewCarrier returns a Carrier at which at most the given number of attempts are made at once.
func NewCarrier(name string, p providers.Provider, codes providers.Codes, atOnce int) *Carrier {
	return &Carrier{name, p, codes, newHealth(name), make(chan struct{}, atOnce)}
}

// State returns what is thought of the carrier's health.
func (c *Carrier) State() State { return c.health.state() }

func (c *Carrier) enter() bool {
	select {
	case c.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

func (c *Carrier) leave() { <-c.slots }

// channel names the way the carrier's messages travel.
func (c *Carrier) channel() string {
	if p, ok := c.Provider.(providers.Channeler); ok {
		return p.Channel()
	}
	return "sms"
}

// Result is how a race ended.
type Result int

const (
	Failed      Result = iota // no carrier took the message
	Accepted                  // one did, or may have: see [Unknown]
	Unreachable               // nobody will reach this number
)

// Outcome is the result and how it came about, attempt by attempt, in the order in which they ended; last those that have
// not.
type Outcome struct {
	Result   Result
	Attempts []Attempt
}

// Unknown says what a message is taken for that may have been sent, when no carrier is sure.
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
	Patience time.Duration // how long a carrier may be silent before the next one starts
	Unknown  Unknown
	Ended    func(Attempt) // called once for each attempt, concurrently; it must be set and must not block

	following sync.WaitGroup
}

// Entry is one message in its race.
type Entry struct {
	Message  providers.Message
	Route    []*Carrier // in the order in which they are tried while all are healthy
	Arrived  time.Time
	Deadline time.Time
	Late     func(Attempt) // called, after Ended, for each attempt that ends when the race is over; may be nil
}

// leastTime is what an attempt needs to be worth beginning: a message that leaves too late carries a dead code.
const leastTime = 500 * time.Millisecond

// trialPatience is how long the one message waits that tries a carrier which has rested.
const trialPatience = time.Second

// Run returns when a carrier has accepted the message, when none will, at the deadline, or when ctx ends, which says that
// nobody waits for the answer any more. Attempts whose message has left go on: they are followed to their end, which
// [Runner.Drain] waits for.
func (r *Runner) Run(ctx context.Context, e Entry) Outcome {
	run := r.lineUp(e)
	if ctx.Err() != nil || time.Until(run.deadline) < leastTime || len(run.queue) == 0 {
		run.trial.tell(errNoWord)
		return Outcome{Result: Failed}
	}
	over := time.NewTimer(time.Until(run.deadline))
	defer over.Stop()
	defer run.patience.Stop()
	defer run.follow()
	run.next()
	for {
		select {
		case f := <-run.landed:
			if run.land(f) {
				return run.accepted()
			}
		case <-run.patience.C:
			run.next()
		case <-over.C:
			return run.verdict(r.Unknown)
		case <-ctx.Done():
			run.recall()
			return run.verdict(FailUnknown)
		}
		if len(run.flying) == 0 {
			return run.verdict(r.Unknown)
		}
	}
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

// run is one race under way. It belongs to the goroutine that runs it.
type run struct {
	*Runner
	entry    Entry
	deadline time.Time
	trial    *verdict // of the first in the queue, if that is on trial
	queue    []*Carrier
	flying   []*flight
	landed   chan *flight
	ended    []Attempt
	patience *time.Timer // of the newest attempt
}

// lineUp puts those that rest at the end, and one that has rested, if there is one, to the front: it needs a real message to
// show that it is well again, and other messages in the meantime try it last.
func (r *Runner) lineUp(e Entry) *run {
	run := &run{Runner: r, entry: e, deadline: e.Deadline, landed: make(chan *flight, len(e.Route)), patience: time.NewTimer(time.Hour)}
	var healthy, sick []*Carrier
	for _, c := range e.Route {
		switch state := c.State(); {
		case state == Healthy:
			healthy = append(healthy, c)
		case state == OnTrial && run.trial == nil:
			if run.trial = c.health.ask(); run.trial != nil {
				run.queue = append(run.queue, c)
				continue
			}
			fallthrough
		default:
			sick = append(sick, c)
		}
	}
	if len(healthy) == 0 {
		// Auth holds a database connection while it waits. Where nothing works, it isn't made to wait for long.
		run.deadline = earlier(run.deadline, e.Arrived.Add(r.Patience))
	}
	run.queue = slices.Concat(run.queue, healthy, sick)
	return run
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// next starts the next carrier, if there is one.
func (run *run) next() {
	run.patience.Stop()
	if len(run.queue) == 0 {
		return
	}
	c := run.queue[0]
	patience := min(time.Until(run.deadline)/time.Duration(len(run.queue)), run.Patience)
	run.queue = run.queue[1:]
	v, untilSlow := run.trial, run.Patience
	run.trial = nil
	if v != nil {
		patience = min(patience, trialPatience)
	} else {
		v, untilSlow = c.health.ask(), patience
	}
	run.flying = append(run.flying, fly(run.entry.Message, c, v, untilSlow, run.landed))
	run.patience.Reset(patience)
}

// land notes the end of an attempt, and reports whether it won.
func (run *run) land(f *flight) (won bool) {
	newest := run.flying[len(run.flying)-1] == f
	run.flying = slices.DeleteFunc(run.flying, func(o *flight) bool { return o == f })
	run.ended = append(run.ended, f.result)
	run.Ended(f.result)
	if f.result.Err == nil {
		return true
	}
	switch f.result.Err.Kind {
	case providers.Recipient:
		run.queue = nil
	case providers.Channel:
		run.queue = slices.DeleteFunc(run.queue, func(c *Carrier) bool { return c.channel() == f.carrier.channel() })
	}
	if newest { // an older one's failure starts nothing: its successor is under way
		run.next()
	}
	return false
}

// recall ends the attempts whose message has not left.
func (run *run) recall() {
	for _, f := range run.flying {
		f.recall()
	}
}

// follow sees the attempts that are still under way to their end.
func (run *run) follow() {
	left := len(run.flying)
	if left == 0 {
		return
	}
	run.following.Go(func() {
		for range left {
			f := <-run.landed
			f.result.Late = true
			run.Ended(f.result)
			if run.entry.Late != nil {
				run.entry.Late(f.result)
			}
		}
	})
}

func (run *run) accepted() Outcome {
	run.recall()
	return Outcome{Accepted, run.attempts()}
}

// attempts are all of them, those under way last.
func (run *run) attempts() []Attempt {
	all := slices.Clone(run.ended)
	for _, f := range run.flying {
		all = append(all, f.pending(run.entry.Message))
	}
	return all
}

// verdict is what a race without an acceptance comes to. If it is a failure, what has not left yet must not leave any more.
func (run *run) verdict(unknown Unknown) Outcome {
	outcome := Outcome{Attempts: run.attempts()}
	seen := map[providers.Kind]bool{}
	for _, attempt := range outcome.Attempts {
		seen[attempt.Err.Kind] = true
	}
	switch {
	case seen[providers.Recipient]:
		outcome.Result = Unreachable
	case seen[providers.Unknown] && unknown != FailUnknown:
		outcome.Result = Accepted
	case seen[providers.Channel] && len(seen) == 1:
		outcome.Result = Unreachable
	}
	if outcome.Result != Accepted {
		run.recall()
	}
	return outcome
}
