package server

import (
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/smshook/smshook/internal/dispatch"
)

// response writes the answer to one request. Handlers note in it what the log and the metrics need.
type response struct {
	http.ResponseWriter

	status   int               // 0 until the head is written
	id       string            // of the call
	instance string            // that reports a receipt
	reason   error             // why the request was refused; safe to log
	outcome  *dispatch.Outcome // nil if the call was not dispatched
	api      *apiCall          // nil if it is no request of the message API
	onPanic  func(*response)   // answers if the handler panics
}

// handler answers one request. It must note the reason of a refusal in the response.
type handler func(w *response, r *http.Request)

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap serves http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// closeConnection closes the connection after the answer: the rest of the request is not read.
func (w *response) closeConnection() { w.Header().Set("Connection", "close") }

func internalError(w *response) {
	writeProblem(w, http.StatusInternalServerError, "internal error")
}

// logged counts each request and writes a log line about it. It answers requests whose handler panics: Auth sends a call three times
// if the connection breaks.
func (s *Server) logged(next handler) http.HandlerFunc {
	return func(writer http.ResponseWriter, r *http.Request) {
		start := time.Now()
		w := &response{ResponseWriter: writer, onPanic: internalError}
		if s.draining.Load() {
			w.closeConnection() // the client's next request must go to another process
		}
		defer func() {
			if value := recover(); value != nil {
				s.panicked(value)
				if w.status == 0 {
					w.onPanic(w)
				}
			}
			took := time.Since(start)
			s.count(w, r, took)
			s.write(w, r, took)
		}()
		next(w, r)
	}
}

// panicked counts and logs a bug. Only an error of the runtime is logged with its text: any other value may quote the request.
func (s *Server) panicked(value any) {
	s.Metrics.Panic()
	event := s.Log.Error().Int64("panics", s.panics.Add(1)).Str("type", fmt.Sprintf("%T", value))
	if err, ok := value.(runtime.Error); ok {
		event = event.Str("error", err.Error())
	}
	event.Str("stack", string(debug.Stack())).Msg("panic")
}
