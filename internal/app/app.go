// Package app builds the program from its settings, and runs it.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/metrics"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/internal/web"
	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// App is the whole program.
type App struct {
	Dispatcher *dispatch.Dispatcher
	Server     *server.Server

	// Decided is told of each request whose result is known. It may be nil, and must be set before Serve is called.
	Decided func(dispatch.Request, providers.Message, dispatch.Result)

	settings    config.Config // as at the start
	reloaded    config.Config // as loaded last
	deps        providers.Deps
	log         zerolog.Logger
	metrics     *metrics.Metrics
	store       *store
	learner     learner
	stopKeeping func()
	forgot      map[forgotten]bool                 // ranges that the guard has forgotten as operators said
	published   atomic.Pointer[postgres.Published] // what the other replicas are told
	accountLog  server.Throttle                    // limits the log lines about account problems, by instance
	queueLog    server.Throttle                    // and those about a queue that can't be asked
	version     string
	shown       atomic.Pointer[config.Config] // what the operator's page shows: the settings as loaded last
	problems    accountProblems
	page        *web.Page // nil if there is none
	api         messageAPI
}

// New builds the program and opens its store, which Close closes. Instances that only print messages print to out.
func New(c config.Config, version string, log zerolog.Logger, out io.Writer) (*App, error) {
	a := &App{settings: c, reloaded: c, deps: providers.Deps{HTTP: call.NewClient(), Out: out}, log: log, metrics: metrics.New(version), version: version}
	a.shown.Store(&c)
	instances, err := a.newInstances(c)
	if err != nil {
		return nil, err
	}
	runner := &race.Runner{Patience: c.Patience, Unknown: c.Unknown, Ended: a.ended, Panicked: a.panicked}
	if a.store, err = a.openStore(c); err != nil {
		return nil, err
	}
	a.learner, a.forgot = newLearner(c), map[forgotten]bool{}
	a.remember(context.Background())
	a.stopKeeping = a.keepOn()
	settings := dispatchSettings(c)
	settings.Guard, settings.Learned = a.learner.guard, a.learner.order
	a.Dispatcher = dispatch.New(settings, a.store, instances, runner, dispatch.Events{
		Decided: func(r dispatch.Request, m providers.Message, result dispatch.Result) {
			a.guard(func() { a.decided(r, m, result) })
		},
		Reported: func(r ledger.Report) { a.guard(func() { a.reported(r) }) },
		Resent:   func(id string) { a.guard(func() { a.tellCaller(id) }) },
		FellBack: func(f dispatch.Fallback) { a.guard(func() { a.fellBack(f) }) },
		Judged:   func(m ledger.Message) { a.guard(func() { a.judged(m) }) },
	})
	a.metrics.Limits(a.Dispatcher.Policy.NoSource, a.store.forgotten)
	a.metrics.Messages(a.store.Forgotten)
	if a.learner.guard != nil {
		a.metrics.Guard(a.learner.guard.Counts)
	}
	a.metrics.Store(a.store.missed)
	a.Server = &server.Server{
		Dispatcher: a.Dispatcher,
		Sentences:  sentences(c),
		Metrics:    a.metrics,
		Log:        log,
	}
	keys := &server.Keys{Hook: c.Secrets, Auth0: c.Auth0Secrets, Receipts: c.Addresses(), UnsignedReceipts: c.UnsignedReceipts}
	if err := a.openAPI(c, keys); err != nil {
		a.Close()
		return nil, err
	}
	a.Server.Keys.Store(keys)
	a.warnOfUnsigned(c)
	a.publish(c)
	if a.store.database != nil || c.API() {
		a.watchOutbox(c)
	}
	if a.store.database != nil {
		go a.agree(a.store.watched, a.store.database)
	}
	return a, nil
}

func dispatchSettings(c config.Config) dispatch.Settings {
	return dispatch.Settings{
		CallerWaits: hook.AuthWaits,
		Budget:      c.Budget,
		Concurrency: c.Concurrency,
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
		ResendWindow: c.ResendWindow,
		CodeLife:     max(c.CodeLife, dispatch.DefaultLife),
		MaxWaiting:   c.Concurrency,
		LateFallback: c.LateFallback == "on" && c.Addresses().On(),
	}
}

func sentences(c config.Config) server.Sentences {
	return server.Sentences{JustSent: c.TextJustSent, TooMany: c.TextTooMany, Number: c.TextNumber, Failed: c.TextFailed}
}

// newInstances returns the instances of the settings, in their order, and registers their metrics.
func (a *App) newInstances(c config.Config) ([]*race.Instance, error) {
	opened, err := a.open(c)
	if err != nil {
		return nil, err
	}
	var instances []*race.Instance
	for i, configured := range c.Providers {
		instance := race.NewInstance(configured.Name, opened[i], configured.Codes, c.Concurrency)
		instances = append(instances, instance)
		a.metrics.Instance(instance.Name)
		a.metrics.InstancePatience(instance.Name, func() time.Duration { return instance.Patience(c.Patience) })
		for _, state := range race.States {
			a.metrics.BreakerState(instance.Name, string(state), func() bool { return instance.State() == state })
		}
	}
	return instances, nil
}

// open opens the instances of the settings, in their order. An instance gets no receipt address if its receipts would be refused.
func (a *App) open(c config.Config) ([]providers.Provider, error) {
	var opened []providers.Provider
	for _, instance := range c.Providers {
		deps := a.deps
		deps.Callback = c.Addresses().Of(instance.Name)
		provider, err := instance.Provider(deps)
		if err == nil && Unsigned(provider) != "" && !slices.Contains(c.UnsignedReceipts, instance.Name) {
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

// Unsigned says why the signature of an instance's receipts can't be checked. It is empty if the signature can be checked, or if there are
// no receipts.
func Unsigned(p providers.Provider) string {
	receiver, ok := providers.As[providers.Receiver](p)
	if !ok {
		return ""
	}
	return receiver.Setup().Unsigned
}

// warnOfUnsigned logs the instances whose receipts are refused.
func (a *App) warnOfUnsigned(c config.Config) {
	if !c.Addresses().On() {
		return
	}
	for _, instance := range a.Dispatcher.Instances {
		if Unsigned(instance.Provider()) != "" && !slices.Contains(c.UnsignedReceipts, instance.Name) {
			a.log.Warn().Str("instance", instance.Name).Msg("receipts are refused: their signature can't be checked (smshook check says why)")
		}
	}
}

// Together with a second of linger, both are less than the 10 s after which Docker kills the process.
const (
	// grace is how long running calls, and what a worker sends, may take at shutdown. The server's own timeouts end each call before.
	grace = 7 * time.Second

	// lateGrace is how long attempts and late fallbacks may take after the last call has been answered. It is short: until the next
	// process listens, Auth's calls are refused, and Auth repeats them for 4 s only.
	lateGrace = time.Second
)

// Serve answers calls on the listener, and the operator on admin, which may be nil. When ctx ends, /readyz answers 503. After linger, it
// takes no more calls, and waits for the running ones. Attempts that are still running after these may be left unfinished: that is
// logged, and is no error.
func (a *App) Serve(ctx context.Context, listener, admin net.Listener, linger time.Duration) error {
	a.Dispatcher.Resume()
	if admin != nil {
		a.openPage(admin.Addr())
	}
	public := a.Server.HTTP(a.Server.Handler())
	operator := a.Server.HTTP(a.Server.Admin())
	active := watchActive(public)
	work := a.work(ctx)
	served := make(chan error, 2)
	go func() { served <- public.Serve(listener) }()
	if admin != nil {
		go func() { served <- operator.Serve(admin) }()
	}
	select {
	case err := <-served:
		return errors.Join(fmt.Errorf("serving: %w", err), public.Close(), operator.Close())
	case <-ctx.Done():
	}
	a.log.Info().Msg("draining")
	a.Server.Drain()
	time.Sleep(linger)
	_ = public.Shutdown(ctx) // ctx has ended: this closes the port and idle connections, and doesn't wait
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := active.wait(limited); err != nil {
		return errors.Join(fmt.Errorf("draining: %w", err), public.Close(), operator.Close())
	}
	work.finish()
	work.wait(limited)
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), lateGrace)
	defer cancel()
	work.abort(late)
	if err := a.Dispatcher.Drain(late); err != nil {
		a.log.Warn().Err(err).Msg("attempts left unfinished")
	}
	if err := active.wait(limited); err != nil { // for requests on connections that had no byte yet when the port closed
		return errors.Join(fmt.Errorf("draining: %w", err), public.Close(), operator.Close())
	}
	a.log.Info().Msg("drained")
	return errors.Join(public.Close(), operator.Close())
}
