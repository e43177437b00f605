package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"

	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
)

// line is what the log will say about one request, filled in on its way.
type line struct {
	id      string
	carrier string            // that reports
	reason  error             // why the call was refused; safe to log
	outcome *dispatch.Outcome // nil if it got no further than the door
	failure hook.Reply        // the answer if the handler panics
}

type lineKey struct{}

// lineOf returns the line of the request, which the middleware has put there.
func lineOf(r *http.Request) *line { return r.Context().Value(lineKey{}).(*line) }

// refuse answers a call that is no call of Auth's.
func (l *line) refuse(w http.ResponseWriter, status int, reason error) {
	l.reason = reason
	hook.Problem(status, reason.Error()).WriteTo(w)
}

// logged writes one line for each request, and answers those whose handler panics: to a connection that just breaks, Auth
// would send the call three times.
func (s *Server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		l := &line{failure: hook.Problem(http.StatusInternalServerError, "internal error")}
		if s.draining.Load() {
			w.Header().Set("Connection", "close") // the caller's next call goes to who is there then
		}
		recorder := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() {
			if value := recover(); value != nil {
				s.panicked(value)
				if recorder.Status() == 0 {
					l.failure.WriteTo(recorder)
				}
			}
			s.write(l, r, recorder.Status(), time.Since(start))
		}()
		next.ServeHTTP(recorder, r.WithContext(context.WithValue(r.Context(), lineKey{}, l)))
	})
}

// panicked logs a bug. Of the value, only what the runtime itself says is told: any other may quote the request.
func (s *Server) panicked(value any) {
	event := s.Log.Error().Int64("panics", s.panics.Add(1)).Str("type", fmt.Sprintf("%T", value))
	if err, ok := value.(runtime.Error); ok {
		event = event.Str("error", err.Error())
	}
	event.Str("stack", string(debug.Stack())).Msg("panic")
}

func (s *Server) write(l *line, r *http.Request, status int, took time.Duration) {
	event := s.Log.WithLevel(l.level(r, status)).
		Str("method", method(r.Method)).
		Str("route", route(r)).
		Int("status", status).
		Dur("took_ms", took)
	if l.id != "" {
		event = event.Str("id", l.id)
	}
	if l.carrier != "" {
		event = event.Str("carrier", l.carrier)
	}
	if l.reason != nil {
		remote, _, _ := net.SplitHostPort(r.RemoteAddr)
		event = event.Str("reason", l.reason.Error()).Str("remote", remote)
	}
	if o := l.outcome; o != nil {
		event = event.Str("result", o.Result.String()).Str("phone", o.Number.Masked()).Int("attempts", len(o.Attempts))
		if o.Lost != "" {
			event = event.Str("lost_by", o.Lost)
		}
		if o.Reason != nil {
			event = event.Str("reason", o.Reason.Error())
		}
		if r.Context().Err() != nil {
			event = event.Bool("caller_left", true)
		}
	}
	event.Msg("request")
}

// level is how much a request matters to the operator. A probe doesn't; a code that was not sent does.
func (l *line) level(r *http.Request, status int) zerolog.Level {
	switch {
	case l.outcome != nil && r.Context().Err() != nil: // its user left: nobody misses the code
		return zerolog.InfoLevel
	case l.outcome != nil && l.outcome.Result == dispatch.Failed, status >= 500:
		return zerolog.ErrorLevel
	case l.reason != nil:
		return zerolog.WarnLevel
	case l.outcome != nil:
		return zerolog.InfoLevel
	default:
		return zerolog.DebugLevel
	}
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
