// Package server is the front door: for Supabase Auth, whose call it reads, has verified and decoded, and dispatched, and gives
// the answer; and for instances, which report what became of messages.
package server

import (
	"log"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"

	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/metrics"
	"github.com/smshook/smshook/internal/receipt"
)

// HookPath is where Auth calls.
const HookPath = "/hooks/send-sms"

// Server answers HTTP. All fields must be set before Handler is called. Keys may be replaced at any time.
type Server struct {
	Keys       atomic.Pointer[Keys]
	Dispatcher *dispatch.Dispatcher
	Sentences  Sentences
	Metrics    *metrics.Metrics
	Log        zerolog.Logger

	draining atomic.Bool
	panics   atomic.Int64 // since the start
	long     *long
	refusals Throttle // of lines about calls that are refused at the door
}

// Keys are how callers prove themselves.
type Keys struct {
	Hook     hook.Secrets
	Receipts receipt.Addresses // where instances report; none if they are not to
	Unsigned []string          // the instances whose receipts are taken although no signature can be checked
}

// Sentences are what the app's user may read of an answer. None of them is empty.
type Sentences struct {
	JustSent string // another request was sent just before, and its code is valid
	TooMany  string // a limit refused the message
	Number   string // nobody will reach this number, or nobody is to
	Failed   string // no instance took the message
}

// Handler returns the routes.
func (s *Server) Handler() http.Handler {
	s.long = newLong(longBodies)
	s.refusals.First = firstRefusals
	r := chi.NewRouter()
	r.Use(s.logged)
	r.Post(HookPath, s.sendSMS)
	if s.Keys.Load().Receipts.On() {
		r.Post(receiptPath, s.receipts)
		r.Get(receiptPath, s.receipts)
	}
	r.Get("/healthz", s.health)
	r.Head("/healthz", s.health)
	r.Get(readyPath, s.ready)
	r.Head(readyPath, s.ready)
	r.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		hook.Problem(http.StatusNotFound, "nothing is here; the hook is at "+HookPath).WriteTo(w)
	})
	r.MethodNotAllowed(func(w http.ResponseWriter, _ *http.Request) {
		hook.Problem(http.StatusMethodNotAllowed, "this address doesn't take this method; Auth calls the hook by POST").WriteTo(w)
	})
	return r
}

// HTTP returns a server for a handler whose clients can't hold a connection by being slow, nor all of them by being many.
func (s *Server) HTTP(handler http.Handler) *http.Server {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 2 * time.Second, // a head is one packet, or two
		ReadTimeout:       hook.AuthWaits,  // head and body: Auth has left by then
		// From the end of the head. It must be less than the program waits for at its end (7 s).
		WriteTimeout: hook.AuthWaits + time.Second,
		// Longer than Auth (90 s) and the usual proxies (60 to 120 s) keep a connection they don't use: whoever closes
		// first must be the one who doesn't send, or a call is lost to a connection that is just being closed.
		IdleTimeout:    3 * time.Minute,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       log.New(complaints{&s.refusals, s.Log}, "", 0),
		// net/http's own answer to OPTIONS * is no JSON.
		DisableGeneralOptionsHandler: true,
	}
	newStrangers(mostStrangers(descriptors())).watch(server)
	return server
}

// complaints are what net/http has to say about connections. A stranger can cause them.
type complaints struct {
	throttle *Throttle
	log      zerolog.Logger
}

func (c complaints) Write(p []byte) (int, error) {
	if times, ok := c.throttle.Take("net/http"); ok {
		c.log.Warn().Int("times", times).Msg(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

// Drain makes /readyz say no, so that load balancers send nothing new.
func (s *Server) Drain() { s.draining.Store(true) }

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	hook.Accepted().WriteTo(w)
}

// readyPath is where load balancers ask whether to send calls here.
const readyPath = "/readyz"

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if s.draining.Load() {
		hook.Problem(http.StatusServiceUnavailable, "shutting down").WriteTo(w)
		return
	}
	hook.Accepted().WriteTo(w)
}
