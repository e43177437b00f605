package ledger

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// mostWait is how long one call waits for the store, in all its exchanges together. A caller waits 5 s for the answer and a
	// provider takes half a second, so no user notices this.
	mostWait = 150 * time.Millisecond
	// runsOn is how long an exchange may take at most. One that is given up is not cancelled, since a driver may have to close the
	// connection for that. Its answer is noted when it comes.
	runsOn = 2 * time.Second
)

var (
	// ErrAway means that the store can't be reached, and that the answer can't be given without it.
	ErrAway = errors.New("the store can't be reached")

	errSlow    = errors.New("the store takes too long to answer")
	errPanic   = errors.New("a bug: asking the store has panicked")
	errGivenUp = errors.New("the exchange with the store was given up")
)

// budget is how long a call may still wait for the store. It may be used concurrently.
type budget struct{ left atomic.Int64 }

func newBudget(d time.Duration) *budget {
	b := new(budget)
	b.left.Store(int64(d))
	return b
}

func (b *budget) spend(d time.Duration) { b.left.Add(-int64(d)) }

// answered reports whether an error is an answer of the store, and not a failure.
func answered(err error) bool {
	return err == nil || errors.Is(err, ErrReplayed) || errors.Is(err, ErrNoTime) || errors.Is(err, ErrCrowded) ||
		errors.Is(err, ErrStopped)
}

// exchange asks the store once, and waits for the answer as long as the budget allows and until ctx ends. It also returns how long
// that took; the caller takes it out of the budget. If the error is errGivenUp or that of ctx, late is called when the exchange has
// ended; otherwise late is not called. Other errors are answers, or mean that the store can't be reached.
func exchange[T any](
	ctx context.Context, s *Shared, b *budget, ask func(context.Context) (T, error), late func(T, error),
) (value T, took time.Duration, err error) {
	type answer struct {
		value T
		err   error
	}
	left := time.Duration(b.left.Load())
	if left <= 0 {
		s.counts.skipped.Add(1)
		return value, 0, errSlow
	}
	ticket, allowed := s.breaker.allow()
	if !allowed {
		s.counts.skipped.Add(1)
		return value, 0, ErrAway
	}
	answers, givenUp := make(chan answer), make(chan struct{})
	var noted sync.Once // the answer, or that there is none
	began := time.Now()
	note := func(err error) { noted.Do(func() { s.note(ticket, time.Since(began), err) }) }
	// A call with little time left gives up early, which says nothing about the store.
	slow := time.AfterFunc(max(left, mostWait), func() { note(errSlow) })
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), runsOn)
	go func() {
		defer cancel()
		var a answer
		a.value, a.err = guarded(asking, ask)
		slow.Stop()
		select {
		case answers <- a:
		case <-givenUp:
			note(a.err)
			late(a.value, a.err)
		}
	}()
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case a := <-answers:
		note(a.err)
		return a.value, time.Since(began), a.err
	case <-timer.C:
		if left >= mostWait {
			note(errSlow)
		}
		err = errGivenUp
	case <-ctx.Done():
		err = ctx.Err()
	}
	close(givenUp)
	return value, time.Since(began), err
}

// guarded asks the store. A panic becomes an error: no bug of a driver may end the program, or keep a message from being sent.
func guarded[T any](ctx context.Context, ask func(context.Context) (T, error)) (value T, err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	return ask(ctx)
}

// note notes for the breaker how an exchange has ended. A receipt or a sweep may take longer than a call; then the answer doesn't say that
// calls are answered in time.
func (s *Shared) note(t ticket, took time.Duration, err error) {
	slow := took > mostWait
	switch {
	case !answered(err):
		s.counts.errors.Add(1)
		s.breaker.failed(t, err)
	case slow && t.probe != 0:
		s.breaker.failed(t, errSlow)
	case !slow && s.breaker.succeeded(t):
		go s.write(context.Background())
	}
}
