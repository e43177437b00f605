package server

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"

	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// firstRefusals is how many requests that were refused for one reason are logged one by one. After that, the log has one line a
// minute. A secret that was changed on one side only still shows at once.
const firstRefusals = 5

func (s *Server) write(w *response, r *http.Request, took time.Duration) {
	if w.outcome != nil {
		event := s.Log.WithLevel(w.level(r))
		describe(event, w.id, w.outcome)
		if r.Context().Err() != nil {
			event.Bool("caller_left", true)
		}
		event.Int("status", w.status).Dur("took_ms", took).Msg("hook")
		return
	}
	times := 1
	if w.reason != nil {
		var ok bool
		if times, ok = s.refusalLog.Take(w.refused() + ": " + w.reason.Error()); !ok {
			return
		}
	}
	event := s.Log.WithLevel(w.level(r)).Str("method", method(r.Method)).Str("route", route(r))
	if w.id != "" {
		event.Str("id", w.id)
	}
	if w.api != nil {
		w.api.describe(event)
	}
	if w.instance != "" {
		event.Str("instance", w.instance)
	}
	if w.reason != nil {
		remote, _, _ := net.SplitHostPort(r.RemoteAddr)
		event.Str("reason", w.reason.Error()).Str("remote", remote)
	}
	if times > 1 {
		event.Int("times", times)
	}
	event.Int("status", w.status).Dur("took_ms", took).Msg("request")
}

// refused names who was refused: the log has so many lines of each.
func (w *response) refused() string {
	if w.api != nil {
		return w.api.name()
	}
	return w.instance
}

// describe adds who has asked, and what for.
func (c *apiCall) describe(event *zerolog.Event) {
	if c.caller.Key != "" {
		event.Str("key", c.caller.Key)
	}
	if c.caller.User != "" {
		event.Str("user", c.caller.User)
	}
	if c.taken+c.refused > 0 {
		event.Int("messages", c.taken)
	}
	if c.refused > 0 {
		event.Int("refused", c.refused)
	}
}

// describe adds the outcome of a call. It adds the calling code, not the country: the lookup of a country is slow.
func describe(event *zerolog.Event, id string, o *dispatch.Outcome) {
	event.Str("id", id).Stringer("result", o.Result)
	if code := o.Number.CallingCode(); code != 0 {
		event.Str("phone", o.Number.Masked()).Int("calling_code", code)
	}
	if o.Lost != "" {
		event.Str("lost_by", o.Lost)
	}
	if o.Reason != nil {
		event.Str("reason", o.Reason.Error())
	}
	Attempts(event, o.Attempts)
}

// Attempts adds a list of attempts to an event, if there are any.
func Attempts(event *zerolog.Event, list []race.Attempt) {
	if len(list) == 0 {
		return
	}
	attempts := zerolog.Arr()
	for _, a := range list {
		attempts.Dict(Attempt(zerolog.Dict(), a))
	}
	event.Array("attempts", attempts)
}

// Attempt adds one attempt to an event, and returns the event.
func Attempt(event *zerolog.Event, a race.Attempt) *zerolog.Event {
	event.Str("instance", a.Instance).Dur("took_ms", a.Took)
	if len(a.Sent.IDs) > 0 {
		event.Strs("provider_ids", a.Sent.IDs)
	}
	if a.Err == nil {
		return event
	}
	event.Stringer("kind", a.Err.Kind)
	if a.Err.Code != "" {
		event.Str("code", a.Err.Code)
	}
	return event.Str("error", fmt.Sprint(a.Err.Err))
}

// level is how much a request matters to the operator. A call without a message is an error. A failed attempt is a warning: if it
// goes on, messages may fail soon.
func (w *response) level(r *http.Request) zerolog.Level {
	switch {
	case w.outcome != nil && r.Context().Err() != nil: // no user waits for this code
		return zerolog.InfoLevel
	case w.status == http.StatusServiceUnavailable && route(r) == readyPath: // expected at shutdown
		return zerolog.DebugLevel
	case w.outcome != nil:
		return outcomeLevel(w.outcome)
	case w.status >= 500:
		return zerolog.ErrorLevel
	case w.reason != nil:
		return zerolog.WarnLevel
	case w.api != nil && w.api.taken > 0:
		return zerolog.InfoLevel
	default:
		return zerolog.DebugLevel
	}
}

func outcomeLevel(o *dispatch.Outcome) zerolog.Level {
	switch {
	case o.Result == dispatch.Failed:
		return zerolog.ErrorLevel
	case slices.ContainsFunc(o.Attempts, instanceFailed):
		return zerolog.WarnLevel
	}
	return zerolog.InfoLevel
}

// instanceFailed reports whether an attempt failed for a reason other than the recipient or the recipient's channel.
func instanceFailed(a race.Attempt) bool {
	return a.Err != nil && a.Err.Kind != providers.Channel && a.Err.Kind != providers.Recipient
}

// route is the pattern that matched, or "none". The path itself is not logged: any client can put anything into it.
func route(r *http.Request) string {
	if pattern := chi.RouteContext(r.Context()).RoutePattern(); pattern != "" {
		return pattern
	}
	return "none"
}

// method is a method that the server knows, or "other". Any other method may hold anything too.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete:
		return m
	}
	return "other"
}
