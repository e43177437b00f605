package race

import (
	"slices"
	"time"
)

// newRun prepares a race. The instances are queued in this order:
//
//  1. one with a half-open circuit breaker, if there is one: only a real message can show that it works again;
//  2. those with a closed circuit breaker;
//  3. of these, those that are slow now;
//  4. those with an open circuit breaker, and half-open ones that have their trial in another race. They are last, but never
//     left out.
//
// An instance that calls keeps its place among those that send texts: a trial, or a text that takes a second longer, is no reason to
// call a user. Only an open circuit breaker moves it, or the texts before it.
func (r *Runner) newRun(e Entry) *run {
	run := &run{
		Runner:   r,
		entry:    e,
		deadline: e.Deadline,
		finished: make(chan *activeAttempt, len(e.Route)),
		hedge:    time.NewTimer(time.Hour), // startNext sets the real time
	}
	closed := make([]*Instance, 0, len(e.Route))
	var trial, slow, open []*Instance
	working := 0
	for n, i := range e.Route {
		calls := i.calls()
		if n > 0 && calls != e.Route[n-1].calls() {
			closed, slow = append(closed, slow...), nil
		}
		switch state := i.State(); {
		case state == HalfOpen && calls:
			closed = append(closed, i)
		case state == HalfOpen && run.takeTrial(i):
			trial = append(trial, i)
		case state != Closed:
			open = append(open, i)
		case i.slow.isSlow(r.Patience):
			slow = append(slow, i)
			working++
		default:
			closed = append(closed, i)
			working++
		}
	}
	run.queue = slices.Concat(trial, closed, slow, open)
	if working == 0 {
		run.shortenDeadline()
	}
	return run
}

// takeTrial reports whether this race is the trial of the instance. A race makes one trial at most. An instance that has
// probably lost the last message to this user gets none: the user must not lose two in a row.
func (run *run) takeTrial(i *Instance) bool {
	if run.trial != nil || i.Name == run.entry.Lost {
		return false
	}
	run.trial = i.breaker.begin()
	return run.trial != nil
}

// shortenDeadline limits a race without a closed circuit breaker to one patience. Auth holds a database connection while it
// waits, and the wait is probably useless. A single instance keeps all the time if an unknown result is a failure: the
// instance may only be slow.
func (run *run) shortenDeadline() {
	if len(run.entry.Route) == 1 && run.Unknown == FailUnknown {
		return
	}
	deadline := run.entry.ReceivedAt.Add(run.Patience)
	if earliest := time.Now().Add(2 * minTime); deadline.Before(earliest) {
		deadline = earliest // with a short patience, no instance could start
	}
	if deadline.Before(run.deadline) {
		run.deadline = deadline
	}
}
