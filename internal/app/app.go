// Package app puts the program together from its settings, serves, and drains.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/rs/zerolog"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// App is the program, wired.
type App struct {
	Dispatcher *dispatch.Dispatcher
	Server     *server.Server

	log zerolog.Logger
}

// New wires the program. Messages of carriers that send nothing go to out.
func New(c config.Config, log zerolog.Logger, out io.Writer) (*App, error) {
	a := &App{log: log}
	deps := providers.Deps{HTTP: call.NewClient(), Out: out}
	a.Dispatcher = &dispatch.Dispatcher{
		Budget:   c.Budget,
		CodeLife: c.CodeLife,
		Template: c.Template,
		App:      c.App,
		Race:     race.Runner{Unknown: c.Unknown, Ended: a.ended},
	}
	for _, instance := range c.Instances {
		provider, err := instance.Provider(deps)
		if err != nil {
			return nil, err
		}
		a.Dispatcher.Carriers = append(a.Dispatcher.Carriers, race.Carrier{
			Name:     instance.Name,
			Provider: provider,
			Codes:    instance.Codes,
		})
	}
	a.Server = &server.Server{
		Secrets:    c.Secrets,
		Dispatcher: a.Dispatcher,
		Texts:      server.Texts{Number: c.TextNumber, Failed: c.TextFailed},
		Log:        log,
	}
	return a, nil
}

// grace is how long calls in flight have to end at shutdown. A call takes at most its budget, under 4.5 s, and Docker kills
// after 10 s.
const grace = 8 * time.Second

// Serve answers calls on the listener until ctx ends, then lets those in flight finish.
func (a *App) Serve(ctx context.Context, listener net.Listener) error {
	srv := a.Server.HTTP()
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	a.log.Info().Msg("draining")
	a.Server.Drain()
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := srv.Shutdown(limited); err != nil {
		return errors.Join(fmt.Errorf("draining: %w", err), srv.Close())
	}
	a.log.Info().Msg("drained")
	return nil
}

// ended logs one attempt.
func (a *App) ended(t race.Attempt) {
	event := a.log.WithLevel(attemptLevel(t)).
		Str("id", t.MessageID).
		Str("carrier", t.Carrier).
		Dur("took_ms", t.Took)
	if t.Panic != nil {
		event = event.Str("panic", fmt.Sprintf("%T", t.Panic.Value)).Str("stack", string(t.Panic.Stack))
	}
	if t.Err == nil {
		event.Strs("carrier_ids", t.Sent.IDs).Msg("carrier accepted")
		return
	}
	event = event.Stringer("kind", t.Err.Kind)
	if t.Err.Code != "" {
		event = event.Str("code", t.Err.Code)
	}
	event.Str("error", t.Err.Err.Error()).Msg("carrier failed")
}

// attemptLevel is error for what only an operator can mend.
func attemptLevel(t race.Attempt) zerolog.Level {
	switch {
	case t.Panic != nil:
		return zerolog.ErrorLevel
	case t.Err == nil:
		return zerolog.InfoLevel
	case t.Err.Kind == providers.Account:
		return zerolog.ErrorLevel
	default:
		return zerolog.WarnLevel
	}
}
