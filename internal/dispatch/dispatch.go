// Package dispatch takes one request for a code from the number to the provider. It knows nothing of HTTP, nor of who asks.
package dispatch

import (
	"cmp"
	"context"
	"sync/atomic"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/message"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/race"
)

// Dispatcher sends codes. It may be used concurrently.
type Dispatcher struct {
	Instances []*race.Instance // in the order in which they are tried where no route says otherwise
	Policy    *policy.Policy

	settings Settings
	ledger   ledger.Ledger
	runner   *race.Runner
	events   Events
	callers  callers
	resends  resends
	refusals refusals
	guards   guards
	sweeping atomic.Bool
	texts    atomic.Pointer[message.Texts]
	slots    chan struct{}
}

// New returns a Dispatcher. Every instance that a route names must be among the instances.
func New(s Settings, l ledger.Ledger, instances []*race.Instance, runner *race.Runner, events Events) *Dispatcher {
	d := &Dispatcher{
		Instances: instances,
		Policy:    policy.New(s.Policy),
		settings:  s,
		ledger:    l,
		runner:    runner,
		events:    events,
		slots:     make(chan struct{}, s.Concurrency),
	}
	d.SetTexts(s.Texts)
	return d
}

// SetTexts lets the messages to come have other texts.
func (d *Dispatcher) SetTexts(t *message.Texts) { d.texts.Store(t) }

// Send returns when an instance has accepted the message, when none will, or when the time is used up. If ctx ends first, Auth
// drops the code: no further attempt starts, and attempts whose request was not written yet are cancelled.
func (d *Dispatcher) Send(ctx context.Context, r Request) Outcome {
	// The number, the lists and the guard can refuse a request. One that they let through has a message, and charges of rate limits.
	j, refused := d.check(r)
	if refused != nil {
		d.refuse(ctx, r, *refused)
		return *refused
	}

	// The ledger says whether the message is to be sent: it knows repeats, other messages of the flow, and the rate limits.
	waiting, leave := d.callers.join(ctx, r.ID)
	defer leave()
	begun, err := d.begin(ctx, j)
	if err != nil {
		return Outcome{Result: Failed, Number: j.number, Reason: err}
	}
	if begun.Repeat {
		return Outcome{Result: begun.Result, Number: j.number, Reason: errRepeat}
	}
	verdict, reason := d.verdict(j, begun)
	if !begun.Go {
		d.decided(j, begun.Result)
		return Outcome{Result: begun.Result, Number: j.number, Verdict: verdict, Reason: cmp.Or(reason, errJustSent)}
	}

	// A race gets the message accepted by one of the instances of its route, and the ledger notes what came of it.
	raced, err := d.race(waiting, j, begun)
	result := d.end(waiting, j, begun, raced)
	d.decided(j, result)
	return Outcome{Result: result, Number: j.number, Lost: begun.Lost, Attempts: raced.Attempts, Verdict: verdict, Reason: cmp.Or(err, reason)}
}

// Drain waits for messages that are under way although their request has been answered, until ctx ends.
func (d *Dispatcher) Drain(ctx context.Context) error { return d.runner.Drain(ctx) }
