package api

import (
	"encoding/json"
	"net/http"
	"time"
)

// The codes of problems. The first three are those of the contract.
const (
	InvalidPhoneNumber = "INVALID_PHONE_NUMBER"
	Unauthorized       = "UNAUTHORIZED"
	SMSNotEnabled      = "SMS_NOT_ENABLED"
	InvalidRequest     = "INVALID_REQUEST"
	TooLarge           = "TOO_LARGE"
	RateLimited        = "RATE_LIMITED"
	NotFound           = "NOT_FOUND"
	Conflict           = "CONFLICT"
	KeyReused          = "IDEMPOTENCY_KEY_REUSED"
	Unavailable        = "UNAVAILABLE"
	Internal           = "INTERNAL"
)

// Problem is why a request is refused. Its text is for the caller's developer, and quotes nothing of the request.
type Problem struct {
	Status  int
	Code    string
	Message string
	After   time.Duration // until a limit allows the same request; else 0
}

func (p *Problem) Error() string { return p.Message }

// MarshalJSON writes the body of the answer.
func (p *Problem) MarshalJSON() ([]byte, error) {
	var body struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	body.Error.Code, body.Error.Message = p.Code, p.Message
	return json.Marshal(body)
}

func invalid(message string) *Problem {
	return &Problem{Status: http.StatusBadRequest, Code: InvalidRequest, Message: message}
}

func wrong(field, what string) *Problem { return invalid("The '" + field + "' field " + what) }

func missing(field string) *Problem { return wrong(field, "is required") }

// What is wrong with a request before its fields are read.
var (
	NotJSONType = &Problem{Status: http.StatusUnsupportedMediaType, Code: InvalidRequest, Message: "The Content-Type header must be application/json"}
	BodyTooLong = &Problem{Status: http.StatusRequestEntityTooLarge, Code: TooLarge, Message: "The body must have at most 262144 bytes"}
	BodyCutOff  = &Problem{Status: http.StatusBadRequest, Code: InvalidRequest, Message: "The body could not be read to its end"}
	Broken      = &Problem{Status: http.StatusInternalServerError, Code: Internal, Message: "The server has made a mistake; it isn't known whether the message was kept"}
)

// Status is how far a message is, in the words of the contract and three of ours.
type Status string

// The states. A message goes from the first to one of the last five.
const (
	Scheduled   Status = "scheduled"   // it is sent later
	Queued      Status = "queued"      // it is sent as soon as possible
	Sent        Status = "sent"        // a provider has it
	Delivered   Status = "delivered"   // it is on the phone
	Undelivered Status = "undelivered" // a mobile network could not deliver it
	Failed      Status = "failed"      // no provider took it, or the provider could not send it
	Canceled    Status = "canceled"    // the caller has canceled it
	Expired     Status = "expired"     // it could not be sent in time
)

// Final reports whether the status never changes again.
func (s Status) Final() bool {
	switch s {
	case Delivered, Undelivered, Failed, Canceled, Expired:
		return true
	}
	return false
}

// Message is a message as its caller sees it.
type Message struct {
	Success     bool            `json:"success"`
	ID          string          `json:"message_id"`
	Status      Status          `json:"status"`
	Segments    int             `json:"segments"`
	From        string          `json:"from_number"`
	To          string          `json:"to_number"`
	CreatedAt   Time            `json:"created_at"`
	ScheduledAt Time            `json:"scheduled_at,omitzero"`
	Metadata    json.RawMessage `json:"metadata,omitempty"`
}

// Recipients is the answer for a list: an answer for each number, in the order of the numbers. It is a success if one of them is.
type Recipients struct {
	Success bool  `json:"success"`
	Results []any `json:"results"` // Message or *Problem
}

// Event is a change of a message's status, as it is sent to the operator's address.
type Event struct {
	Event     string          `json:"event"` // always message.status_changed
	ID        string          `json:"message_id"`
	Status    Status          `json:"status"`
	To        string          `json:"to_number"`
	From      string          `json:"from_number"`
	Timestamp Time            `json:"timestamp"`
	Metadata  json.RawMessage `json:"metadata,omitempty"`
}

// StatusChanged is the only kind of event.
const StatusChanged = "message.status_changed"

// Time is written in UTC, to the millisecond.
type Time struct{ time.Time }

// MarshalJSON writes the time as 2026-01-16T10:00:00.000Z.
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(`"` + t.UTC().Format("2006-01-02T15:04:05.000Z07:00") + `"`), nil
}

// Limited refuses a message that a limit of its caller doesn't allow for that long.
func Limited(after time.Duration) *Problem {
	return &Problem{Status: http.StatusTooManyRequests, Code: RateLimited, Message: "Too many messages; try again later", After: after}
}
