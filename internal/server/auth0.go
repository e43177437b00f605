package server

import (
	"errors"
	"net/http"
	"time"

	"github.com/smshook/smshook/internal/auth0"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/providers"
)

// Auth0Path is the path that an Action of Auth0 calls.
const Auth0Path = "/hooks/auth0"

// auth0 answers one call of an Action of Auth0.
func (s *Server) auth0(w *response, r *http.Request) {
	receivedAt := time.Now()
	body, release, status, err := s.signedBody(w, r, s.Keys.Load().Auth0, auth0.MaxBody)
	if err != nil {
		refuseAuth0(w, status, err)
		return
	}
	defer release()
	defer w.keepConnection(r)()
	call, err := auth0.Decode(body)
	if err != nil {
		refuseAuth0(w, http.StatusBadRequest, err)
		return
	}
	w.onPanic = func(w *response) { s.answerAuth0(w, dispatch.Outcome{Result: dispatch.Failed}) }
	w.id = auth0.ID(r.Header.Get("webhook-id"))
	release()
	outcome := s.Dispatcher.Send(r.Context(), auth0Request(call, w.id, receivedAt))
	w.outcome = &outcome
	s.answerAuth0(w, outcome)
}

func auth0Request(c auth0.Call, id string, receivedAt time.Time) dispatch.Request {
	request := dispatch.Request{
		ID:         id,
		User:       c.User,
		Phone:      c.Phone,
		Code:       c.Code,
		Text:       c.Text,
		Locale:     c.Locale,
		IP:         c.IP,
		Proven:     c.Proven,
		Kind:       dispatch.Other,
		ReceivedAt: receivedAt,
	}
	if c.Voice {
		request.Channel = providers.Voice
	}
	return request
}

// refuseAuth0 answers a call that isn't dispatched, with the reason. It would be refused again.
func refuseAuth0(w *response, status int, reason error) {
	w.reason = reason
	reply := auth0.Refused(status, reason.Error(), false)
	writeJSON(w, reply.Status, reply.Body)
}

// answerAuth0 answers with an outcome. Only a failure may pass. A limit is for the user who asks again: a message that Auth0 sends later by
// itself would be a message of an attack.
func (s *Server) answerAuth0(w *response, o dispatch.Outcome) {
	reply := auth0.Accepted(w.id)
	if o.Result != dispatch.Accepted {
		status, sentence := s.Sentences.Answer(o.Result)
		retry := o.Result == dispatch.Failed && !errors.Is(o.Reason, dispatch.ErrNoChannel)
		if retry {
			status = http.StatusServiceUnavailable
		}
		reply = auth0.Refused(status, sentence, retry)
	}
	writeJSON(w, reply.Status, reply.Body)
}
