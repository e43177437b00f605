package hook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// hookFunc is a hook that is called without a network. attempt counts from 1.
type hookFunc func(attempt int, r *http.Request) (*http.Response, error)

// answer makes a response. If contentType is empty, it has none.
func answer(status int, contentType, body string, extra ...string) (*http.Response, error) {
	header := http.Header{}
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(extra); i += 2 {
		header.Set(extra[i], extra[i+1])
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
}

type transport struct {
	hook     hookFunc
	attempts int
	ids      map[string]bool
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.attempts++
	t.ids[r.Header.Get("webhook-id")] = true
	return t.hook(t.attempts, r)
}

const (
	jsonType   = "application/json"
	newCall    = `{"metadata":{"uuid":"u"},"user":{"phone":"1"},"sms":{"otp":"1"}}`
	oldCall    = `{"user":{"phone":"1"},"sms":{"otp":"1"}}`
	mfaCall    = `{"metadata":{"uuid":"u"},"user":{"phone":"1"},"sms":{"otp":"1","sms_type":"mfa"}}`
	refused422 = `{"error":{"http_code":422,"message":"no"}}`
)

// The results were measured on the real server.
func TestCallerInterpretsAnswersAsAuthDoes(t *testing.T) {
	always := func(status int, contentType, body string, extra ...string) hookFunc {
		return func(int, *http.Request) (*http.Response, error) { return answer(status, contentType, body, extra...) }
	}
	hang := func(_ int, r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	broken := func(int, *http.Request) (*http.Response, error) { return nil, errors.New("connection reset") }
	const (
		unexpected  = "Unexpected status code returned from hook: "
		unavailable = "Service currently unavailable due to hook"
	)
	for _, tt := range []struct {
		name     string
		call     string
		hook     hookFunc
		status   int
		message  string
		attempts int
		took     time.Duration
	}{
		{"success", newCall, always(200, jsonType, `{}`), 200, "", 1, 0},
		{"success, with a charset", newCall, always(200, "application/json; charset=utf-8", `{}`), 200, "", 1, 0},
		{"202", newCall, always(202, jsonType, `{}`), 200, "", 1, 0},
		{"204", newCall, always(204, "", ``), 200, "", 1, 0},
		{"empty body", newCall, always(200, jsonType, ``), 500, "Error unmarshaling JSON output.", 1, 0},
		{"no content type", newCall, always(200, "", `{}`), 400, "Invalid JSON response. Received content-type: ", 1, 0},
		{"text", newCall, always(200, "text/plain", `{}`), 400, "Invalid JSON response. Received content-type: text/plain", 1, 0},
		{"201", newCall, always(201, jsonType, `{}`), 500, unexpected + "201", 1, 0},
		{"refusal", newCall, always(200, jsonType, refused422), 422, "no", 1, 0},
		{"refusal, to an old server", oldCall, always(200, jsonType, refused422), 200, "", 1, 0},
		{"refusal by status", newCall, always(422, jsonType, refused422), 500, unexpected + "422", 1, 0},
		{"refusal by status, to an old server", oldCall, always(422, jsonType, refused422), 500, unexpected + "422", 1, 0},
		{"refusal in a challenge", mfaCall, always(200, jsonType, refused422), 500, "error invoking hook", 1, 0},
		{"no http_code", newCall, always(200, jsonType, `{"error":{"message":"no"}}`), 500, "no", 1, 0},
		{"http_code is not a status", newCall, always(200, jsonType, `{"error":{"http_code":21211,"message":"no"}}`), 500, "no", 1, 0},
		{"http_code is a string", newCall, always(200, jsonType, `{"error":{"http_code":"422","message":"no"}}`), 200, "", 1, 0},
		{"empty message", newCall, always(200, jsonType, `{"error":{"http_code":422,"message":""}}`), 200, "", 1, 0},
		{"error is a string", newCall, always(200, jsonType, `{"error":"no"}`), 200, "", 1, 0},
		{"400", newCall, always(400, jsonType, `{}`), 500, "Invalid payload sent to hook", 1, 0},
		{"401", newCall, always(401, jsonType, `{}`), 500, "Hook requires authorization token", 1, 0},
		{"429", newCall, always(429, jsonType, `{}`), 500, unavailable, 1, 0},
		{"503", newCall, always(503, jsonType, `{}`), 500, unavailable, 1, 0},
		{"429 with Retry-After", newCall, always(429, jsonType, `{}`, "Retry-After", "60"), 500, unavailable, 3, 0},
		{"503 with Retry-After", newCall, always(503, jsonType, `{}`, "Retry-After", "x"), 500, unavailable, 3, 0},
		{"500 with Retry-After", newCall, always(500, jsonType, `{}`, "Retry-After", "60"), 500, unexpected + "500", 1, 0},
		{"body too long", newCall, always(200, jsonType, strings.Repeat(" ", 204801)), 422, "Payload size exceeded size limit of 204800 bytes", 1, 0},
		{"three connections break", newCall, broken, 422, "Failed to reach hook after maximum retries", 3, 4 * time.Second},
		{"hangs", newCall, hang, 422, "Failed to reach hook within maximum time of 5.000000 seconds", 1, 5 * time.Second},
		{"one connection breaks", newCall, func(attempt int, _ *http.Request) (*http.Response, error) {
			if attempt == 1 {
				return nil, errors.New("connection reset")
			}
			return answer(200, jsonType, `{}`)
		}, 200, "", 2, 2 * time.Second},
		{"one connection breaks, the next hangs", newCall, func(attempt int, r *http.Request) (*http.Response, error) {
			if attempt == 1 {
				return nil, errors.New("connection reset")
			}
			return hang(attempt, r)
		}, 422, "Failed to reach hook within maximum time of 5.000000 seconds", 2, 5 * time.Second},
		{"a connection breaks after 4 s", newCall, func(_ int, r *http.Request) (*http.Response, error) {
			time.Sleep(4 * time.Second)
			return nil, errors.New("connection reset")
		}, 422, "Failed to reach hook within maximum time of 5.000000 seconds", 1, 5 * time.Second},
		{"body cut off", newCall, func(int, *http.Request) (*http.Response, error) {
			response, err := answer(200, jsonType, ``)
			response.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), brokenReader{}))
			return response, err
		}, 500, "Unexpected failure, please check server logs for more information", 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				wire := &transport{hook: tt.hook, ids: map[string]bool{}}
				caller := Caller{HTTP: &http.Client{Transport: wire}, Secrets: parsed(t, key("a", 24))}
				seen, err := caller.Call(t.Context(), "http://hook.example", []byte(tt.call))
				require.NoError(t, err)
				seen.Reply, seen.Cause = nil, nil
				require.Equal(t, Seen{tt.status, tt.message, tt.attempts, tt.took, nil, nil}, seen)
				require.Equal(t, tt.attempts, wire.attempts)
				require.Len(t, wire.ids, tt.attempts, "each attempt has its own webhook-id")
			})
		})
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestCallerStopsWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wire := &transport{ids: map[string]bool{}, hook: func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}}
		caller := Caller{HTTP: &http.Client{Transport: wire}, Secrets: parsed(t, key("a", 24))}
		_, err := caller.Call(ctx, "http://hook.example", []byte(newCall))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	_, err := Caller{HTTP: http.DefaultClient}.Call(t.Context(), "not a url\x00", nil)
	require.Error(t, err)
}

func TestExampleIsAValidCall(t *testing.T) {
	p, err := Decode(Example())
	require.NoError(t, err)
	require.Equal(t, "15555550100", p.Phone().Reveal())
	require.NotEqual(t, Example(), Example(), "each has its own uuid")
}
