package race

import (
	"errors"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/smshook/smshook/providers"
)

// An instance's breaker opens after so many bad words in a row, and is tried again after the rest.
const (
	badWords = 5
	rest     = 30 * time.Second
)

// health is one instance's breaker. An open one moves the instance to the end of the route, never out of it: the last resort is
// still a resort.
//
// It is the two-step kind, because a hang has to count when the patience ends, not when the instance's answer comes. Two
// traps of it: a trial whose verdict is never told keeps the breaker half-open for ever, and a look at the state is what
// moves it from open to half-open.
type health struct {
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	pace    pace
	doubt   doubt
}

func newHealth(name string) *health {
	return &health{breaker: gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        name,
		MaxRequests: 1,
		Timeout:     rest,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= badWords },
		IsExcluded:  func(err error) bool { return errors.Is(err, errNoWord) },
	})}
}

// State is what an instance's breaker thinks of it.
type State string

const (
	Healthy State = "healthy"
	OnTrial State = "on trial" // it has rested, and one message at a time tries it first
	Resting State = "resting"  // tried last
)

// States are all there are.
var States = []State{Healthy, OnTrial, Resting}

func (h *health) state() State {
	switch h.breaker.State() {
	case gobreaker.StateClosed:
		return Healthy
	case gobreaker.StateHalfOpen:
		return OnTrial
	default:
		return Resting
	}
}

// ask returns where to tell how an attempt goes; nil if the breaker doesn't want to know, because the instance rests or
// somebody else has the trial.
func (h *health) ask() *verdict {
	done, err := h.breaker.Allow()
	if err != nil {
		return nil
	}
	return &verdict{done: done}
}

// verdict takes the first word about one attempt. It must be told one. A nil verdict takes none.
type verdict struct {
	once sync.Once
	done func(error)
}

// The words. errNoWord is for what says nothing about the instance.
var (
	errBadWord = errors.New("bad")
	errNoWord  = errors.New("no word")
)

func (v *verdict) tell(word error) {
	if v != nil {
		v.once.Do(func() { v.done(word) })
	}
}

// wordFor is what an answer says about the instance that gave it. What depends on the destination counts as a sign of life:
// anybody can choose a destination, and must not be able to demote an instance for everybody.
func wordFor(err *providers.Error) error {
	if err == nil {
		return nil
	}
	switch err.Kind {
	case providers.Rejected, providers.Channel, providers.Recipient:
		return nil
	default:
		return errBadWord
	}
}
