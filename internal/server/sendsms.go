package server

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
)

// sendSMS answers one call of the hook.
func (s *Server) sendSMS(w http.ResponseWriter, r *http.Request) {
	arrived := time.Now()
	line := w.(*line)
	if err := hook.Signed(r.Header); err != nil { // what can't be Auth's isn't read
		line.refuseUnread(http.StatusUnauthorized, err)
		return
	}
	body, drop, err := s.readBody(r, hook.MaxBody)
	if err != nil {
		line.refuseUnread(bodyStatus(err), err)
		return
	}
	defer drop()
	if err := s.Keys.Load().Hook.Verify(r.Header, body); err != nil {
		line.refuse(http.StatusUnauthorized, err)
		return
	}
	introduced(r)
	payload, err := hook.Decode(body)
	if err != nil {
		line.refuse(http.StatusBadRequest, err)
		return
	}
	// From here on, even a panic is answered in the form that this version of Auth passes on.
	line.failure = func() hook.Reply { return s.reply(payload, dispatch.Failed) }
	line.id = payload.ID(body)
	drop()
	outcome := s.Dispatcher.Send(r.Context(), request(payload, line.id, r.Header, arrived))
	line.outcome = &outcome
	s.reply(payload, outcome.Result).WriteTo(w)
}

// request is what a call asks for.
func request(p hook.Payload, id string, header http.Header, arrived time.Time) dispatch.Request {
	return dispatch.Request{
		ID:         id,
		User:       p.User.ID,
		Phone:      p.Phone(),
		Code:       p.SMS.OTP,
		Locale:     string(p.User.Locale),
		MFA:        p.SMS.Type == hook.MFA,
		IP:         p.IP(),
		Proven:     p.Proven(),
		LastSignIn: p.User.LastSignIn,
		Stored:     p.User.Stored(),
		ReceivedAt: arrived,
		Spent:      p.Spent(header, arrived),
	}
}

// reply is the answer that goes with a result.
func (s *Server) reply(p hook.Payload, result dispatch.Result) hook.Reply {
	switch result {
	case dispatch.Accepted:
		return hook.Accepted()
	case dispatch.JustSent:
		return p.Refused(http.StatusTooManyRequests, s.Sentences.JustSent)
	case dispatch.TooMany:
		return p.Refused(http.StatusTooManyRequests, s.Sentences.TooMany)
	case dispatch.BadNumber:
		return p.Refused(http.StatusUnprocessableEntity, s.Sentences.Number)
	default:
		return p.Refused(http.StatusUnprocessableEntity, s.Sentences.Failed)
	}
}

// usualBody is more than a call takes unless the app keeps much in user_metadata.
const usualBody = 16 << 10

var (
	errTooLong = errors.New("the body is too long")
	errCutOff  = errors.New("the body could not be read to its end")
)

// readBody reads the whole body, up to the limit in bytes. Only then does net/http notice that the caller hangs up. What it returns
// must be called when nobody needs the body any more: few long ones are in memory at once.
func (s *Server) readBody(r *http.Request, limit int64) (body []byte, drop func(), err error) {
	drop = func() {}
	if r.ContentLength > limit {
		return nil, drop, errTooLong
	}
	var read bytes.Buffer
	read.Grow(int(min(max(r.ContentLength, 0), usualBody)) + bytes.MinRead)
	_, err = read.ReadFrom(io.LimitReader(r.Body, usualBody+1))
	if read.Len() > usualBody && err == nil {
		if conn := connOf(r); conn != nil {
			s.long.enter(conn)
			drop = sync.OnceFunc(s.long.leave)
			defer s.long.read(conn)
		}
		rest := limit + 1 - int64(read.Len())
		if r.ContentLength > 0 {
			rest = r.ContentLength + 1 - int64(read.Len())
		}
		// Once: it would double as it grows, and leave the halves behind.
		whole := make([]byte, 0, read.Len()+int(rest)+bytes.MinRead)
		read = *bytes.NewBuffer(append(whole, read.Bytes()...))
		_, err = read.ReadFrom(io.LimitReader(r.Body, rest))
	}
	switch {
	case err != nil:
		drop()
		return nil, func() {}, errCutOff
	case int64(read.Len()) > limit:
		drop()
		return nil, func() {}, errTooLong
	}
	return read.Bytes(), drop, nil
}

func bodyStatus(err error) int {
	if err == errTooLong {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}
