package server

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/submission"
)

// The paths of the message API.
const (
	SendPath    = "/send-sms"
	messagePath = "/messages/{id}"
	openAPIPath = "/openapi.json"
)

// Submissions take the messages of the message API.
type Submissions interface {
	Submit(ctx context.Context, c submission.Caller, idempotencyKey string, digest [sha256.Size]byte, r api.Request) ([]submission.Answer, *api.Problem)
	Message(ctx context.Context, c submission.Caller, id string) (*api.Message, *api.Problem)
	Cancel(ctx context.Context, c submission.Caller, id string) (*api.Message, *api.Problem)
}

// apiTime is how long a request may wait for the store, and for a provider. It is less than WriteTimeout.
const apiTime = 5500 * time.Millisecond

// serveAPI adds the routes of the message API.
func (s *Server) serveAPI(r chi.Router) {
	r.Post(SendPath, s.logged(s.asCaller(s.submit)))
	r.Get(messagePath, s.logged(s.asCaller(s.message(s.Submissions.Message))))
	r.Delete(messagePath, s.logged(s.asCaller(s.message(s.Submissions.Cancel))))
	r.Get(openAPIPath, s.logged(func(w *response, _ *http.Request) { writeJSON(w, http.StatusOK, api.Description) }))
}

// apiCall is what the log and the metrics need of a request of the message API.
type apiCall struct {
	caller  submission.Caller
	taken   int // messages
	refused int // numbers of a list
}

// name is the caller's name for the log and the metrics: that of a key, user for all users, or nothing if the caller is unknown.
func (c *apiCall) name() string {
	if c.caller.User != "" {
		return "user"
	}
	return c.caller.Key
}

// asCaller lets callers in that have a key, or a user's access token.
func (s *Server) asCaller(next func(w *response, r *http.Request)) handler {
	return func(w *response, r *http.Request) {
		w.api = &apiCall{}
		w.onPanic = func(w *response) { refuseAPI(w, api.Broken) }
		if s.keyInQuery(r) {
			w.closeConnection()
			refuseAPI(w, api.KeyInQuery)
			return
		}
		caller, ok := s.caller(api.Bearer(r.Header))
		if !ok {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.closeConnection()
			refuseAPI(w, api.NoKey)
			return
		}
		w.api.caller = caller
		undo := authenticated(r)
		defer func() {
			if caller.Key == "" && w.api.taken == 0 { // each user of the app has a token
				undo()
			}
		}()
		ctx, cancel := context.WithTimeout(r.Context(), apiTime)
		defer cancel()
		next(w, r.WithContext(ctx))
	}
}

func (s *Server) caller(secret string) (submission.Caller, bool) {
	keys := s.Keys.Load()
	if name, ok := keys.API.Caller(secret); ok {
		return submission.Caller{Key: name}, true
	}
	if keys.Tokens != nil && secret != "" {
		id, ok := keys.Tokens.User(secret)
		return submission.Caller{User: id}, ok
	}
	return submission.Caller{}, false
}

// keyInQuery reports whether a key or a token stands in the address.
func (s *Server) keyInQuery(r *http.Request) bool {
	if r.URL.RawQuery == "" {
		return false
	}
	for _, values := range r.URL.Query() {
		for _, value := range values {
			if _, known := s.caller(value); known {
				return true
			}
		}
	}
	return false
}

// submit takes messages.
func (s *Server) submit(w *response, r *http.Request) {
	idempotencyKey, problem := api.IdempotencyKey(r.Header)
	if problem == nil {
		problem = contentType(r)
	}
	if problem != nil {
		w.closeConnection()
		refuseAPI(w, problem)
		return
	}
	body, release, err := s.readBody(r, api.MaxBody)
	if err != nil {
		w.closeConnection()
		refuseAPI(w, bodyProblem(err))
		return
	}
	defer release()
	request, problem := api.Decode(body)
	if problem != nil {
		refuseAPI(w, problem)
		return
	}
	digest := sha256.Sum256(body)
	release()
	answers, problem := s.Submissions.Submit(r.Context(), w.api.caller, idempotencyKey, digest, request)
	switch {
	case problem != nil:
		refuseAPI(w, problem)
	case request.List:
		answerList(w, answers)
	case answers[0].Problem != nil:
		refuseAPI(w, answers[0].Problem)
	default:
		w.api.taken = 1
		answerMessage(w, answers[0].Message)
	}
}

// message answers with a message, or with what was done to it.
func (s *Server) message(do func(context.Context, submission.Caller, string) (*api.Message, *api.Problem)) func(w *response, r *http.Request) {
	return func(w *response, r *http.Request) {
		m, problem := do(r.Context(), w.api.caller, chi.URLParam(r, "id"))
		if problem != nil {
			refuseAPI(w, problem)
			return
		}
		answerMessage(w, m)
	}
}

func answerMessage(w *response, m *api.Message) {
	w.id = m.ID
	writeAnswer(w, http.StatusOK, m)
}

// answerList answers for each number. The request is a success if one of the numbers is.
func answerList(w *response, answers []submission.Answer) {
	list := api.Recipients{Results: make([]any, 0, len(answers))}
	for _, a := range answers {
		if a.Problem != nil {
			w.api.refused++
			list.Results = append(list.Results, a.Problem)
			continue
		}
		w.api.taken++
		list.Success = true
		list.Results = append(list.Results, a.Message)
	}
	writeAnswer(w, http.StatusOK, list)
}

// refuseAPI answers with a problem.
func refuseAPI(w *response, p *api.Problem) {
	w.reason = p
	if p.After > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((p.After+time.Second-1)/time.Second)))
	}
	writeAnswer(w, p.Status, p)
}

func writeAnswer(w *response, status int, answer any) {
	body, err := json.Marshal(answer)
	if err != nil {
		panic("an answer can always be encoded")
	}
	writeJSON(w, status, body)
}

// contentType refuses what isn't said to be JSON, as the contract has it. A web page can't send that type to another site without asking.
func contentType(r *http.Request) *api.Problem {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return api.NotJSONType
	}
	return nil
}

func bodyProblem(err error) *api.Problem {
	if err == errTooLong {
		return api.BodyTooLong
	}
	return api.BodyCutOff
}
