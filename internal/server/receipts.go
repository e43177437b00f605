package server

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/go-chi/chi/v5"

	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/receipt"
	"github.com/smshook/smshook/providers"
)

// receiptPath is where providers report what became of an instance's messages.
const receiptPath = receipt.Path + "{instance}/{token}"

// maxReceipts is the longest body of receipts that is read, in bytes: Meta sends up to 3 MB in one request.
// https://developers.facebook.com/docs/graph-api/webhooks/getting-started
const maxReceipts = 3 << 20

var (
	errWrongToken  = errors.New("not a provider: the token in the path is wrong")
	errUnsigned    = errors.New("the signature of this instance's receipts can't be checked, and the settings don't allow unsigned receipts")
	errUnreadable  = errors.New("the receipt can't be read")
	errNotNoted    = errors.New("the receipt can't be stored now: send it again")
	errNoChallenge = errors.New("not the provider's check of the address")
)

// receipts takes what a provider reports. It answers 200 even if the message is unknown: providers repeat a request that fails.
func (s *Server) receipts(w *response, r *http.Request) {
	instance, receiver, address := s.receiver(r)
	if instance == nil {
		w.closeConnection()
		refuseReceipt(w, http.StatusForbidden, errWrongToken)
		return
	}
	authenticated(r)
	w.instance = instance.Name
	if receiver.Setup().Unsigned != "" && !slices.Contains(s.Keys.Load().UnsignedReceipts, instance.Name) {
		w.closeConnection()
		refuseReceipt(w, http.StatusForbidden, errUnsigned)
		return
	}
	if challenger, ok := receiver.(providers.Challenger); ok && r.Method == http.MethodGet {
		challenge(w, r, challenger)
		return
	}
	body, release, err := s.readBody(r, maxReceipts)
	if err != nil {
		w.closeConnection()
		refuseReceipt(w, bodyStatus(err), err)
		return
	}
	defer release()
	messageID := r.URL.Query().Get(providers.MessageParam)
	called := *r
	called.URL = address // providers sign the address as they know it
	receipts, err := receiver.Receipts(&called, body)
	switch {
	case errors.Is(err, providers.ErrForged):
		refuseReceipt(w, http.StatusForbidden, err)
	case errors.Is(err, providers.ErrUnsigned):
		refuseReceipt(w, http.StatusServiceUnavailable, providers.ErrUnsigned)
	case err != nil:
		refuseReceipt(w, http.StatusBadRequest, errUnreadable) // err may quote the request
	case s.Dispatcher.Receipts(r.Context(), instance, messageID, receipts) != nil:
		refuseReceipt(w, http.StatusServiceUnavailable, errNotNoted)
	default:
		writeOK(w)
	}
}

func refuseReceipt(w *response, status int, reason error) {
	w.reason = reason
	writeProblem(w, status, reason.Error())
}

// receiver returns the instance that a request is for, what reads its receipts, and the whole address that the provider called. The
// instance is nil if the token in the path is wrong.
func (s *Server) receiver(r *http.Request) (*race.Instance, providers.Receiver, *url.URL) {
	name := chi.URLParam(r, "instance")
	address, ok := s.Keys.Load().Receipts.Called(name, chi.URLParam(r, "token"), r.URL.RawQuery)
	at := slices.IndexFunc(s.Dispatcher.Instances, func(i *race.Instance) bool { return i.Name == name })
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

// challenge answers the check that a provider makes of an address before it reports to that.
func challenge(w *response, r *http.Request, c providers.Challenger) {
	text, err := c.Challenge(r.URL.Query())
	if err != nil {
		refuseReceipt(w, http.StatusForbidden, errNoChallenge)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte(text)) // an error means that the provider has left; it asks again
}
