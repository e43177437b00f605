package race

import (
	"errors"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/smshook/smshook/providers"
)

const (
	failuresToOpen = 5                // in a row
	openTime       = 30 * time.Second // from open to half-open
)

// breaker is the circuit breaker of one instance. An open one moves its instance to the end of the route. The instance is never
// removed: when all others fail, it is tried too.
//
// gobreaker's two-step kind is used because an attempt without an answer must count when the patience is over, not when the
// attempt ends. It has two properties to know. A trial that is never reported keeps the breaker half-open forever. A breaker
// goes from open to half-open only when its state is read.
type breaker struct {
	twoStep *gobreaker.TwoStepCircuitBreaker[struct{}]
}

func newBreaker(name string) breaker {
	return breaker{gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        name,
		MaxRequests: 1,
		Timeout:     openTime,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failuresToOpen },
		IsExcluded:  func(err error) bool { return errors.Is(err, errNotCounted) },
	})}
}

// State is the state of an instance's circuit breaker.
type State string

const (
	Closed   State = "closed"    // the instance works
	HalfOpen State = "half-open" // one message at a time tries the instance first: its trial
	Open     State = "open"      // the instance is tried last
)

// States lists all states.
var States = []State{Closed, HalfOpen, Open}

func (b breaker) state() State {
	switch b.twoStep.State() {
	case gobreaker.StateClosed:
		return Closed
	case gobreaker.StateHalfOpen:
		return HalfOpen
	default:
		return Open
	}
}

// begin returns the report for the next attempt. The report is nil if the breaker counts no attempt now: it is open, or half-open
// with a trial under way.
func (b breaker) begin() *breakerReport {
	done, err := b.twoStep.Allow()
	if err != nil {
		return nil
	}
	return &breakerReport{report: done}
}

// breakerReport reports the result of one attempt to the breaker. The first result counts, and there must be one. A nil
// breakerReport reports nothing.
type breakerReport struct {
	once   sync.Once
	report func(error)
}

// The results of an attempt for the breaker are nil for a success, and these two.
var (
	errFailed     = errors.New("failed")
	errNotCounted = errors.New("not counted") // says nothing about the instance
)

func (r *breakerReport) done(result error) {
	if r != nil {
		r.once.Do(func() { r.report(result) })
	}
}

// breakerResult returns what an answer means for the breaker. An error that depends on the destination is a success: users
// choose the destination, and one user must not be able to open the breaker for all.
func breakerResult(err *providers.Error) error {
	if err == nil {
		return nil
	}
	switch err.Kind {
	case providers.Rejected, providers.Channel, providers.Recipient:
		return nil
	default:
		return errFailed
	}
}
