// Package server is the HTTP side of smshook. It verifies and decodes the calls of Supabase Auth's hook, passes them to dispatch, and
// answers them. It also takes the requests of the message API, the receipts of providers, and the requests of load balancers and of Prometheus.
package server

import (
	"log"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/metrics"
	"github.com/smshook/smshook/internal/receipt"
	"github.com/smshook/smshook/providers"
)

const (
	// HookPath is the path that Auth calls.
	HookPath = "/hooks/send-sms"

	healthPath = "/healthz"
	readyPath  = "/readyz" // load balancers ask it whether this process takes calls
)

// Server answers HTTP. All fields must be set before Handler is called. Keys may be replaced at any time.
type Server struct {
	Keys        atomic.Pointer[Keys]
	Dispatcher  *dispatch.Dispatcher
	Submissions Submissions // nil turns the message API off
	Sentences   Sentences
	Metrics     *metrics.Metrics
	Log         zerolog.Logger

	Page         http.Handler     // the operator's page; nil if it is off
	MetricsToken providers.Secret // that /metrics asks for; empty if it asks for none

	draining    atomic.Bool
	panics      atomic.Int64 // since the start
	largeBodies *largeBodies
	refusalLog  Throttle // limits the log lines about refused requests
}

// Keys authenticate callers.
type Keys struct {
	Hook             hook.Secrets
	Auth0            hook.Secrets      // none turns the calls of Auth0's Actions off
	API              api.Keys          // of the message API's callers
	Tokens           *api.Tokens       // of users who may call it; nil if none may
	Receipts         receipt.Addresses // the zero value turns receipts off
	UnsignedReceipts []string          // the instances whose receipts are accepted although their signature can't be checked
}

// Handler returns the public routes.
func (s *Server) Handler() http.Handler {
	s.largeBodies = newLargeBodies(maxLargeBodies)
	s.refusalLog.First = firstRefusals
	r := chi.NewRouter()
	if len(s.Keys.Load().Hook) > 0 {
		r.Post(HookPath, s.logged(s.sendSMS))
	}
	if len(s.Keys.Load().Auth0) > 0 {
		r.Post(Auth0Path, s.logged(s.auth0))
	}
	if s.Submissions != nil {
		s.serveAPI(r)
	}
	if s.Keys.Load().Receipts.On() {
		r.Post(receiptPath, s.logged(s.receipts))
		r.Get(receiptPath, s.logged(s.receipts))
	}
	r.Get(healthPath, s.logged(health))
	r.Head(healthPath, s.logged(health))
	r.Get(readyPath, s.logged(s.ready))
	r.Head(readyPath, s.logged(s.ready))
	r.NotFound(s.logged(func(w *response, _ *http.Request) {
		writeProblem(w, http.StatusNotFound, "no such path; the hook is at "+HookPath)
	}))
	r.MethodNotAllowed(s.logged(func(w *response, _ *http.Request) {
		writeProblem(w, http.StatusMethodNotAllowed, "this path doesn't take this method; Auth calls the hook by POST")
	}))
	return r
}

// HTTP returns a server for a handler. Slow clients can't hold a connection, and many clients can't hold all connections.
func (s *Server) HTTP(handler http.Handler) *http.Server {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 2 * time.Second, // a head is one or two packets
		ReadTimeout:       hook.AuthWaits,  // head and body: Auth has given up by then
		// From the end of the head. It must be less than the time that the program waits for running calls at shutdown (7 s).
		WriteTimeout: hook.AuthWaits + time.Second,
		// Longer than Auth (90 s) and the usual proxies (60 to 120 s) keep an idle connection. The client must close first: if the
		// server does, a call that the client sends at that moment is lost.
		IdleTimeout:    3 * time.Minute,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       log.New(connectionErrors{&s.refusalLog, s.Log}, "", 0),
		// net/http's own answer to OPTIONS * is not JSON.
		DisableGeneralOptionsHandler: true,
	}
	newUnauthenticated(maxUnauthenticated(descriptors())).track(server)
	return server
}

// connectionErrors logs what net/http reports about connections. Any client can cause such lines, so their number is limited.
type connectionErrors struct {
	throttle *Throttle
	log      zerolog.Logger
}

func (e connectionErrors) Write(p []byte) (int, error) {
	if times, ok := e.throttle.Take("net/http"); ok {
		e.log.Warn().Int("times", times).Msg(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

// Drain makes /readyz answer 503 from now on: load balancers then send no new calls.
func (s *Server) Drain() { s.draining.Store(true) }

func health(w *response, _ *http.Request) { writeOK(w) }

func (s *Server) ready(w *response, _ *http.Request) {
	if s.draining.Load() {
		writeProblem(w, http.StatusServiceUnavailable, "shutting down")
		return
	}
	writeOK(w)
}
