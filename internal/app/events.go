package app

import (
	"fmt"
	"runtime/debug"

	"github.com/rs/zerolog"

	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/metrics"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
)

// ended counts an attempt, and logs what the line of the hook can't tell: attempts that end when that is written, and what only
// an operator can mend.
func (a *App) ended(t race.Attempt) {
	kind := metrics.Accepted
	if t.Err != nil {
		kind = t.Err.Kind.String()
	}
	a.metrics.Attempt(t.Instance, kind, t.Took, t.Segments)
	if t.Double {
		a.metrics.Double(t.Instance)
	}
	switch {
	case t.Panic != nil:
		a.metrics.Panic()
		event := a.log.Error().Str("id", t.MessageID).Str("type", t.Panic.Type).Str("stack", string(t.Panic.Stack))
		server.Attempt(event, t).Msg("instance panicked")
	case t.Err != nil && t.Err.Kind == providers.Account:
		if times, ok := a.alarm.Take(t.Instance); ok {
			event := a.log.Error().Str("id", t.MessageID).Int("times", times)
			server.Attempt(event, t).Msg("instance's account needs an operator")
		}
	case t.Late && t.Err != nil:
		server.Attempt(a.log.Warn().Str("id", t.MessageID), t).Msg("instance failed late")
	case t.Late:
		server.Attempt(a.log.Info().Str("id", t.MessageID), t).Msg("instance accepted late")
	}
}

// panicked counts and logs a bug that ended nothing.
func (a *App) panicked(p race.Panic) {
	a.metrics.Panic()
	a.log.Error().Str("type", p.Type).Str("stack", string(p.Stack)).Msg("panic")
}

// guard runs f, which timers and goroutines call that nobody else guards: a bug in what is counted or logged must not end the
// program.
func (a *App) guard(f func()) {
	defer func() {
		if value := recover(); value != nil {
			a.panicked(race.Panic{Type: fmt.Sprintf("%T", value), Stack: debug.Stack()})
		}
	}()
	f()
}

// reported counts and logs what an instance has reported.
func (a *App) reported(r ledger.Report) {
	if r.ID == "" {
		a.metrics.ReceiptUnknown(r.Instance)
	} else {
		a.metrics.Receipt(r.Instance, r.Country, r.Receipt.State.String())
	}
	if r.Delivered {
		a.metrics.Delivered(r.Instance, r.After)
	}
	level := zerolog.InfoLevel
	switch {
	case r.ID == "":
		level = zerolog.DebugLevel
	case r.Receipt.State.Failed():
		level = zerolog.WarnLevel
	}
	event := a.log.WithLevel(level).Str("instance", r.Instance).Stringer("state", r.Receipt.State)
	if r.Receipt.State.Failed() {
		event = event.Stringer("kind", r.Receipt.Kind)
	}
	if r.Receipt.Code != "" {
		event = event.Str("code", r.Receipt.Code)
	}
	if r.ID == "" {
		event.Msg("receipt for no known message")
		return
	}
	event.Str("id", r.ID).
		Str("phone", r.Number).
		Str("country", r.Country).
		Dur("after_ms", r.After).
		Msg("receipt")
}

// fellBack counts and logs a message that was sent again because of a receipt.
func (a *App) fellBack(f dispatch.Fallback) {
	accepted := f.Outcome.Result == race.Accepted
	a.metrics.LateFallback(f.Instance, f.Kind.String(), accepted)
	event := a.log.Warn().
		Str("id", f.MessageID).
		Str("instance", f.Instance).
		Stringer("kind", f.Kind).
		Bool("accepted", accepted)
	server.Attempts(event, f.Outcome.Attempts)
	if f.Reason != nil {
		event = event.Str("reason", f.Reason.Error())
	}
	event.Msg("late fallback")
}
