package server

import (
	"net/http"

	"github.com/smshook/smshook/internal/dispatch"
)

// Sentences are what the app's user reads if no message is sent. None of them is empty.
type Sentences struct {
	JustSent string // another message was sent just before, and its code is valid
	TooMany  string // a limit refused the message
	Number   string // the number can't be reached, or must not be
	Failed   string // no instance accepted the message
}

// Answer returns the sentence for a result other than Accepted, and the HTTP status that goes with it: a 4xx, as hook.Payload.Refused
// needs it.
func (s Sentences) Answer(result dispatch.Result) (status int, sentence string) {
	switch result {
	case dispatch.JustSent:
		return http.StatusTooManyRequests, s.JustSent
	case dispatch.TooMany:
		return http.StatusTooManyRequests, s.TooMany
	case dispatch.BadNumber:
		return http.StatusUnprocessableEntity, s.Number
	default:
		return http.StatusUnprocessableEntity, s.Failed
	}
}
