package server

import (
	"encoding/json"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/smshook/smshook/internal/hook"
)

// Admin returns the routes for the operator's own address. It isn't for the public: it names the instances.
func (s *Server) Admin() http.Handler {
	r := chi.NewRouter()
	r.Get("/healthz", s.health)
	r.Get("/readyz", s.instances)
	r.Handle("/metrics", s.Metrics.Handler())
	r.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		hook.Problem(http.StatusNotFound, "nothing is here; there are /healthz, /readyz and /metrics").WriteTo(w)
	})
	return r
}

// instances tells the health of each instance. A server whose instances are sick is still ready: it tries them all the same, and
// nobody else would do better.
func (s *Server) instances(w http.ResponseWriter, _ *http.Request) {
	type instance struct {
		Name  string `json:"name"`
		State string `json:"state"`
	}
	var answer struct {
		Draining  bool       `json:"draining"`
		Instances []instance `json:"instances"`
	}
	answer.Draining = s.draining.Load()
	for _, c := range s.Dispatcher.Instances {
		answer.Instances = append(answer.Instances, instance{c.Name, string(c.State())})
	}
	body, _ := json.Marshal(answer) // texts and a bool always marshal
	status := http.StatusOK
	if answer.Draining {
		status = http.StatusServiceUnavailable
	}
	hook.Reply{Status: status, Body: body}.WriteTo(w)
}
