package app

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/rs/zerolog"

	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/metrics"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
)

// ended counts an attempt. It logs what the hook's line can't contain: attempts that end after that line is written, panics, and problems
// that only an operator can solve.
func (a *App) ended(attempt race.Attempt) {
	kind := metrics.Accepted
	if attempt.Err != nil {
		kind = attempt.Err.Kind.String()
	}
	a.metrics.Attempt(attempt.Instance, kind, attempt.Took, attempt.Segments)
	a.problems.note(attempt)
	if attempt.Double {
		a.metrics.Double(attempt.Instance)
	}
	switch {
	case attempt.Panic != nil:
		a.metrics.Panic()
		event := a.log.Error().Str("id", attempt.MessageID).Str("type", attempt.Panic.Type).Str("stack", string(attempt.Panic.Stack))
		server.Attempt(event, attempt).Msg("provider code panicked")
	case attempt.Err != nil && attempt.Err.Kind == providers.Account:
		if times, ok := a.accountLog.Take(attempt.Instance); ok {
			event := a.log.Error().Str("id", attempt.MessageID).Int("times", times)
			server.Attempt(event, attempt).Msg("account problem: an operator must fix it")
		}
	case attempt.Late && attempt.Err != nil:
		server.Attempt(a.log.Warn().Str("id", attempt.MessageID), attempt).Msg("attempt failed after the answer")
	case attempt.Late:
		server.Attempt(a.log.Info().Str("id", attempt.MessageID), attempt).Msg("attempt accepted after the answer")
	}
}

// panicked counts and logs a panic that was recovered from.
func (a *App) panicked(p race.Panic) {
	a.metrics.Panic()
	a.log.Error().Str("type", p.Type).Str("stack", string(p.Stack)).Msg("panic")
}

// guard runs f and recovers from a panic in it. The timers and goroutines that call f have no other recover.
func (a *App) guard(f func()) {
	defer func() {
		if value := recover(); value != nil {
			a.recovered(value)
		}
	}()
	f()
}

// decided passes on a request whose result is known.
func (a *App) decided(r dispatch.Request, m providers.Message, result dispatch.Result) {
	a.changed()
	if a.Decided != nil {
		a.Decided(r, m, result)
	}
}

// recovered reports a panic that the caller has just recovered from. Its value may quote a message, so only the type is kept.
func (a *App) recovered(value any) {
	a.panicked(race.Panic{Type: fmt.Sprintf("%T", value), Stack: debug.Stack()})
}

// reported counts and logs a receipt.
func (a *App) reported(r ledger.Report) {
	a.changed()
	if r.ID == "" {
		a.metrics.ReceiptUnknown(r.Instance)
	} else {
		a.metrics.Receipt(r.Instance, r.Country, r.Receipt.State.String())
	}
	a.tellCaller(r.ID)
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
		event.Msg("receipt for an unknown message")
		return
	}
	event.Str("id", r.ID).
		Str("phone", r.Number).
		Str("country", r.Country).
		Dur("after_ms", r.After).
		Msg("receipt")
}

// judged counts a message of which it is known now what became of its code.
func (a *App) judged(m ledger.Message) {
	a.changed()
	after := time.Duration(0)
	if m.UsedAt != 0 {
		after = m.UsedAt.Sub(m.AskedAt)
	}
	a.learner.learn(m, time.Now())
	a.metrics.Code(m.Instance, m.Channel(), m.Country, m.Kind.String(), m.Use.String(), after)
}

// fellBack counts and logs a message that was sent through another instance because of a receipt.
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
