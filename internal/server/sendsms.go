package server

import (
	"net/http"
	"strings"
	"time"

	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
)

// sendSMS answers one call of the hook.
func (s *Server) sendSMS(w *response, r *http.Request) {
	receivedAt := time.Now()
	body, release, status, err := s.signedBody(w, r, s.Keys.Load().Hook, hook.MaxBody)
	if err != nil {
		refuseHook(w, status, err)
		return
	}
	defer release()
	defer w.keepConnection(r)()
	payload, err := hook.Decode(body)
	if err != nil {
		refuseHook(w, http.StatusBadRequest, err)
		return
	}
	// From here on, Auth understands the answer to a panic too.
	w.onPanic = func(w *response) { writeReply(w, s.reply(payload, dispatch.Failed)) }
	w.id = payload.ID(body)
	release()
	outcome := s.Dispatcher.Send(r.Context(), Request(payload, w.id, r.Header, receivedAt))
	w.outcome = &outcome
	writeReply(w, s.reply(payload, outcome.Result))
}

// refuseHook answers a call that isn't dispatched, with the reason.
func refuseHook(w *response, status int, reason error) {
	w.reason = reason
	writeReply(w, hook.Problem(status, reason.Error()))
}

func writeReply(w *response, r hook.Reply) { writeJSON(w, r.Status, r.Body) }

// Request returns what a call of Auth asks for. The header is that of an HTTP call, or nil.
func Request(p hook.Payload, id string, header http.Header, receivedAt time.Time) dispatch.Request {
	kind, _ := dispatch.ParseKind(p.Kind())
	return dispatch.Request{
		ID:         id,
		User:       p.User.ID,
		Phone:      p.Phone(),
		Code:       p.SMS.OTP,
		Locale:     string(p.User.Locale),
		MFA:        p.SMS.Type == hook.MFA,
		Kind:       kind,
		IP:         p.IP(),
		Proven:     p.Proven(),
		LastSignIn: p.User.LastSignIn,
		Stored:     p.User.Stored(),
		Account:    account(p.User),
		AskedAt:    dispatch.At(p.AskedAt()),
		ReceivedAt: receivedAt,
		Spent:      p.Spent(header, receivedAt),
	}
}

func account(u hook.User) dispatch.Account {
	times := u.Times()
	return dispatch.Account{
		Number:                 strings.TrimPrefix(u.Phone.Reveal(), "+"),
		ConfirmedAt:            dispatch.At(times.Confirmed),
		OTPSentAt:              dispatch.At(times.OTPSent),
		PhoneChangeSentAt:      dispatch.At(times.PhoneChangeSent),
		ReauthenticationSentAt: dispatch.At(times.ReauthenticationSent),
	}
}

func (s *Server) reply(p hook.Payload, result dispatch.Result) hook.Reply {
	if result == dispatch.Accepted {
		return hook.Accepted()
	}
	return p.Refused(s.Sentences.Answer(result))
}
