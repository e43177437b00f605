package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"

	"github.com/go-chi/chi/v5"
)

// Admin returns the routes for the operator's own address. They must not be public: they name the instances. If there is a page, it
// has all other paths.
func (s *Server) Admin() http.Handler {
	r := chi.NewRouter()
	r.Get(healthPath, func(w http.ResponseWriter, _ *http.Request) { writeOK(w) })
	r.Get(readyPath, s.instances)
	r.Handle("/metrics", s.withToken(s.Metrics.Handler()))
	if s.Page != nil {
		r.Handle("/*", s.Page)
		return r
	}
	r.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, http.StatusNotFound, "no such path; there are /healthz, /readyz and /metrics")
	})
	return r
}

// withToken asks for the bearer token, if there is one. https://www.rfc-editor.org/rfc/rfc6750#section-2.1
func (s *Server) withToken(next http.Handler) http.Handler {
	if s.MetricsToken.Empty() {
		return next
	}
	want := sha256.Sum256([]byte("Bearer " + s.MetricsToken.Reveal()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := sha256.Sum256([]byte(r.Header.Get("Authorization")))
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			writeProblem(w, http.StatusUnauthorized, "want the bearer token in SMSHOOK_METRICS_TOKEN")
			return
		}
		next.ServeHTTP(w, r)
	})
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
