package server

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
)

// sendSMS answers one call of the hook.
func (s *Server) sendSMS(w http.ResponseWriter, r *http.Request) {
	arrived := time.Now()
	line := lineOf(r)
	body, err := readBody(w, r, hook.MaxBody)
	if err != nil {
		line.refuse(w, bodyStatus(err), err)
		return
	}
	if err := s.Secrets.Verify(r.Header, body); err != nil {
		line.refuse(w, http.StatusUnauthorized, err)
		return
	}
	payload, err := hook.Decode(body)
	if err != nil {
		line.refuse(w, http.StatusBadRequest, err)
		return
	}
	// From here on, even a panic is answered in the form that this version of Auth passes on.
	line.failure = s.reply(payload, dispatch.Failed)
	line.id = payload.ID(body)
	outcome := s.Dispatcher.Send(r.Context(), request(payload, r.Header, body, arrived))
	line.outcome = &outcome
	s.reply(payload, outcome.Result).WriteTo(w)
}

// request is what a call asks for.
func request(p hook.Payload, header http.Header, body []byte, arrived time.Time) dispatch.Request {
	return dispatch.Request{
		ID:         p.ID(body),
		User:       p.User.ID,
		Phone:      p.Phone(),
		Code:       p.SMS.OTP,
		Locale:     p.Locale(),
		MFA:        p.SMS.Type == hook.MFA,
		LastSignIn: p.User.LastSignIn,
		Arrived:    arrived,
		Spent:      p.Spent(header),
	}
}

// reply is the answer that goes with a result.
func (s *Server) reply(p hook.Payload, result dispatch.Result) hook.Reply {
	switch result {
	case dispatch.Accepted:
		return hook.Accepted()
	case dispatch.JustSent:
		return p.Refused(http.StatusTooManyRequests, s.Texts.JustSent)
	case dispatch.BadNumber:
		return p.Refused(http.StatusUnprocessableEntity, s.Texts.Number)
	default:
		return p.Refused(http.StatusUnprocessableEntity, s.Texts.Failed)
	}
}

var (
	errTooLong = errors.New("the body is too long")
	errCutOff  = errors.New("the body could not be read to its end")
)

// readBody reads the whole body, up to the limit in bytes. Only then does net/http notice that the caller hangs up.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, errTooLong
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return nil, errTooLong
	}
	if err != nil {
		return nil, errCutOff
	}
	return body, nil
}

func bodyStatus(err error) int {
	if errors.Is(err, errTooLong) {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}
