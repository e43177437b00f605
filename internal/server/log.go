package server

import (
	"fmt"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"

	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// line is what the log will say about one request, filled in on its way. It is the request's ResponseWriter too, so that
// the handler finds it and it knows the status.
type line struct {
	http.ResponseWriter

	status   int // 0 until the answer is on its way
	id       string
	instance string            // that reports
	reason   error             // why the call was refused; safe to log
	outcome  *dispatch.Outcome // nil if it got no further than the door
	failure  func() hook.Reply // the answer if the handler panics
}

func (l *line) WriteHeader(status int) {
	if l.status == 0 {
		l.status = status
	}
	l.ResponseWriter.WriteHeader(status)
}

// Unwrap serves net/http.
func (l *line) Unwrap() http.ResponseWriter { return l.ResponseWriter }

// refuse answers a call that is no call of Auth's.
func (l *line) refuse(status int, reason error) {
	l.reason = reason
	hook.Problem(status, reason.Error()).WriteTo(l)
}

// refuseUnread answers a call whose body nobody keeps. It is the last on its connection.
func (l *line) refuseUnread(status int, reason error) {
	l.Header().Set("Connection", "close")
	l.refuse(status, reason)
}

func internalError() hook.Reply {
	return hook.Problem(http.StatusInternalServerError, "internal error")
}

// logged writes one line for each request, and answers those whose handler panics: to a connection that just breaks, Auth
// would send the call three times.
func (s *Server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		l := &line{ResponseWriter: w, failure: internalError}
		if s.draining.Load() {
			w.Header().Set("Connection", "close") // the caller's next call goes to who is there then
		}
		defer func() {
			if value := recover(); value != nil {
				s.panicked(value)
				if l.status == 0 {
					l.failure().WriteTo(l)
				}
			}
			took := time.Since(start)
			s.count(l, r, took)
			s.write(l, r, took)
		}()
		next.ServeHTTP(l, r)
	})
}

// panicked logs a bug. Of the value, only what the runtime itself says is told: any other may quote the request.
func (s *Server) panicked(value any) {
	s.Metrics.Panic()
	event := s.Log.Error().Int64("panics", s.panics.Add(1)).Str("type", fmt.Sprintf("%T", value))
	if err, ok := value.(runtime.Error); ok {
		event = event.Str("error", err.Error())
	}
	event.Str("stack", string(debug.Stack())).Msg("panic")
}

// count counts a call of the hook, or a receipt that was refused. Nobody else's calls are worth a number.
func (s *Server) count(l *line, r *http.Request, took time.Duration) {
	switch {
	case l.outcome != nil && r.Context().Err() != nil:
		s.Metrics.Hook("left", took)
	case l.outcome != nil:
		s.Metrics.Hook(l.outcome.Result.String(), took)
	case l.reason == nil:
		return
	case r.URL.Path == HookPath:
		s.Metrics.HookRefused(refusals[l.status])
	default:
		s.Metrics.ReceiptRefused(l.instance, l.status)
	}
	if o := l.outcome; o != nil {
		s.countOutcome(o)
	}
}

func (s *Server) countOutcome(o *dispatch.Outcome) {
	if o.Lost != "" {
		s.Metrics.Resend(o.Lost)
	}
	if o.Verdict.Reason() != nil {
		s.Metrics.Refusal(o.Verdict.Rule.String(), o.Verdict.Allow)
	}
}

// refusals are what the calls of the hook are counted as that got no further than the door, by status.
var refusals = map[int]string{
	http.StatusUnauthorized:          "forged",
	http.StatusBadRequest:            "unreadable",
	http.StatusRequestEntityTooLarge: "unreadable",
}

// firstRefusals is how many lines of each reason tell what is going on before the log says the rest once a minute. A secret that
// was changed on one side only shows at once.
const firstRefusals = 5

func (s *Server) write(l *line, r *http.Request, took time.Duration) {
	if l.outcome != nil {
		event := s.Log.WithLevel(l.level(r))
		describe(event, l.id, l.outcome)
		if r.Context().Err() != nil {
			event.Bool("caller_left", true)
		}
		event.Int("status", l.status).Dur("took_ms", took).Msg("hook")
		return
	}
	times := 1
	if l.reason != nil {
		var ok bool
		if times, ok = s.refusals.Take(l.instance + ": " + l.reason.Error()); !ok {
			return
		}
	}
	event := s.Log.WithLevel(l.level(r)).Str("method", method(r.Method)).Str("route", route(r))
	if l.id != "" {
		event.Str("id", l.id)
	}
	if l.instance != "" {
		event.Str("instance", l.instance)
	}
	if l.reason != nil {
		remote, _, _ := net.SplitHostPort(r.RemoteAddr)
		event.Str("reason", l.reason.Error()).Str("remote", remote)
	}
	if times > 1 {
		event.Int("times", times)
	}
	event.Int("status", l.status).Dur("took_ms", took).Msg("request")
}

// describe adds what came of a hook. Of the destination it tells the calling code: to know the country takes work.
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

// Attempts adds to an event what came of several attempts, if there are any.
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

// Attempt adds to an event what came of one attempt, and returns it.
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

// level is how much a request matters to the operator. A probe doesn't; a code that was not sent does, and one that was not
// sent at the first try may soon.
func (l *line) level(r *http.Request) zerolog.Level {
	switch {
	case l.outcome != nil && r.Context().Err() != nil: // its user left: nobody misses the code
		return zerolog.InfoLevel
	case l.status == http.StatusServiceUnavailable && route(r) == readyPath: // it is to be told so
		return zerolog.DebugLevel
	case l.outcome != nil && l.outcome.Result == dispatch.Failed, l.status >= 500:
		return zerolog.ErrorLevel
	case l.reason != nil, l.outcome != nil && slices.ContainsFunc(l.outcome.Attempts, faulty):
		return zerolog.WarnLevel
	case l.outcome != nil:
		return zerolog.InfoLevel
	default:
		return zerolog.DebugLevel
	}
}

// faulty reports whether an attempt failed for a reason other than whose phone it is.
func faulty(a race.Attempt) bool {
	return a.Err != nil && a.Err.Kind != providers.Channel && a.Err.Kind != providers.Recipient
}

// route is the pattern that matched. The path itself isn't logged: a stranger chooses it.
func route(r *http.Request) string {
	if pattern := chi.RouteContext(r.Context()).RoutePattern(); pattern != "" {
		return pattern
	}
	return "none"
}

// method likewise keeps a stranger's words out.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return m
	}
	return "other"
}
