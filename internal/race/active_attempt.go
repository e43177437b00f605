package race

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// maxAttempt is how long an attempt may take, also after its race.
const maxAttempt = 8 * time.Second

// patience is how long an instance may take to answer.
type patience struct {
	learned    time.Duration // from its recent answers: after it, the attempt is slow, and the next instance starts
	configured time.Duration // from the settings, and not shorter: after it, the attempt is a failure for the circuit breaker
}

// activeAttempt is an attempt under way.
type activeAttempt struct {
	instance *Instance
	begunAt  time.Time

	watched *call.Watched
	cancel  context.CancelFunc
	overdue bool // the hedge timer fired before the attempt ended; only the race's goroutine may use it

	report       *breakerReport
	notCounted   atomic.Bool // the end of the attempt says nothing about the instance
	countedLater atomic.Bool // the attempt was cancelled; what happens until the configured patience is over is counted

	configuredTimer *time.Timer // fires when the configured patience is over
	learnedTimer    *time.Timer // fires when the learned patience is over; nil if that is not shorter

	result Attempt // only valid when the attempt has ended
}

// start starts the attempt. Its context is its own, because it goes on after the race and after Auth's call. It is sent to
// finished when it has ended: that channel must have room for it.
func (a *activeAttempt) start(m providers.Message, p patience, finished chan<- *activeAttempt) {
	ctx, cancel := context.WithTimeout(context.Background(), maxAttempt)
	ctx, a.watched = call.Watch(ctx)
	a.cancel = cancel
	a.configuredTimer = time.AfterFunc(p.configured, a.configuredPatienceOver)
	if p.learned < p.configured {
		a.learnedTimer = time.AfterFunc(p.learned, func() { a.learnedPatienceOver(p.configured) })
	}
	go func() {
		defer cancel()
		growStack(0)
		a.result = a.send(ctx, m)
		a.reportEnd()
		finished <- a
	}()
}

// growStack grows the goroutine's stack to the size that an HTTP request needs. The runtime copies a stack to grow it: at the
// start there is little to copy, and one copy is enough.
//
//go:noinline
func growStack(i int) byte {
	var room [8 << 10]byte
	return room[i] // with a constant index, the compiler would remove the array
}

func (a *activeAttempt) send(ctx context.Context, m providers.Message) (result Attempt) {
	result = Attempt{MessageID: m.ID, Instance: a.instance.Name, Channel: a.instance.Channel(), BegunAt: a.begunAt}
	defer func() {
		if value := recover(); value != nil {
			result.Panic = newPanic(value)
			result.Err = unclassified(errors.New("the instance's code panicked"), a.watched)
		}
		result.Took = time.Since(a.begunAt)
	}()
	if !a.instance.enter() {
		a.notCounted.Store(true) // the limit is smshook's own, so it says nothing about the instance
		result.Err = &providers.Error{Kind: providers.Temporary, Err: errors.New("too many attempts at this instance at once")}
		return result
	}
	defer a.instance.leave()
	sent, err := a.instance.Provider().Send(ctx, m)
	if err == nil {
		result.Sent, result.Segments = sent, cmp.Or(sent.Parts, m.Segments)
		return result
	}
	result.Err = failure(err, a.watched)
	if kind, ok := a.instance.Codes[result.Err.Code]; ok {
		result.Err.Kind = kind
	}
	return result
}

// pending returns the assumed result of an attempt that has not ended.
func (a *activeAttempt) pending(m providers.Message) Attempt {
	return Attempt{
		MessageID: m.ID,
		Instance:  a.instance.Name,
		Channel:   a.instance.Channel(),
		BegunAt:   a.begunAt,
		Took:      time.Since(a.begunAt),
		Err:       unclassified(errors.New("no answer yet"), a.watched),
		Pending:   true,
	}
}

// cancelUnsent cancels the attempt if its request has not been sent. After that nothing is sent. The end of a cancelled attempt
// says nothing about the instance. But if the instance was already overdue, it may be unreachable. The next instance may have
// started early, so that is decided when the configured patience is over.
func (a *activeAttempt) cancelUnsent() {
	if !a.watched.Stop() {
		return
	}
	a.countedLater.Store(a.overdue)
	a.notCounted.Store(true)
	a.cancel()
}

// reportEnd reports to the instance and its circuit breaker how the attempt ended.
func (a *activeAttempt) reportEnd() {
	if a.learnedTimer != nil {
		a.learnedTimer.Stop()
	}
	counted := breakerResult(a.result.Err)
	if counted == nil {
		a.instance.answered(a.result.Took)
	}
	switch {
	case a.countedLater.Load(): // configuredPatienceOver reports
		return
	case a.notCounted.Load():
		counted = errNotCounted
	}
	a.configuredTimer.Stop()
	a.report.done(counted)
}

// learnedPatienceOver counts a slow attempt, unless answers since its start show that the instance now needs more time.
func (a *activeAttempt) learnedPatienceOver(configured time.Duration) {
	if time.Since(a.begunAt) >= a.instance.Patience(configured) {
		a.instance.slow.add()
	}
}

// configuredPatienceOver reports a failure to the circuit breaker. For a cancelled attempt, an answer to any other attempt
// since its start shows that the instance is reachable: then nothing is counted.
func (a *activeAttempt) configuredPatienceOver() {
	if a.countedLater.Load() && a.instance.slow.answeredSince(a.begunAt) {
		a.report.done(errNotCounted)
		return
	}
	a.report.done(errFailed)
}
