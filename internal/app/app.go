// Package app puts the program together from its settings, serves, and drains.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/metrics"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// App is the program, wired.
type App struct {
	Dispatcher *dispatch.Dispatcher
	Server     *server.Server

	settings  config.Config    // as they were at the start
	instances config.Instances // as they are now
	deps      providers.Deps
	log       zerolog.Logger
	metrics   *metrics.Metrics
	store     *store
	alarm     server.Throttle // by instance, of those that need an operator
}

// New wires the program, of some version, and opens its store: App.Close closes it. Messages of instances that send nothing go to out.
func New(c config.Config, version string, log zerolog.Logger, out io.Writer) (*App, error) {
	a := &App{settings: c, instances: c.Instances, deps: providers.Deps{HTTP: call.NewClient(), Out: out}, log: log, metrics: metrics.New(version)}
	instances, err := a.newInstances(c)
	if err != nil {
		return nil, err
	}
	runner := &race.Runner{Patience: c.Patience, Unknown: c.Unknown, Ended: a.ended, Panicked: a.panicked}
	if a.store, err = a.openStore(c); err != nil {
		return nil, err
	}
	a.Dispatcher = dispatch.New(dispatchSettings(c), a.store, instances, runner, dispatch.Events{
		Reported: func(r ledger.Report) { a.guard(func() { a.reported(r) }) },
		FellBack: func(f dispatch.Fallback) { a.guard(func() { a.fellBack(f) }) },
	})
	a.metrics.Limits(a.Dispatcher.Policy.NoSource, a.store.forgotten)
	a.metrics.Messages(a.store.Forgotten)
	a.metrics.Store(a.store.missed)
	a.Server = &server.Server{
		Dispatcher: a.Dispatcher,
		Sentences:  sentences(c),
		Metrics:    a.metrics,
		Log:        log,
	}
	a.Server.Keys.Store(&server.Keys{Hook: c.Secrets, Receipts: c.Addresses(), Unsigned: c.Unsigned})
	a.warnOfUnsigned(c)
	return a, nil
}

func dispatchSettings(c config.Config) dispatch.Settings {
	return dispatch.Settings{
		CallerWaits: hook.AuthWaits,
		Budget:      c.Budget,
		Concurrency: c.AtOnce,
		CodeLife:    c.CodeLife,
		PhoneCheck:  c.PhoneCheck,
		Policy:      c.PolicySettings(),
		Texts:       c.Texts,
		Routes:      c.Routes,
	}
}

func ledgerSettings(c config.Config) ledger.Settings {
	return ledger.Settings{
		CallerWaits:  hook.AuthWaits,
		ResendWindow: c.Resend,
		CodeLife:     max(c.CodeLife, dispatch.DefaultLife),
		MaxWaiting:   c.AtOnce,
		LateFallback: c.LateFallback == "on" && c.Addresses().On(),
	}
}

func sentences(c config.Config) server.Sentences {
	return server.Sentences{JustSent: c.TextJustSent, TooMany: c.TextTooMany, Number: c.TextNumber, Failed: c.TextFailed}
}

// newInstances returns those of the settings, in their order, all of them counted.
func (a *App) newInstances(c config.Config) ([]*race.Instance, error) {
	opened, err := a.open(c)
	if err != nil {
		return nil, err
	}
	var instances []*race.Instance
	for i, configured := range c.Instances {
		instance := race.NewInstance(configured.Name, opened[i], configured.Codes, c.AtOnce)
		instances = append(instances, instance)
		a.metrics.Instance(instance.Name)
		a.metrics.InstancePatience(instance.Name, func() time.Duration { return instance.Patience(c.Patience) })
		for _, state := range race.States {
			a.metrics.BreakerState(instance.Name, string(state), func() bool { return instance.State() == state })
		}
	}
	return instances, nil
}

// open opens the accounts of the settings, in their order. Those whose receipts would be refused ask for none.
func (a *App) open(c config.Config) ([]providers.Provider, error) {
	var opened []providers.Provider
	for _, instance := range c.Instances {
		deps := a.deps
		deps.Callback = c.Addresses().Of(instance.Name)
		provider, err := instance.Provider(deps)
		if err == nil && Unsigned(provider) != "" && !slices.Contains(c.Unsigned, instance.Name) {
			deps.Callback = providers.Callback{}
			provider, err = instance.Provider(deps)
		}
		if err != nil {
			return nil, err
		}
		opened = append(opened, provider)
	}
	return opened, nil
}

// Unsigned says why nothing proves who reports what becomes of an instance's messages. It is empty if a signature does, or if nobody
// reports.
func Unsigned(p providers.Provider) string {
	receiver, ok := p.(providers.Receiver)
	if !ok {
		return ""
	}
	return receiver.Setup().Unsigned
}

// warnOfUnsigned logs which instances' receipts are refused.
func (a *App) warnOfUnsigned(c config.Config) {
	if !c.Addresses().On() {
		return
	}
	for _, instance := range a.Dispatcher.Instances {
		if Unsigned(instance.Provider()) != "" && !slices.Contains(c.Unsigned, instance.Name) {
			a.log.Warn().Str("instance", instance.Name).Msg("receipts are refused: no signature can be checked (smshook check tells why)")
		}
	}
}

// With a second of lingering before, both stay under the 10 s after which Docker kills.
const (
	// grace is how long the calls in flight have to be answered at shutdown. The server cuts each off before.
	grace = 7 * time.Second

	// lateGrace is how long attempts and late fallbacks have to end once every call has been answered. Nobody waits for them but
	// the log, while every call of Auth's is refused until the next process listens; and what Auth can wait for that is 4 s.
	lateGrace = time.Second
)

// Serve answers calls on the listener, and the operator on admin if there is one, until ctx ends. Then /readyz says no; having
// lingered, it takes no more calls and lets those in flight finish. What goes on after them may be left unfinished: it is no
// error, but told in the log.
func (a *App) Serve(ctx context.Context, listener, admin net.Listener, linger time.Duration) error {
	a.Dispatcher.Resume()
	front := a.Server.HTTP(a.Server.Handler())
	back := a.Server.HTTP(a.Server.Admin())
	calls := watch(front)
	served := make(chan error, 2)
	go func() { served <- front.Serve(listener) }()
	if admin != nil {
		go func() { served <- back.Serve(admin) }()
	}
	select {
	case err := <-served:
		return errors.Join(fmt.Errorf("serving: %w", err), front.Close(), back.Close())
	case <-ctx.Done():
	}
	a.log.Info().Msg("draining")
	a.Server.Drain()
	time.Sleep(linger)
	_ = front.Shutdown(ctx) // as ctx has ended, it closes the port and what is idle, and doesn't wait
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := calls.wait(limited); err != nil {
		return errors.Join(fmt.Errorf("draining: %w", err), front.Close(), back.Close())
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), lateGrace)
	defer cancel()
	if err := a.Dispatcher.Drain(late); err != nil {
		a.log.Warn().Err(err).Msg("left unfinished")
	}
	if err := calls.wait(limited); err != nil { // on connections that were new when the port closed
		return errors.Join(fmt.Errorf("draining: %w", err), front.Close(), back.Close())
	}
	a.log.Info().Msg("drained")
	return errors.Join(front.Close(), back.Close())
}
