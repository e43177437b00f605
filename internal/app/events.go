package app

import (
	"github.com/rs/zerolog"

	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/race"
)

// reported logs what a carrier has reported.
func (a *App) reported(r dispatch.Report) {
	level := zerolog.InfoLevel
	switch {
	case r.MessageID == "":
		level = zerolog.DebugLevel
	case r.Receipt.State.Failed():
		level = zerolog.WarnLevel
	}
	event := a.log.WithLevel(level).Str("carrier", r.Carrier).Stringer("state", r.Receipt.State)
	if r.Receipt.State.Failed() {
		event = event.Stringer("kind", r.Receipt.Kind)
	}
	if r.Receipt.Code != "" {
		event = event.Str("code", r.Receipt.Code)
	}
	if r.MessageID == "" {
		event.Msg("receipt for no known message")
		return
	}
	event.Str("id", r.MessageID).
		Str("phone", r.Number.Masked()).
		Str("country", r.Number.Country()).
		Dur("after_ms", r.After).
		Msg("receipt")
}

// fellBack logs a message that was sent again because of a receipt.
func (a *App) fellBack(f dispatch.Fallback) {
	event := a.log.Warn().
		Str("id", f.MessageID).
		Str("carrier", f.Carrier).
		Stringer("kind", f.Kind).
		Bool("accepted", f.Outcome.Result == race.Accepted).
		Int("attempts", len(f.Outcome.Attempts))
	if f.Reason != nil {
		event = event.Str("reason", f.Reason.Error())
	}
	event.Msg("late fallback")
}

// forgot logs that there was no room for a message: a receipt for it will find nothing.
func (a *App) forgot() { a.log.Debug().Msg("a message was forgotten for lack of room") }
