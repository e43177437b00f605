// Package race gets one message accepted by one of several instances before a deadline. It uses hedged requests.
//
// A hedged request is a second request that starts before the first one has failed ("The Tail at Scale", Dean and Barroso, 2013).
// Here, the next instance starts when the previous one has failed, or has not answered within its patience. A slow attempt
// goes on beside the new one, and the first acceptance wins, even if it comes late. So a slow instance may cost a second
// message, but never costs the user the code. All attempts carry the same code: a second message does no harm, except for its
// price.
//
// Two things change the order of the instances. An instance's circuit breaker opens after five failures in a row. No answer
// within SMSHOOK_PATIENCE is a failure too. An instance that is five times in a row slower than its recent answers is tried
// after the others until it answers. Its circuit breaker stays closed: recent answers are too weak a reason to open it.
package race

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/smshook/smshook/providers"
)

// Runner runs races. It may be used concurrently.
type Runner struct {
	Patience time.Duration // the longest time without an answer before the next instance starts: see [Instance.Patience]
	Unknown  Unknown
	Ended    func(Attempt) // called once for each attempt, concurrently; it must be set and must not block
	Panicked func(Panic)   // called for each panic in Ended, [Entry.Late] or [Runner.Go]; may be nil

	background sync.WaitGroup // what goes on after its race
}

// Entry is one message in its race.
type Entry struct {
	Message    providers.Message
	Route      []*Instance // the order of the instances if all are healthy
	ReceivedAt time.Time   // when the call was received
	Deadline   time.Time   // when Run returns at the latest
	Lost       string      // the instance that probably lost the last message to this user: it gets no trial; may be empty

	// Starting is called before an attempt starts, and so before anything is sent. It reports whether the attempt may start; if not, no
	// other does. It may be nil.
	Starting func(Attempt) bool
	Late     func(Attempt) // called after Ended, for each attempt that ends after the race; may be nil
}

// minTime is the time that a race needs. With less, the code would reach the user too late. An instance that starts later in
// the race may have half of it.
const minTime = 500 * time.Millisecond

// Run returns when an instance has accepted the message, when no instance is left that could, or at the deadline. It returns
// earlier if ctx ends, which means that the caller has left. Attempts whose request has been sent go on after that:
// [Runner.Drain] waits for them.
func (r *Runner) Run(ctx context.Context, e Entry) Outcome {
	run := r.newRun(e)
	defer run.hedge.Stop()
	if time.Until(run.deadline) >= minTime {
		run.startNext(ctx)
	}
	if len(run.active) == 0 {
		run.trial.done(errNotCounted)
		return Outcome{Result: Failed}
	}
	defer run.followActive()
	for len(run.active) > 0 {
		select {
		case a := <-run.finished:
			if run.finish(ctx, a) {
				return run.accepted()
			}
		case <-run.hedge.C:
			run.markOverdue()
			if time.Until(run.deadline) <= 0 {
				return run.giveUp(r.Unknown)
			}
			run.startNext(ctx)
		case <-ctx.Done():
			return run.giveUp(FailUnknown)
		}
	}
	return run.giveUp(r.Unknown)
}

// Go runs f in a goroutine that Drain waits for. A panic of f is reported to Panicked, and the program goes on.
func (r *Runner) Go(f func()) { r.background.Go(func() { r.Guard(f) }) }

// Guard runs f and reports its panic. A bug in a callback must stop neither the race nor the program.
func (r *Runner) Guard(f func()) {
	defer func() {
		if value := recover(); value != nil && r.Panicked != nil {
			r.Panicked(*newPanic(value))
		}
	}()
	f()
}

// Drain waits for the attempts that go on after their race, and for the functions of Go. It returns an error if ctx ends first.
func (r *Runner) Drain(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		r.background.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("attempts still under way: %w", ctx.Err())
	}
}
