package app

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/outbox"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/internal/submission"
	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// messageAPI is what the program has for the message API.
type messageAPI struct {
	submissions  *submission.Service          // nil if it is off
	eventSecrets atomic.Pointer[hook.Secrets] // by which events are signed
	eventLog     server.Throttle              // limits the log lines about events that can't be told
	usersLog     server.Throttle              // and those about a project whose keys can't be read
	stopKeys     context.CancelFunc           // ends the reading of the project's keys
}

// openAPI turns the message API on, if the settings say so, and adds its keys.
func (a *App) openAPI(c config.Config, keys *server.Keys) (err error) {
	ctx, stop := context.WithCancel(context.Background())
	a.api.stopKeys = stop
	if !c.API() {
		return nil
	}
	keys.API = c.APIKeys
	if c.APIUsers() {
		if keys.Tokens, err = a.openTokens(ctx, c); err != nil {
			return providers.Problem{Setting: config.Prefix + "API_JWKS", Want: err.Error()}
		}
	}
	events, err := a.openEvents(c)
	if err != nil {
		return providers.Problem{Setting: config.Prefix + "API_EVENTS_URL", Want: err.Error()}
	}
	settings := submission.Settings{KeyLimit: c.APILimit, UserLimit: c.APIUserLimit, Durable: a.durable()}
	a.api.submissions = submission.New(settings, a.store.queue, a.store, a.Dispatcher, a.store.sealer, events)
	a.Server.Submissions = a.api.submissions
	return nil
}

// durable reports whether the queue outlives the process.
func (a *App) durable() bool { return a.settings.Store.String() != (config.Store{}).String() }

var errUsersKeys = errors.New("the project's public keys can't be read; until they can, no user's token is valid")

func (a *App) openTokens(ctx context.Context, c config.Config) (*api.Tokens, error) {
	if !c.APIJWKS.Given() {
		return api.NewTokens(ctx, "", c.APIJWTSecret, nil, nil)
	}
	client, err := call.Guarded(a.deps.HTTP, c.APIJWKS.URL())
	if err != nil {
		return nil, err
	}
	return api.NewTokens(ctx, c.APIJWKS.URL().String(), c.APIJWTSecret, client, func(error) { // its text would quote the address
		if times, ok := a.api.usersLog.Take("keys"); ok {
			a.log.Error().Int("times", times).Msg(errUsersKeys.Error())
		}
	})
}

func (a *App) openEvents(c config.Config) (*submission.Events, error) {
	if !c.APIEventsURL.Given() {
		return nil, nil
	}
	client, err := call.Guarded(a.deps.HTTP, c.APIEventsURL.URL())
	if err != nil {
		return nil, err
	}
	a.signs(c.APIEventsSecret)
	return &submission.Events{URL: c.APIEventsURL.URL().String(), Signer: func() submission.Signer { return a.api.eventSecrets.Load() }, Client: client}, nil
}

// signs lets events be signed by these secrets from here on.
func (a *App) signs(secrets hook.Secrets) { a.api.eventSecrets.Store(&secrets) }

// messageWorker returns a worker that sends the messages of the message API.
func (a *App) messageWorker() *outbox.Worker {
	do := func(ctx context.Context, c ledger.Claimed) ledger.ItemEnd {
		begun := time.Now()
		w := a.api.submissions.Send(ctx, c)
		if w.Err != nil {
			a.untold(w.Err)
		}
		if w.Outcome.Result != dispatch.Failed || w.Outcome.Reason != nil || len(w.Outcome.Attempts) > 0 {
			a.handled(outbox.Handled{Item: c, Outcome: w.Outcome, Took: time.Since(begun), End: w.End})
		}
		return w.End
	}
	return a.newWorker(ledger.Scheduled, a.settings.Concurrency, do, func(c ledger.Claimed) { a.api.submissions.Ended(c.ID) })
}

// eventSlots is how many events are on their way at once. A receiver that is slow has no more to do than that.
const eventSlots = 64

// eventWorker returns a worker that tells callers of the message API what became of their messages.
func (a *App) eventWorker() *outbox.Worker {
	do := func(ctx context.Context, c ledger.Claimed) ledger.ItemEnd {
		end, err := a.api.submissions.Deliver(ctx, c)
		if err != nil {
			a.untold(err)
		}
		return end
	}
	return a.newWorker(ledger.Event, eventSlots, do, func(ledger.Claimed) {})
}

// untold logs now and then why a caller could not be told of a message.
func (a *App) untold(err error) {
	if times, ok := a.api.eventLog.Take(err.Error()); ok {
		a.log.Warn().Str("error", err.Error()).Int("times", times).Msg("message API: an event, or what is kept of a message, has to wait")
	}
}

// tellCaller tells the caller of a message what became of it, if it is one of the message API.
func (a *App) tellCaller(id string) {
	if a.api.submissions == nil {
		return
	}
	if err := a.api.submissions.Reported(context.Background(), id); err != nil {
		a.untold(err)
	}
}
