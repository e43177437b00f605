package server

import (
	"encoding/json"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/smshook/smshook/internal/hook"
)

// Admin returns the routes for the operator's own address. It isn't for the public: it names the carriers.
func (s *Server) Admin() http.Handler {
	r := chi.NewRouter()
	r.Get("/healthz", s.health)
	r.Get("/readyz", s.carriers)
	r.Handle("/metrics", s.Metrics.Handler())
	r.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		hook.Problem(http.StatusNotFound, "nothing is here; there are /healthz, /readyz and /metrics").WriteTo(w)
	})
	return r
}

// carriers tells the health of each carrier. A server whose carriers are sick is still ready: it tries them all the same, and
// nobody else would do better.
func (s *Server) carriers(w http.ResponseWriter, _ *http.Request) {
	type carrier struct {
		Name  string `json:"name"`
		State string `json:"state"`
	}
	var answer struct {
		Draining bool      `json:"draining"`
		Carriers []carrier `json:"carriers"`
	}
	answer.Draining = s.draining.Load()
	for _, c := range s.Dispatcher.Carriers {
		answer.Carriers = append(answer.Carriers, carrier{c.Name, string(c.State())})
	}
	body, _ := json.Marshal(answer) // texts and a bool always marshal
	status := http.StatusOK
	if answer.Draining {
		status = http.StatusServiceUnavailable
	}
	hook.Reply{Status: status, Body: body}.WriteTo(w)
}
