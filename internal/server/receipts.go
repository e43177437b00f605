package server

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/go-chi/chi/v5"

	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/receipt"
	"github.com/smshook/smshook/providers"
)

// receiptPath is where instances report what becomes of messages.
const receiptPath = receipt.Path + "{instance}/{token}"

// maxReceipts is the longest body of receipts that is read, in bytes: Meta sends up to 3 MB in one call.
// https://developers.facebook.com/docs/graph-api/webhooks/getting-started
const maxReceipts = 3 << 20

var (
	errNoReceiver  = errors.New("not signed by the provider: the token in the address is wrong")
	errUnverified  = errors.New("nothing can prove who reports this, and the settings don't allow that")
	errUnreadable  = errors.New("the receipt can't be read")
	errNotNoted    = errors.New("the receipt can't be noted now: it has to come again")
	errNoChallenge = errors.New("not the check that the instance makes of an address")
)

// receipts takes what an instance reports. Whatever it is about, it is answered at once: instances repeat what isn't.
func (s *Server) receipts(w http.ResponseWriter, r *http.Request) {
	line := w.(*line)
	instance, receiver, address := s.receiver(r)
	if instance == nil {
		line.refuseUnread(http.StatusForbidden, errNoReceiver)
		return
	}
	introduced(r)
	line.instance = instance.Name
	if receiver.Setup().Unsigned != "" && !slices.Contains(s.Keys.Load().Unsigned, instance.Name) {
		line.refuseUnread(http.StatusForbidden, errUnverified)
		return
	}
	if challenger, ok := receiver.(providers.Challenger); ok && r.Method == http.MethodGet {
		challenge(line, r, challenger)
		return
	}
	body, drop, err := s.readBody(r, maxReceipts)
	if err != nil {
		line.refuseUnread(bodyStatus(err), err)
		return
	}
	defer drop()
	messageID := r.URL.Query().Get(providers.MessageParam)
	atInstance := *r // with the address as the instance knows it
	atInstance.URL = address
	receipts, err := receiver.Receipts(&atInstance, body)
	switch {
	case errors.Is(err, providers.ErrForged):
		line.refuse(http.StatusForbidden, err)
	case errors.Is(err, providers.ErrUnsigned):
		line.refuse(http.StatusServiceUnavailable, providers.ErrUnsigned)
	case err != nil:
		line.refuse(http.StatusBadRequest, errUnreadable)
	default:
		if s.Dispatcher.Receipts(r.Context(), instance, messageID, receipts) != nil {
			line.refuse(http.StatusServiceUnavailable, errNotNoted)
			return
		}
		hook.Accepted().WriteTo(w)
	}
}

// receiver returns the instance that a call is for, what reads its receipts, and the whole address it was given; or no instance if
// the token in that is wrong.
func (s *Server) receiver(r *http.Request) (*race.Instance, providers.Receiver, *url.URL) {
	name := chi.URLParam(r, "instance")
	address, ok := s.Keys.Load().Receipts.Called(name, chi.URLParam(r, "token"), r.URL.RawQuery)
	at := slices.IndexFunc(s.Dispatcher.Instances, func(c *race.Instance) bool { return c.Name == name })
	if !ok || at < 0 {
		return nil, nil, nil
	}
	instance := s.Dispatcher.Instances[at]
	receiver, receives := instance.Provider().(providers.Receiver)
	parsed, err := url.Parse(address)
	if !receives || err != nil {
		return nil, nil, nil
	}
	return instance, receiver, parsed
}

// challenge answers the check that an instance makes of an address before it uses it.
func challenge(l *line, r *http.Request, c providers.Challenger) {
	text, err := c.Challenge(r.URL.Query())
	if err != nil {
		l.refuse(http.StatusForbidden, errNoChallenge)
		return
	}
	l.Header().Set("Content-Type", "text/plain; charset=utf-8")
	l.Header().Set("X-Content-Type-Options", "nosniff")
	l.WriteHeader(http.StatusOK)
	_, _ = l.Write([]byte(text)) // if the instance has gone, it asks again
}
