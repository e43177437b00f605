package hook

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// Reply is an answer to Auth. It is always JSON; Auth takes nothing else. It never has a Retry-After, which would make Auth
// call three times at once, and never redirects, which would make it call again by GET.
type Reply struct {
	Status int
	Body   []byte

	contentType string // of a reply received; one sent is always JSON
}

// Accepted answers that the message is on its way. Nothing else is a success in every version of Auth: not a 204, not an
// empty body, not another content type.
func Accepted() Reply { return Reply{Status: http.StatusOK, Body: []byte("{}")} }

// Problem answers a call that got no further than the door: its status is the one on the wire.
func Problem(status int, message string) Reply {
	var body struct {
		Error struct {
			HTTPCode int    `json:"http_code"`
			Message  string `json:"message"`
		} `json:"error"`
	}
	body.Error.HTTPCode, body.Error.Message = status, message
	text, _ := json.Marshal(body) // a struct of an int and a string always marshals
	return Reply{Status: status, Body: text}
}

// WriteTo sends the reply, head and body in one write: of a body that comes late, Auth shows the app an internal error with
// our address in it.
func (r Reply) WriteTo(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(r.Body)))
	w.WriteHeader(r.Status)
	w.Write(r.Body) // the caller may be gone, and nobody else would want to know
}
