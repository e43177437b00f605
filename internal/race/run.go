package race

import (
	"context"
	"slices"
	"time"

	"github.com/smshook/smshook/providers"
)

// run is one race under way. It belongs to the goroutine that runs it.
type run struct {
	*Runner
	entry    Entry
	deadline time.Time
	trial    *verdict // of the first in the queue, if that is on trial
	queue    []*Instance
	flying   []*flight
	landed   chan *flight
	ended    []Attempt
	bell     *time.Timer // rings when the patience of the newest attempt is over, and at the deadline
	won      bool        // an instance has accepted
}

// lineUp puts those that rest at the end, before them those that are in doubt, and one that has rested, if there is one, to the front: it needs a real message to
// show that it is well again, and other messages in the meantime try it last.
func (r *Runner) lineUp(e Entry) *run {
	run := &run{Runner: r, entry: e, deadline: e.Deadline, landed: make(chan *flight, len(e.Route)), bell: time.NewTimer(time.Hour)}
	run.queue = make([]*Instance, 0, len(e.Route))
	var rested, doubtful, sick []*Instance
	for _, c := range e.Route {
		switch state := c.State(); {
		case state == Healthy && c.health.doubt.stands(run.Patience):
			doubtful = append(doubtful, c)
		case state == Healthy:
			run.queue = append(run.queue, c)
		case state == OnTrial && run.trial == nil && c.Name != e.Lost:
			if run.trial = c.health.ask(); run.trial != nil {
				rested = append(rested, c)
				continue
			}
			fallthrough
		default:
			sick = append(sick, c)
		}
	}
	if len(run.queue)+len(doubtful) == 0 {
		run.hurry()
	}
	run.queue = slices.Concat(rested, run.queue, doubtful, sick)
	return run
}

// hurry shortens the race to one patience: Auth holds a database connection while it waits, and where nothing works it isn't
// made to wait for long. A single instance has all the time where silence is a failure: it may just be slow.
func (run *run) hurry() {
	if len(run.entry.Route) == 1 && run.Unknown == FailUnknown {
		return
	}
	deadline := run.entry.ReceivedAt.Add(run.Patience)
	if least := time.Now().Add(2 * leastTime); deadline.Before(least) {
		deadline = least // a patience that is short must not leave too little to begin anything
	}
	if deadline.Before(run.deadline) {
		run.deadline = deadline
	}
}

// next starts the next instance, if there is one, time for it, and anybody who waits.
func (run *run) next(ctx context.Context) {
	left := time.Until(run.deadline)
	if len(run.queue) == 0 || ctx.Err() != nil || left < leastTime/2 {
		run.bell.Reset(left)
		return
	}
	c := run.queue[0]
	share := left / time.Duration(len(run.queue))
	run.queue = run.queue[1:]
	p := patiences{learned: c.Patience(run.Patience), most: run.Patience}
	v := run.trial
	run.trial = nil
	if v != nil {
		p.learned = min(p.most, trialPatience) // what it did before it failed says nothing about how it comes back
	} else {
		v = c.health.ask()
	}
	began := time.Now()
	if run.entry.Begins != nil {
		run.entry.Begins(Attempt{MessageID: run.entry.Message.ID, Instance: c.Name, BegunAt: began, Pending: true})
	}
	// However soon the next one starts, this one is judged by its whole patience: a share of what is left says nothing.
	run.flying = append(run.flying, fly(run.entry.Message, began, c, v, p, run.landed))
	run.bell.Reset(min(share, p.learned))
}

// silent notes that the newest attempt has been silent for its patience.
func (run *run) silent() {
	if len(run.flying) > 0 {
		run.flying[len(run.flying)-1].silent = true
	}
}

// land notes the end of an attempt, and reports whether it won.
func (run *run) land(ctx context.Context, f *flight) (won bool) {
	newest := run.flying[len(run.flying)-1] == f
	run.flying = slices.DeleteFunc(run.flying, func(o *flight) bool { return o == f })
	run.ended = append(run.ended, f.result)
	run.Guard(func() { run.Ended(f.result) })
	if f.result.Err == nil {
		return true
	}
	switch f.result.Err.Kind {
	case providers.Recipient:
		run.queue = nil
	case providers.Channel:
		run.queue = slices.DeleteFunc(run.queue, func(c *Instance) bool { return c.Channel() == f.instance.Channel() })
	}
	if newest { // an older one's failure starts nothing: its successor is under way
		run.next(ctx)
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
	run.Go(func() {
		for range left {
			f := <-run.landed
			f.result.Late = true
			if f.result.Err == nil {
				f.result.Double, run.won = run.won, true
			}
			run.Guard(func() { run.Ended(f.result) })
			if run.entry.Late != nil {
				run.Guard(func() { run.entry.Late(f.result) })
			}
		}
	})
}

func (run *run) accepted() Outcome {
	run.won = true
	run.recall()
	return Outcome{Accepted, run.attempts()}
}

// attempts are all of them, those under way last.
func (run *run) attempts() []Attempt {
	all := slices.Clip(run.ended)
	for _, f := range run.flying {
		all = append(all, f.pending(run.entry.Message))
	}
	return all
}

// giveUp says what a race without an acceptance comes to. If it is a failure, what has not left yet must not leave any more;
// and since it may have left in this moment, it is looked at once again.
func (run *run) giveUp(unknown Unknown) Outcome {
	outcome := run.judge(unknown)
	if outcome.Result != Accepted {
		run.recall()
		outcome = run.judge(unknown)
	}
	return outcome
}

func (run *run) judge(unknown Unknown) Outcome {
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
	return outcome
}
