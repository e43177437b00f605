package race

import (
	"sync/atomic"
	"time"

	"github.com/smshook/smshook/providers"
)

// Instance is one configured account of a provider, with what its recent answers say about it. It may be used concurrently.
type Instance struct {
	Name  string          // as in SMSHOOK_PROVIDERS
	Codes providers.Codes // the operator's kinds for the provider's error codes; these override the provider's own

	provider atomic.Pointer[providers.Provider]
	slots    chan struct{} // holds one element for each attempt under way

	breaker breaker
	times   answerTimes
	slow    slowStreak
}

// NewInstance returns an Instance that makes at most the given number of attempts at once.
func NewInstance(name string, p providers.Provider, codes providers.Codes, concurrency int) *Instance {
	i := &Instance{Name: name, Codes: codes, breaker: newBreaker(name), slots: make(chan struct{}, concurrency)}
	i.Replace(p)
	return i
}

// Provider returns the provider that new attempts use.
func (i *Instance) Provider() providers.Provider { return *i.provider.Load() }

// Replace makes new attempts use another Provider: the same account with other credentials. Attempts under way keep the one
// they started with.
func (i *Instance) Replace(p providers.Provider) { i.provider.Store(&p) }

// Patience is how long the next instance waits for an answer of this one. It is at most the given time, and shorter if this
// instance usually answers sooner.
func (i *Instance) Patience(most time.Duration) time.Duration { return i.times.patience(most) }

// State returns the state of the instance's circuit breaker.
func (i *Instance) State() State { return i.breaker.state() }

// Channel returns how the instance's messages travel. It is "sms" unless the provider says otherwise.
func (i *Instance) Channel() string {
	if p, ok := providers.As[providers.Channeler](i.Provider()); ok {
		return p.Channel()
	}
	return "sms"
}

// calls reports whether the instance speaks the code in a call. Such an instance disturbs: it isn't started beside an attempt that may
// still be accepted, unless there is no more time to wait.
func (i *Instance) calls() bool { return i.Channel() == providers.Voice }

// answered notes an answer that shows that the instance works, and the time that the answer took.
func (i *Instance) answered(took time.Duration) {
	i.slow.reset()
	i.times.add(took)
}

// enter takes a slot for an attempt, and reports whether one was free.
func (i *Instance) enter() bool {
	select {
	case i.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// leave gives the slot back.
func (i *Instance) leave() { <-i.slots }
