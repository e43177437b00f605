package server

import (
	"encoding/json"
	"net/http"

	"github.com/go-chi/chi/v5"
)

// Admin returns the routes for the operator's own address. They must not be public: they name the instances.
func (s *Server) Admin() http.Handler {
	r := chi.NewRouter()
	r.Get(healthPath, func(w http.ResponseWriter, _ *http.Request) { writeOK(w) })
	r.Get(readyPath, s.instances)
	r.Handle("/metrics", s.Metrics.Handler())
	r.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, http.StatusNotFound, "no such path; there are /healthz, /readyz and /metrics")
	})
	return r
}

// instances answers with the state of each instance's circuit breaker. The server is ready even if all breakers are open: it still
// tries all instances, and another replica could do no more.
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
	for _, i := range s.Dispatcher.Instances {
		answer.Instances = append(answer.Instances, instance{i.Name, string(i.State())})
	}
	body, _ := json.Marshal(answer) // strings and a bool always marshal
	status := http.StatusOK
	if answer.Draining {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, body)
}
