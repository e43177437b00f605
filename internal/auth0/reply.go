package auth0

import "encoding/json"

// Reply is an answer to an Action.
type Reply struct {
	Status int
	Body   []byte
}

// Accepted answers that the message is on its way. MessageID is what Auth0's own examples return.
func Accepted(id string) Reply {
	body, _ := json.Marshal(struct{ MessageID string }{id}) // a string always marshals
	return Reply{200, body}
}

// Refused answers that no message is sent, and why. The Action asks Auth0 to try again later if retry is true, and otherwise to give
// up. The message reaches the log of Auth0's tenant: it must not hold the number or the code.
func Refused(status int, message string, retry bool) Reply {
	var b struct {
		Error struct {
			Message string `json:"message"`
			Retry   bool   `json:"retry"`
		} `json:"error"`
	}
	b.Error.Message, b.Error.Retry = message, retry
	body, _ := json.Marshal(b)
	return Reply{status, body}
}
