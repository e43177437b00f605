package hook

import (
	"encoding/json"
	"net/http"
)

// Reply is an answer to Auth. Its body is JSON: Auth accepts nothing else. It has no Retry-After, which would make Auth call three
// times at once. It is never a redirect, which would make Auth call again by GET. Its head and body must be sent in one write: if the
// body comes late, Auth shows the app an internal error that has our address in it.
type Reply struct {
	Status int
	Body   []byte

	contentType string // of a reply that a Caller received
}

// Accepted answers that the message is on its way. No other answer is a success in every version of Auth: not a 204, not an empty
// body, not another content type.
func Accepted() Reply { return Reply{Status: http.StatusOK, Body: []byte("{}")} }

// Problem answers a call that is not dispatched. Its HTTP status is the given one, in every version of Auth.
func Problem(status int, message string) Reply {
	var body struct {
		Error struct {
			HTTPCode int    `json:"http_code"`
			Message  string `json:"message"`
		} `json:"error"`
	}
	body.Error.HTTPCode, body.Error.Message = status, message
	text, _ := json.Marshal(body) // an int and a string always marshal
	return Reply{Status: status, Body: text}
}
