package race

import (
	"context"
	"slices"
	"time"

	"github.com/smshook/smshook/providers"
)

// run is one race under way. Only the goroutine that called Run uses it, and after that the goroutine of followActive.
type run struct {
	*Runner
	entry    Entry
	deadline time.Time // entry's, or earlier

	queue []*Instance    // not started yet
	trial *breakerReport // for the first instance in the queue, if its circuit breaker is half-open and this race is its trial

	active   []*activeAttempt // in the order of their starts
	finished chan *activeAttempt
	hedge    *time.Timer // fires when the patience of the newest attempt is over, and at the deadline

	ended []Attempt // in the order of their ends
	won   bool      // an instance has accepted the message
}

// callTime is how long before the deadline a call starts at the latest, beside attempts that have not ended.
const callTime = 1500 * time.Millisecond

// startNext starts the next instance. It starts none if the queue is empty, the time is too short, or the caller has left.
//
// A call waits for the attempts before it. The phone of a user whose SMS is only slow must not ring, and a call costs many times as much.
// But if they don't end, the call starts while there is time for it: an instance that hangs must not cost the user the code.
func (run *run) startNext(ctx context.Context) {
	left := time.Until(run.deadline)
	if len(run.queue) == 0 || ctx.Err() != nil || left < minTime/2 {
		run.hedge.Reset(left)
		return
	}
	if wait := left - callTime; run.queue[0].calls() && len(run.active) > 0 && wait > 0 {
		run.hedge.Reset(wait)
		return
	}
	share := left / time.Duration(len(run.queue))
	instance := run.queue[0]
	run.queue = run.queue[1:]
	report, p := run.admit(instance)
	if run.entry.Starting != nil {
		starting := Attempt{MessageID: run.entry.Message.ID, Instance: instance.Name, Channel: instance.Channel(), BegunAt: time.Now(), Pending: true}
		may := true // also after a panic
		run.Guard(func() { may = run.entry.Starting(starting) })
		if !may {
			report.done(errNotCounted)
			run.queue = nil
			run.hedge.Reset(left)
			return
		}
	}
	a := &activeAttempt{instance: instance, begunAt: time.Now(), report: report}
	a.start(run.entry.Message, p, run.finished)
	run.active = append(run.active, a)
	// A short share starts the next instance early. It doesn't count against this one, which is judged by its full patience.
	run.hedge.Reset(min(share, p.learned))
}

// trialPatience is how long a message waits for an instance whose circuit breaker is half-open.
const trialPatience = time.Second

// admit returns the breaker's report and the patience for the next attempt. What an instance's answers took before it failed
// says nothing about a trial.
func (run *run) admit(instance *Instance) (*breakerReport, patience) {
	if trial := run.trial; trial != nil {
		run.trial = nil
		return trial, patience{learned: min(run.Patience, trialPatience), configured: run.Patience}
	}
	return instance.breaker.begin(), patience{learned: instance.Patience(run.Patience), configured: run.Patience}
}

// markOverdue notes that the newest attempt has not ended within its patience.
func (run *run) markOverdue() {
	if len(run.active) > 0 {
		run.active[len(run.active)-1].overdue = true
	}
}

// finish handles the end of an attempt. It reports whether the instance accepted the message.
func (run *run) finish(ctx context.Context, a *activeAttempt) (won bool) {
	newest := run.active[len(run.active)-1] == a
	run.active = slices.DeleteFunc(run.active, func(other *activeAttempt) bool { return other == a })
	run.ended = append(run.ended, a.result)
	run.Guard(func() { run.Ended(a.result) })
	if a.result.Err == nil {
		return true
	}
	switch a.result.Err.Kind {
	case providers.Recipient:
		run.queue = nil
	case providers.Channel:
		run.queue = slices.DeleteFunc(run.queue, func(i *Instance) bool { return i.Channel() == a.instance.Channel() })
	}
	if newest { // if an older attempt fails, the instance after it has already started
		run.startNext(ctx)
	}
	return false
}

// accepted ends the race with an acceptance.
func (run *run) accepted() Outcome {
	run.won = true
	run.cancelUnsent()
	return Outcome{Accepted, run.attempts()}
}

// giveUp ends the race without an acceptance. If the result is a failure, attempts that have sent nothing yet must not send any
// more. One of them may send its request just before it is cancelled, so the result is then computed again.
func (run *run) giveUp(unknown Unknown) Outcome {
	attempts := run.attempts()
	result := resultWithoutAcceptance(attempts, unknown)
	if result != Accepted {
		run.cancelUnsent()
		attempts = run.attempts()
		result = resultWithoutAcceptance(attempts, unknown)
	}
	return Outcome{result, attempts}
}

// attempts returns all attempts. Those under way come last.
func (run *run) attempts() []Attempt {
	all := slices.Clip(run.ended)
	for _, a := range run.active {
		all = append(all, a.pending(run.entry.Message))
	}
	return all
}

// cancelUnsent cancels the attempts whose request has not been sent.
func (run *run) cancelUnsent() {
	for _, a := range run.active {
		a.cancelUnsent()
	}
}

// followActive waits in the background for the attempts that are still under way, and reports how each one ended.
func (run *run) followActive() {
	left := len(run.active)
	if left == 0 {
		return
	}
	run.Go(func() {
		for range left {
			run.finishLate(<-run.finished)
		}
	})
}

// finishLate handles the end of an attempt after the race.
func (run *run) finishLate(a *activeAttempt) {
	a.result.Late = true
	if a.result.Err == nil {
		a.result.Double, run.won = run.won, true
	}
	run.Guard(func() { run.Ended(a.result) })
	if run.entry.Late != nil {
		run.Guard(func() { run.entry.Late(a.result) })
	}
}
