package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/message"
	"github.com/smshook/smshook/internal/metrics"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// instance is a Provider of one function.
type instance func(context.Context, providers.Message) (providers.Sent, error)

func (c instance) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	return c(ctx, m)
}

func accepts(context.Context, providers.Message) (providers.Sent, error) {
	return providers.Sent{}, nil
}

const (
	secret  = "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	newCall = `{"metadata":{"uuid":"17b0fe8e-a689-4d05-8fe5-d66826bf6c83"},"user":{},"sms":{"otp":"028687","phone":"15555550100"}}`
	oldID   = "4c1fa654-0515-f5db-fb78-919ec598d846" // the hash of oldCall
	oldCall = `{"user":{"phone":"15555550100"},"sms":{"otp":"028687"}}`
)

// newServer returns a server with one instance, and its log.
func newServer(t testing.TB, c instance) (*Server, *bytes.Buffer) {
	var secrets hook.Secrets
	require.NoError(t, secrets.UnmarshalText([]byte(secret)))
	texts, err := message.Load(message.Settings{}, nil)
	require.NoError(t, err)
	written := new(bytes.Buffer)
	s := &Server{
		Dispatcher: dispatch.New(
			dispatch.Settings{CallerWaits: hook.AuthWaits, Budget: 4 * time.Second, Concurrency: 10, Texts: texts},
			ledger.NewMemory(ledger.Settings{CallerWaits: hook.AuthWaits, MaxWaiting: 10}, policy.NewMemory(), time.Now),
			[]*race.Instance{race.NewInstance("pigeon", c, nil, 10)},
			&race.Runner{Patience: time.Second, Ended: func(race.Attempt) {}},
			dispatch.Events{},
		),
		Sentences: Sentences{JustSent: "just sent", TooMany: "too many", Number: "bad number", Failed: "not sent"},
		Metrics:   metrics.New("v1"),
		Log:       zerolog.New(zerolog.SyncWriter(written)).Level(zerolog.DebugLevel),
	}
	s.Keys.Store(&Keys{Hook: secrets})
	return s, written
}

// signed returns a call as Auth sends it.
func signed(s *Server, body string) *http.Request {
	request := httptest.NewRequest(http.MethodPost, HookPath, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	s.Keys.Load().Hook.Sign(request.Header, providers.NewUUID(), time.Now(), []byte(body))
	return request
}

// answer is a whole response: status, header and body.
func answer(h http.Handler, r *http.Request) string {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return fmt.Sprintf("%d %s %s", w.Code, w.Header(), w.Body)
}

func head(length int) string {
	return fmt.Sprintf("map[Content-Length:[%d] Content-Type:[application/json]]", length)
}

func TestAnswers(t *testing.T) {
	fails := func(kind providers.Kind) instance {
		return func(context.Context, providers.Message) (providers.Sent, error) {
			return providers.Sent{}, &providers.Error{Kind: kind, Code: "7", Err: io.ErrUnexpectedEOF}
		}
	}
	panics := func(_ context.Context, m providers.Message) (providers.Sent, error) { panic(m.Code.Reveal()) }
	problem := func(code int, text string) string {
		return fmt.Sprintf(`{"error":{"http_code":%d,"message":%q}}`, code, text)
	}
	notSent, badNumber := problem(422, "not sent"), problem(422, "bad number")
	for _, tt := range []struct {
		name     string
		instance instance
		body     string
		status   int
		want     string
	}{
		{"accepted", accepts, newCall, 200, `{}`},
		{"accepted, old server", accepts, oldCall, 200, `{}`},
		{"failed", fails(providers.Temporary), newCall, 200, notSent},
		{"failed, old server", fails(providers.Temporary), oldCall, 422, notSent},
		{"bad_number", fails(providers.Recipient), newCall, 200, badNumber},
		{"bad number, old server", fails(providers.Recipient), oldCall, 422, badNumber},
		{"may have been sent", fails(providers.Unknown), newCall, 200, `{}`},
		{"an instance panics", panics, newCall, 200, notSent},
		{"an instance panics, old server", panics, oldCall, 422, notSent},
		{"invalid number", accepts, strings.Replace(newCall, "15555550100", "12", 1), 200, badNumber},
		{"no JSON", accepts, newCall[1:], 400, problem(400, "the body is not JSON, at byte 11")},
		{"no code", accepts, strings.Replace(newCall, "028687", "", 1), 400, problem(400, "sms.otp is missing")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := newServer(t, tt.instance)
			got := answer(s.Handler(), signed(s, tt.body))
			require.Equal(t, fmt.Sprintf("%d %s %s", tt.status, head(len(tt.want)), tt.want), got)
		})
	}
}

func TestRequest(t *testing.T) {
	body := []byte(`{"metadata":{"uuid":"17b0fe8e-a689-4d05-8fe5-d66826bf6c83","time":"2026-11-21T00:05:07Z"},` +
		`"user":{"id":"a-user","phone":"15555550101","last_sign_in_at":"2026-11-21T00:05:00Z","confirmation_sent_at":"2026-11-21T00:04:50Z","user_metadata":{"locale":"de"}},` +
		`"sms":{"otp":"028687","phone":"15555550100","sms_type":"mfa"}}`)
	payload, err := hook.Decode(body)
	require.NoError(t, err)
	receivedAt := time.Unix(1795219509, 20e6)
	got := Request(payload, payload.ID(body), http.Header{"Webhook-Timestamp": {"1795219509"}}, receivedAt)
	require.Equal(t, []string{"15555550100", "028687"}, []string{got.Phone.Reveal(), got.Code.Reveal()})
	require.Equal(t, dispatch.Request{
		ID: "17b0fe8e-a689-4d05-8fe5-d66826bf6c83", User: "a-user", Phone: got.Phone, Code: got.Code, Locale: "de", MFA: true,
		Kind: ledger.MFA, LastSignIn: "2026-11-21T00:05:00Z", Stored: "2026-11-21T00:04:50Z  ",
		Account: ledger.Account{Number: "15555550101", OTPSentAt: ledger.At(time.Date(2026, 11, 21, 0, 4, 50, 0, time.UTC))},
		AskedAt: ledger.At(time.Date(2026, 11, 21, 0, 5, 7, 0, time.UTC)), ReceivedAt: receivedAt, Spent: 2020 * time.Millisecond,
	}, got)
}

func TestRefusedRequests(t *testing.T) {
	s, _ := newServer(t, accepts)
	request := func(method, path, body string) *http.Request {
		return httptest.NewRequest(method, path, strings.NewReader(body))
	}
	long := strings.Repeat(" ", hook.MaxBody+1)
	chunked := signed(s, long)
	chunked.ContentLength = -1
	cut := signed(s, newCall)
	cut.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), errorReader{}))
	unsigned := request("POST", HookPath, "")
	unsigned.Body = io.NopCloser(unread{t})
	empty := signed(s, newCall)
	empty.Header.Set("webhook-signature", "")
	forged := signed(s, newCall)
	forged.Body = io.NopCloser(strings.NewReader(newCall + " "))
	const closes = "map[Connection:[close] "
	for _, tt := range []struct {
		name    string
		request *http.Request
		head    string
		status  int
		message string
	}{
		{"no signature", unsigned, closes, 401, "a webhook-id, webhook-timestamp or webhook-signature header is missing: Auth signs its calls, and smshook sign signs one for a test"},
		{"another body's signature", forged, "map[", 401, "the signature matches none of our secrets"},
		{"an empty signature", empty, closes, 401, "the signature is empty: Auth has no secret for this hook"},
		{"too long", signed(s, long), closes, 413, "the body is too long"},
		{"too long, in chunks", chunked, closes, 413, "the body is too long"},
		{"cut off", cut, closes, 400, "the body could not be read to its end"},
		{"GET", request("GET", HookPath, ""), "map[", 405, "this path doesn't take this method; Auth calls the hook by POST"},
		{"an odd method", request("BREW", HookPath, ""), "map[", 405, "this path doesn't take this method; Auth calls the hook by POST"},
		{"an unknown path", request("POST", "/", newCall), "map[", 404, "no such path; the hook is at /hooks/send-sms"},
		{"a slash at the end", request("POST", HookPath+"/", newCall), "map[", 404, "no such path; the hook is at /hooks/send-sms"},
		{"two slashes at the start", request("POST", "//hooks/send-sms", newCall), "map[", 404, "no such path; the hook is at /hooks/send-sms"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := fmt.Sprintf(`{"error":{"http_code":%d,"message":%q}}`, tt.status, tt.message)
			head := strings.Replace(head(len(body)), "map[", tt.head, 1)
			require.Equal(t, fmt.Sprintf("%d %s %s", tt.status, head, body), answer(s.Handler(), tt.request))
		})
	}
}

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestBodyLimitIsExact(t *testing.T) {
	s, _ := newServer(t, accepts)
	body := newCall + strings.Repeat(" ", hook.MaxBody-len(newCall))
	require.Equal(t, "200 "+head(2)+" {}", answer(s.Handler(), signed(s, body)))
}

func TestHealth(t *testing.T) {
	s, _ := newServer(t, accepts)
	get := func(path string) string {
		return answer(s.Handler(), httptest.NewRequest("GET", path, nil))
	}
	require.Equal(t, "200 "+head(2)+" {}", get("/healthz"))
	require.Equal(t, "200 "+head(2)+" {}", get("/readyz"))
	s.Drain()
	closing := func(length int) string { return strings.Replace(head(length), "map[", "map[Connection:[close] ", 1) }
	require.Equal(t, "200 "+closing(2)+" {}", get("/healthz"), "a draining server is healthy")
	require.Equal(t, `503 `+closing(53)+` {"error":{"http_code":503,"message":"shutting down"}}`, get("/readyz"))
}

// Of two requests at once, the second is answered that a message was just sent.
func TestSecondOfTwoRequestsIsJustSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, func(context.Context, providers.Message) (providers.Sent, error) {
			time.Sleep(time.Second)
			return providers.Sent{}, nil
		})
		handler := s.Handler()
		call := func(body string) chan string {
			answered := make(chan string, 1)
			go func() { answered <- answer(handler, signed(s, body)) }()
			synctest.Wait()
			return answered
		}
		first, second, old := call(newCall), call(strings.Replace(newCall, "17b0fe8e", "00000000", 1)), call(oldCall)
		refusal := `{"error":{"http_code":429,"message":"just sent"}}`
		require.Equal(t, "200 "+head(2)+" {}", <-first)
		require.Equal(t, fmt.Sprintf("200 %s %s", head(len(refusal)), refusal), <-second)
		require.Equal(t, fmt.Sprintf("429 %s %s", head(len(refusal)), refusal), <-old)
	})
}

func TestLog(t *testing.T) {
	fails := func(err providers.Error) instance {
		return func(context.Context, providers.Message) (providers.Sent, error) { return providers.Sent{}, &err }
	}
	account := fails(providers.Error{Kind: providers.Account, Code: "7", Err: errors.New("answer 401")})
	unsure := fails(providers.Error{Kind: providers.Unknown, Err: errors.New("no answer")})
	unreachable := fails(providers.Error{Kind: providers.Recipient, Err: errors.New("answer 400")})
	named := func(context.Context, providers.Message) (providers.Sent, error) {
		return providers.Sent{IDs: []string{"SM1"}}, nil
	}
	left := func(s *Server) *http.Request {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return signed(s, newCall).WithContext(ctx)
	}
	for _, tt := range []struct {
		name     string
		instance instance
		request  func(*Server) *http.Request
		want     string
	}{
		{"a call", accepts, func(s *Server) *http.Request { return signed(s, newCall) },
			`{"level":"info","id":"17b0fe8e-a689-4d05-8fe5-d66826bf6c83","result":"accepted","phone":"+1555****100","calling_code":1,"attempts":[{"instance":"pigeon"}],"status":200,"message":"hook"}`},
		{"an invalid number", accepts, func(s *Server) *http.Request { return signed(s, strings.Replace(newCall, "15555550100", "12", 1)) },
			`{"level":"info","id":"17b0fe8e-a689-4d05-8fe5-d66826bf6c83","result":"bad_number","reason":"the number has 2 digits, too few for a number with its calling code","status":200,"message":"hook"}`},
		{"a forged call", accepts, func(s *Server) *http.Request { return httptest.NewRequest("POST", HookPath, nil) },
			`{"level":"warn","method":"POST","route":"/hooks/send-sms","status":401,"reason":"a webhook-id, webhook-timestamp or webhook-signature header is missing: Auth signs its calls, and smshook sign signs one for a test","remote":"192.0.2.1","message":"request"}`},
		{"an unknown path", accepts, func(*Server) *http.Request { return httptest.NewRequest("GET", "/+15555550100?code=028687", nil) },
			`{"level":"debug","method":"GET","route":"none","status":404,"message":"request"}`},
		{"an unknown method", accepts, func(*Server) *http.Request { return httptest.NewRequest("028687", HookPath, nil) },
			`{"level":"debug","method":"other","route":"none","status":405,"message":"request"}`},
		{"with the provider's id", named, func(s *Server) *http.Request { return signed(s, newCall) },
			`{"level":"info","id":"17b0fe8e-a689-4d05-8fe5-d66826bf6c83","result":"accepted","phone":"+1555****100","calling_code":1,"attempts":[{"instance":"pigeon","provider_ids":["SM1"]}],"status":200,"message":"hook"}`},
		{"one that may have been sent", unsure, func(s *Server) *http.Request { return signed(s, newCall) },
			`{"level":"warn","id":"17b0fe8e-a689-4d05-8fe5-d66826bf6c83","result":"accepted","phone":"+1555****100","calling_code":1,"attempts":[{"instance":"pigeon","kind":"unknown","error":"no answer"}],"status":200,"message":"hook"}`},
		{"a number that can't be reached", unreachable, func(s *Server) *http.Request { return signed(s, oldCall) },
			`{"level":"info","id":"` + oldID + `","result":"bad_number","phone":"+1555****100","calling_code":1,"attempts":[{"instance":"pigeon","kind":"recipient","error":"answer 400"}],"status":422,"message":"hook"}`},
		{"a code that was not sent", account, func(s *Server) *http.Request { return signed(s, newCall) },
			`{"level":"error","id":"17b0fe8e-a689-4d05-8fe5-d66826bf6c83","result":"failed","phone":"+1555****100","calling_code":1,"attempts":[{"instance":"pigeon","kind":"account","code":"7","error":"answer 401"}],"status":200,"message":"hook"}`},
		{"the caller has left", accepts, left,
			`{"level":"info","id":"17b0fe8e-a689-4d05-8fe5-d66826bf6c83","result":"failed","phone":"+1555****100","calling_code":1,"reason":"the caller has left","caller_left":true,"status":200,"message":"hook"}`},
		{"a probe", accepts, func(*Server) *http.Request { return httptest.NewRequest("GET", "/healthz", nil) },
			`{"level":"debug","method":"GET","route":"/healthz","status":200,"message":"request"}`},
		{"a probe at shutdown", accepts, func(s *Server) *http.Request { s.Drain(); return httptest.NewRequest("GET", "/readyz", nil) },
			`{"level":"debug","method":"GET","route":"/readyz","status":503,"message":"request"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, written := newServer(t, tt.instance)
			answer(s.Handler(), tt.request(s))
			var entry map[string]any
			require.NoError(t, json.Unmarshal(written.Bytes(), &entry))
			require.Contains(t, entry, "took_ms")
			delete(entry, "took_ms")
			attempts, _ := entry["attempts"].([]any)
			for _, attempt := range attempts {
				require.Contains(t, attempt, "took_ms")
				delete(attempt.(map[string]any), "took_ms")
			}
			got, err := json.Marshal(entry)
			require.NoError(t, err)
			require.JSONEq(t, tt.want, string(got))
		})
	}
}
