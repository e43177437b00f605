package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/smshook/smshook/providers"
)

// Caller calls a hook as Auth does: it signs a call, repeats it, and interprets the answer as v2.196.0 does. A body without metadata is
// treated as v2.174.0 to v2.186.x treat it. Source: internal/hooks/hookshttp, hookserrors and internal/api/mfa.go of supabase/auth.
// Its methods may be called concurrently.
type Caller struct {
	HTTP    *http.Client
	Secrets Secrets
}

// Auth's constants.
const (
	// AuthWaits is how long Auth waits for an answer, for all its attempts together.
	AuthWaits = 5 * time.Second

	attempts = 3
	backoff  = 2 * time.Second
	maxReply = 200 << 10
)

// Seen is what the app's user sees of a call.
type Seen struct {
	Status   int    // 200 is a success
	Message  string // empty for a success
	Attempts int    // how many requests the hook got
	Took     time.Duration
	Reply    *Reply // the hook's last answer; nil if there was none
	Cause    error  // why the last attempt had no answer
}

// OK reports whether the user sees a success.
func (s Seen) OK() bool { return s.Status == http.StatusOK }

// Call calls the hook at url. It takes AuthWaits at most. The error is not nil if the request can't be made, or if ctx ended.
func (c Caller) Call(ctx context.Context, url string, body []byte) (Seen, error) {
	start := time.Now()
	var p Payload
	_ = json.Unmarshal(body, &p) // an invalid body may be sent too, to see what happens
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
			return seen.timedOut(), nil
		case errors.Is(err, errBroken):
			return seen.with(http.StatusInternalServerError, "Unexpected failure, please check server logs for more information"), nil
		case err != nil && seen.Attempts == attempts:
			return seen.with(http.StatusUnprocessableEntity, "Failed to reach hook after maximum retries"), nil
		case err != nil:
			select {
			case <-time.After(backoff):
			case <-limited.Done():
				return seen.timedOut(), ctx.Err()
			}
		default:
			seen.Reply = &reply
			if !retry {
				return seen.interpret(old), nil
			}
		}
	}
	return seen.with(http.StatusInternalServerError, "Service currently unavailable due to hook"), nil
}

// Request returns one attempt of a call, signed now.
func (c Caller) Request(ctx context.Context, url string, body []byte) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept-Encoding", "identity")
	c.Secrets.Sign(request.Header, providers.NewUUID(), time.Now(), body)
	return request, nil
}

// errBroken means that the head of an answer came, but not the whole body. Auth doesn't repeat such a call.
var errBroken = errors.New("the answer was cut off")

// attempt makes one attempt. retry reports whether the answer makes Auth call again. The content type is interpret's matter.
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

func (s Seen) timedOut() Seen {
	return s.with(http.StatusUnprocessableEntity, fmt.Sprintf("Failed to reach hook within maximum time of %f seconds", AuthWaits.Seconds()))
}

func (s Seen) with(status int, message string) Seen {
	s.Status, s.Message = status, message
	return s
}

// interpret turns the last reply into what the user sees. old means that the call had no metadata.
func (s Seen) interpret(old bool) Seen {
	switch s.Reply.Status {
	case http.StatusNoContent:
		return s.with(http.StatusOK, "")
	case http.StatusOK, http.StatusAccepted:
		return s.interpretBody(old)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return s.with(http.StatusInternalServerError, "Service currently unavailable due to hook")
	case http.StatusBadRequest:
		return s.with(http.StatusInternalServerError, "Invalid payload sent to hook")
	case http.StatusUnauthorized:
		return s.with(http.StatusInternalServerError, "Hook requires authorization token")
	default:
		return s.with(http.StatusInternalServerError, fmt.Sprintf("Unexpected status code returned from hook: %d", s.Reply.Status))
	}
}

func (s Seen) interpretBody(old bool) Seen {
	if media, _, err := mime.ParseMediaType(s.Reply.contentType); err != nil || media != "application/json" {
		return s.with(http.StatusBadRequest, "Invalid JSON response. Received content-type: "+s.Reply.contentType)
	}
	if len(s.Reply.Body) > maxReply {
		return s.with(http.StatusUnprocessableEntity, fmt.Sprintf("Payload size exceeded size limit of %d bytes", maxReply))
	}
	if !json.Valid(s.Reply.Body) {
		return s.with(http.StatusInternalServerError, "Error unmarshaling JSON output.")
	}
	var body struct {
		Error *struct {
			HTTPCode int    `json:"http_code"`
			Message  string `json:"message"`
		} `json:"error"`
	}
	// Auth ignores an error object that has another shape or no message. The versions without metadata ignore any.
	if json.Unmarshal(s.Reply.Body, &body) != nil || body.Error == nil || body.Error.Message == "" || old {
		return s.with(http.StatusOK, "")
	}
	if body.Error.HTTPCode < 100 || body.Error.HTTPCode > 999 { // Auth takes 0 for no code, and panics on the others
		return s.with(http.StatusInternalServerError, body.Error.Message)
	}
	return s.with(body.Error.HTTPCode, body.Error.Message)
}

// Example returns the body of a call as Auth sends it, with a new uuid, for a number that is not in use.
func Example() []byte {
	id, now := providers.NewUUID(), time.Now().UTC().Format(time.RFC3339Nano)
	return fmt.Appendf(nil, `{"metadata":{"uuid":"%s","time":"%s","name":"send-sms","ip_address":"127.0.0.1"},`+
		`"user":{"id":"%s","aud":"authenticated","role":"authenticated","phone":"15555550100","user_metadata":{}},`+
		`"sms":{"otp":"123456","phone":"15555550100"}}`, id, now, providers.NewUUID())
}
