package hook

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"
)

// Caller is Auth's side of the conversation: it signs a call, repeats it and judges the answer as Auth v2.196.0 does, or,
// for a body without metadata, as v2.174.0 to v2.186.x do. Source: internal/hooks/hookshttp, hookserrors and
// internal/api/mfa.go of supabase/auth.
type Caller struct {
	HTTP    *http.Client
	Secrets Secrets
}

// Auth's own numbers.
const (
	// AuthWaits is how long Auth waits for an answer, for all its attempts together.
	AuthWaits = 5 * time.Second

	attempts = 3
	backoff  = 2 * time.Second
	maxReply = 200 << 10
)

// Seen is what the app's user gets to see of a call.
type Seen struct {
	Status   int    // 200 is a success
	Message  string // of a failure
	Attempts int    // how often the hook was called
	Took     time.Duration
	Reply    *Reply // the hook's last answer, nil if it gave none
	Cause    error  // why there is none
}

// OK reports whether the user sees a success.
func (s Seen) OK() bool { return s.Status == http.StatusOK }

// Call calls the hook at url and tells what comes of it. The error is that of a call that can't be made, or of ctx.
func (c Caller) Call(ctx context.Context, url string, body []byte) (Seen, error) {
	start := time.Now()
	var p Payload
	_ = json.Unmarshal(body, &p) // a body that isn't one may be sent too, to see what happens
	seen, err := c.call(ctx, url, body, p.Metadata == nil)
	seen.Took = time.Since(start)
	if p.SMS.Type == MFA && !seen.OK() {
		seen.Status, seen.Message = http.StatusInternalServerError, "error invoking hook"
	}
	return seen, err
}

func (c Caller) call(ctx context.Context, url string, body []byte, old bool) (Seen, error) {
	limited, cancel := context.WithTimeout(ctx, AuthWaits)
	defer cancel()
	var seen Seen
	for seen.Attempts < attempts {
		request, err := c.Request(limited, url, body)
		if err != nil {
			return seen, err
		}
		seen.Attempts++
		reply, retry, err := c.attempt(request)
		seen.Cause = err
		if ctx.Err() != nil {
			return seen, ctx.Err()
		}
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return seen.late(), nil
		case errors.Is(err, errBroken):
			return seen.sees(http.StatusInternalServerError, "Unexpected failure, please check server logs for more information"), nil
		case err != nil && seen.Attempts == attempts:
			return seen.sees(http.StatusUnprocessableEntity, "Failed to reach hook after maximum retries"), nil
		case err != nil:
			select {
			case <-time.After(backoff):
			case <-limited.Done():
				return seen.late(), ctx.Err()
			}
		default:
			seen.Reply = &reply
			if !retry {
				return seen.judge(old), nil
			}
		}
	}
	return seen.sees(http.StatusInternalServerError, "Service currently unavailable due to hook"), nil
}

// Request returns one attempt at a call, signed now.
func (c Caller) Request(ctx context.Context, url string, body []byte) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept-Encoding", "identity")
	c.Secrets.Sign(request.Header, NewUUID(), time.Now(), body)
	return request, nil
}

// errBroken is an answer whose head came and whose body didn't. Auth doesn't repeat that.
var errBroken = errors.New("answer broken off")

// attempt makes one attempt, and tells whether the answer asks for another. A content type that Auth doesn't take is one
// of its own verdicts, so it is left to judge.
func (c Caller) attempt(request *http.Request) (reply Reply, retry bool, err error) {
	response, err := c.HTTP.Do(request)
	if err != nil {
		return Reply{}, false, err
	}
	defer response.Body.Close()
	status := response.StatusCode
	body, err := io.ReadAll(io.LimitReader(response.Body, maxReply+1))
	if err != nil {
		return Reply{}, false, errBroken
	}
	retry = (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) && response.Header.Get("Retry-After") != ""
	return Reply{Status: status, Body: body, contentType: response.Header.Get("Content-Type")}, retry, nil
}

func (s Seen) late() Seen {
	return s.sees(http.StatusUnprocessableEntity, fmt.Sprintf("Failed to reach hook within maximum time of %f seconds", AuthWaits.Seconds()))
}

func (s Seen) sees(status int, message string) Seen {
	s.Status, s.Message = status, message
	return s
}

// judge turns the last reply into what the user sees.
func (s Seen) judge(old bool) Seen {
	switch s.Reply.Status {
	case http.StatusNoContent:
		return s.sees(http.StatusOK, "")
	case http.StatusOK, http.StatusAccepted:
		return s.judgeBody(old)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return s.sees(http.StatusInternalServerError, "Service currently unavailable due to hook")
	case http.StatusBadRequest:
		return s.sees(http.StatusInternalServerError, "Invalid payload sent to hook")
	case http.StatusUnauthorized:
		return s.sees(http.StatusInternalServerError, "Hook requires authorization token")
	default:
		return s.sees(http.StatusInternalServerError, fmt.Sprintf("Unexpected status code returned from hook: %d", s.Reply.Status))
	}
}

func (s Seen) judgeBody(old bool) Seen {
	if media, _, err := mime.ParseMediaType(s.Reply.contentType); err != nil || media != "application/json" {
		return s.sees(http.StatusBadRequest, "Invalid JSON response. Received content-type: "+s.Reply.contentType)
	}
	if len(s.Reply.Body) > maxReply {
		return s.sees(http.StatusUnprocessableEntity, fmt.Sprintf("Payload size exceeded size limit of %d bytes", maxReply))
	}
	if !json.Valid(s.Reply.Body) {
		return s.sees(http.StatusInternalServerError, "Error unmarshaling JSON output.")
	}
	var body struct {
		Error *struct {
			HTTPCode int    `json:"http_code"`
			Message  string `json:"message"`
		} `json:"error"`
	}
	// An error object of another shape, or without a text, counts as none; the versions without metadata look for none.
	if json.Unmarshal(s.Reply.Body, &body) != nil || body.Error == nil || body.Error.Message == "" || old {
		return s.sees(http.StatusOK, "")
	}
	if body.Error.HTTPCode < 100 || body.Error.HTTPCode > 999 { // 0 is none; with the others Auth panics
		return s.sees(http.StatusInternalServerError, body.Error.Message)
	}
	return s.sees(body.Error.HTTPCode, body.Error.Message)
}

// NewUUID returns a random UUID, as Auth makes them for its calls.
func NewUUID() string {
	var u [16]byte
	rand.Read(u[:]) // it never fails
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// Example is the body of a call as Auth makes it, for a number that nobody has and with a new uuid.
func Example() []byte {
	id, now := NewUUID(), time.Now().UTC().Format(time.RFC3339Nano)
	return fmt.Appendf(nil, `{"metadata":{"uuid":"%s","time":"%s","name":"send-sms","ip_address":"127.0.0.1"},`+
		`"user":{"id":"%s","aud":"authenticated","role":"authenticated","phone":"15555550100","user_metadata":{}},`+
		`"sms":{"otp":"123456","phone":"15555550100"}}`, id, now, NewUUID())
}
