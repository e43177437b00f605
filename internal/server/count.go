package server

import (
	"net/http"
	"time"

	"github.com/smshook/smshook/internal/dispatch"
)

// refusedResults are the results by which calls of the hook are counted that were not dispatched, by HTTP status.
var refusedResults = map[int]string{
	http.StatusUnauthorized:          "forged",
	http.StatusBadRequest:            "unreadable",
	http.StatusRequestEntityTooLarge: "unreadable",
}

// count counts a call of the hook, a request of the message API, or a receipt that was refused. Other requests are not counted.
func (s *Server) count(w *response, r *http.Request, took time.Duration) {
	switch {
	case w.api != nil:
		s.Metrics.API(w.api.name(), w.status, took)
		s.Metrics.APIMessages(w.api.name(), w.api.taken, w.api.refused)
	case w.outcome != nil:
		s.countOutcome(w.outcome, r.Context().Err() != nil, took)
	case w.reason == nil:
	case r.URL.Path == HookPath, r.URL.Path == Auth0Path:
		s.Metrics.HookRefused(refusedResults[w.status])
	default:
		s.Metrics.ReceiptRefused(w.instance, w.status)
	}
}

func (s *Server) countOutcome(o *dispatch.Outcome, callerLeft bool, took time.Duration) {
	if callerLeft {
		s.Metrics.Hook("left", took)
	} else {
		s.Metrics.Hook(o.Result.String(), took)
	}
	s.countCauses(o)
}

// countCauses counts what has led to an outcome.
func (s *Server) countCauses(o *dispatch.Outcome) {
	if o.Lost != "" {
		s.Metrics.Resend(o.Lost)
	}
	if o.Verdict.Reason() != nil {
		s.Metrics.Refusal(o.Verdict.Rule.String(), o.Verdict.Allow)
	}
}
