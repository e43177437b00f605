package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/outbox"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/submission"
	"github.com/smshook/smshook/providers"
)

const (
	projectSecret = "super-secret-jwt-token-with-at-least-32-characters-long"
	aUser         = "8ccaa7af-909f-44e7-84cb-67cdccb56be6"
	aMessage      = `{"to":"+14155551234","from":"+16045551234","body":"Your appointment is confirmed for tomorrow at 2pm."}`
)

// sender is an instance with one number.
type sender struct{ instance }

func (sender) Senders() []string { return []string{"+16045551234"} }

// office is a server with the message API, and the key of a caller.
type office struct {
	*testing.T
	server  *Server
	handler http.Handler
	log     *bytes.Buffer
	key     string
	routes  routers.Router
	queue   *brittle
}

// brittle is a queue that may be away.
type brittle struct {
	ledger.Queue
	away bool
}

func (b *brittle) Put(ctx context.Context, items ...ledger.Item) error {
	if b.away {
		return io.ErrUnexpectedEOF
	}
	return b.Queue.Put(ctx, items...)
}

func newOffice(t *testing.T, c providers.Provider) *office {
	o := &office{T: t, queue: &brittle{Queue: ledger.NewMemoryQueue(time.Now)}}
	o.server, o.log = newServer(t, nil)
	o.server.Dispatcher.Instances[0].Replace(c)
	key, entry, err := api.NewKey("shop")
	require.NoError(t, err)
	o.key = key
	keys := &Keys{}
	require.NoError(t, keys.API.UnmarshalText([]byte(entry)))
	keys.Tokens, err = api.NewTokens(t.Context(), "", providers.NewSecret(projectSecret), nil, nil)
	require.NoError(t, err)
	o.server.Keys.Store(keys)
	records := ledger.NewMemory(ledger.Settings{CallerWaits: time.Second, MaxWaiting: 10}, policy.NewMemory(), time.Now)
	settings := submission.Settings{Durable: true, KeyLimit: policy.Limit{Most: 100, Per: time.Hour}, UserLimit: policy.Limit{Most: 1, Per: time.Hour}}
	service := submission.New(settings, o.queue, records, o.server.Dispatcher, ledger.NewSealer(providers.NewSecret("a key of the store")), nil)
	o.server.Submissions = service
	o.handler = o.server.Handler()
	worker := &outbox.Worker{Queue: o.queue, Topic: ledger.Scheduled, Slots: 10,
		Do: func(ctx context.Context, c ledger.Claimed) ledger.ItemEnd { return service.Send(ctx, c).End },
		Events: outbox.Events{
			Claimed: func(int) {}, Failed: func(error) {}, Panicked: func(any) {},
			Ended: func(ledger.Claimed, ledger.ItemEnd, bool) {},
		}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		worker.Run(ctx, context.Background())
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	description, err := openapi3.NewLoader().LoadFromData(api.Description)
	require.NoError(t, err)
	require.NoError(t, description.Validate(t.Context(), openapi3.IsOpenAPI31OrLater()))
	o.routes, err = legacy.NewRouter(description)
	require.NoError(t, err)
	return o
}

// request is a call of the API with the key.
func (o *office) request(method, path, body string, change ...func(*http.Request)) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+o.key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, c := range change {
		c(r)
	}
	return r
}

// ask returns the answer to a request. Both are as the description says, unless the request is wrong on purpose.
func (o *office) ask(r *http.Request) *httptest.ResponseRecorder {
	o.Helper()
	body, err := io.ReadAll(r.Body)
	require.NoError(o, err)
	r.Body = io.NopCloser(bytes.NewReader(body))
	w := httptest.NewRecorder()
	o.handler.ServeHTTP(w, r)
	r.Body = io.NopCloser(bytes.NewReader(body))
	route, parameters, err := o.routes.FindRoute(r)
	require.NoError(o, err)
	options := &openapi3filter.Options{AuthenticationFunc: func(context.Context, *openapi3filter.AuthenticationInput) error { return nil }, IncludeResponseStatus: true}
	input := &openapi3filter.RequestValidationInput{Request: r, PathParams: parameters, Route: route, Options: options}
	if w.Code == http.StatusOK {
		require.NoError(o, openapi3filter.ValidateRequest(o.Context(), input))
	}
	require.NoError(o, openapi3filter.ValidateResponse(o.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: w.Code, Header: w.Header(), Body: io.NopCloser(bytes.NewReader(w.Body.Bytes())), Options: options,
	}), w.Body.String())
	return w
}

// send asks for a message, and returns the answer with its ID and its time left out.
func (o *office) send(body string, change ...func(*http.Request)) string {
	o.Helper()
	w := o.ask(o.request(http.MethodPost, SendPath, body, change...))
	return fmt.Sprintf("%d %s", w.Code, plain(w.Body.String()))
}

func plain(answer string) string {
	for _, field := range []string{`"message_id":"msg_`, `"created_at":"`} {
		for {
			before, after, found := strings.Cut(answer, field)
			if !found {
				break
			}
			_, after, _ = strings.Cut(after, `"`)
			answer = before + strings.TrimSuffix(strings.TrimSuffix(field, `"msg_`), `"`) + "…" + after
		}
	}
	return answer
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// token is the access token of a user.
func token(t *testing.T, role string) string {
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": aUser, "aud": "authenticated", "role": role, "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString([]byte(projectSecret))
	require.NoError(t, err)
	return text
}

func problem(status int, code, message string) string {
	return fmt.Sprintf(`%d {"error":{"code":%q,"message":%q}}`, status, code, message)
}

func TestAPIAnswers(t *testing.T) {
	const queued = `200 {"success":true,"message_id":…,"status":"queued","segments":1,"from_number":"+16045551234","to_number":"+14155551234","created_at":…}`
	o := newOffice(t, sender{accepts})
	noKey := problem(401, "UNAUTHORIZED", "The Authorization header must be 'Bearer' and a valid key")
	inQuery := problem(401, "UNAUTHORIZED", "The key must stand in the Authorization header, never in the address; replace that key")
	keyShape := problem(400, "INVALID_REQUEST", "The Idempotency-Key header must be one, with 1 to 255 visible ASCII characters")
	for _, tt := range []struct {
		name, body string
		change     func(*http.Request)
		want       string
	}{
		{"a message", aMessage, nil, queued},
		{"the charset is said", aMessage, header("Content-Type", "application/json; charset=utf-8"), queued},
		{"no key", aMessage, header("Authorization", ""), noKey},
		{"another key", aMessage, header("Authorization", "Bearer sk_0"), noKey},
		{"no Bearer", aMessage, header("Authorization", o.key), noKey},
		{"a key in the address", aMessage, func(r *http.Request) { r.URL.RawQuery = "api_key=" + o.key }, inQuery},
		{"a token of a service", aMessage, header("Authorization", "Bearer "+token(t, "service_role")), noKey},
		{"a user", aMessage, header("Authorization", "Bearer "+token(t, "authenticated")), queued},
		{"a user again", aMessage, header("Authorization", "Bearer "+token(t, "authenticated")), problem(429, "RATE_LIMITED", "Too many messages; try again later")},
		{"no type", aMessage, func(r *http.Request) { r.Header.Del("Content-Type") }, problem(415, "INVALID_REQUEST", "The Content-Type header must be application/json")},
		{"another type", aMessage, header("Content-Type", "text/plain"), problem(415, "INVALID_REQUEST", "The Content-Type header must be application/json")},
		{"too long", `{"a":"` + strings.Repeat("a", api.MaxBody) + `"}`, nil, problem(413, "TOO_LARGE", "The body must have at most 262144 bytes")},
		{"no JSON", "to=+14155551234", nil, problem(400, "INVALID_REQUEST", "The body must be a JSON object")},
		{"no number", `{"body":"Hi"}`, nil, problem(400, "INVALID_REQUEST", "The 'to' field is required")},
		{"a wrong number", `{"to":"4155551234","body":"Hi"}`, nil, problem(400, "INVALID_PHONE_NUMBER", "The 'to' field must be a valid E.164 phone number")},
		{"a number that isn't one", `{"to":"+99955551234","body":"Hi"}`, nil, problem(422, "INVALID_PHONE_NUMBER", "The 'to' field must be a phone number that exists, and that the settings of the server allow")},
		{"another sender", strings.Replace(aMessage, "+16045551234", "+16045550000", 1), nil, problem(403, "SMS_NOT_ENABLED", "The 'from' field is not one of the configured senders")},
		{"pictures", `{"to":"+14155551234","body":"Hi","media_urls":["https://example.com/a.png"]}`, nil,
			problem(422, "INVALID_REQUEST", "No provider of the server can send this to this number: a text of one's own, from the sender of the 'from' field, with what the 'media_urls' field has")},
		{"an idempotency key", aMessage, header("Idempotency-Key", "order-7"), queued},
		{"the same key, another body", strings.Replace(aMessage, "2pm", "3pm", 1), header("Idempotency-Key", "order-7"),
			problem(422, "IDEMPOTENCY_KEY_REUSED", "The Idempotency-Key was used before, for a request with another body")},
		{"a long idempotency key", aMessage, header("Idempotency-Key", strings.Repeat("k", 256)), keyShape},
		{"an empty one", aMessage, header("Idempotency-Key", ""), keyShape},
		{"two", aMessage, func(r *http.Request) { r.Header["Idempotency-Key"] = []string{"a", "b"} }, keyShape},
		{"a list", `{"to":["+14155551234","123"],"body":"Hi"}`, nil, `200 {"success":true,"results":[` +
			`{"success":true,"message_id":…,"status":"queued","segments":1,"from_number":"","to_number":"+14155551234","created_at":…},` +
			`{"error":{"code":"INVALID_PHONE_NUMBER","message":"The 'to' field must be a valid E.164 phone number"}}]}`},
		{"a list of nothing that is right", `{"to":["123"],"body":"Hi"}`, nil, `200 {"success":false,"results":[{"error":{"code":"INVALID_PHONE_NUMBER","message":"The 'to' field must be a valid E.164 phone number"}}]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o.T = t
			if tt.change == nil {
				tt.change = func(*http.Request) {}
			}
			require.Equal(t, tt.want, o.send(tt.body, tt.change))
		})
	}
	o.T = t
	o.queue.away = true
	require.Equal(t, problem(503, "UNAVAILABLE", "The store can't be reached, and it isn't known whether the message was kept; try again, with the same Idempotency-Key so that nothing is sent twice"), o.send(aMessage))
}

func TestAPIHeaders(t *testing.T) {
	o := newOffice(t, sender{accepts})
	w := o.ask(o.request(http.MethodPost, SendPath, aMessage, header("Authorization", "")))
	require.Equal(t, []string{"Bearer", "close"}, []string{w.Header().Get("WWW-Authenticate"), w.Header().Get("Connection")})
	for range 100 {
		o.ask(o.request(http.MethodPost, SendPath, aMessage))
	}
	w = o.ask(o.request(http.MethodPost, SendPath, aMessage))
	require.Equal(t, []any{429, "36"}, []any{w.Code, w.Header().Get("Retry-After")})
}

func TestAPIMessages(t *testing.T) {
	o := newOffice(t, sender{accepts})
	get := func(method, id, key string) (int, string) {
		w := o.ask(o.request(method, "/messages/"+id, "", header("Authorization", "Bearer "+key)))
		return w.Code, plain(w.Body.String())
	}
	var m struct {
		ID string `json:"message_id"`
	}
	take := func(body string) string {
		w := o.ask(o.request(http.MethodPost, SendPath, body))
		require.Equal(t, 200, w.Code)
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &m))
		return m.ID
	}
	at := time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05.000Z07:00")
	id := take(strings.Replace(aMessage, "}", `,"scheduled_at":"`+at+`","metadata":{"order":7}}`, 1))
	message := func(status string) string {
		return `{"success":true,"message_id":…,"status":"` + status + `","segments":1,"from_number":"+16045551234","to_number":"+14155551234","created_at":…,"scheduled_at":"` + at + `","metadata":{"order":7}}`
	}
	const gone = `{"error":{"code":"NOT_FOUND","message":"There is no such message, or it ended too long ago"}}`
	for _, tt := range []struct {
		method, id, key string
		status          int
		want            string
	}{
		{"GET", id, o.key, 200, message("scheduled")},
		{"GET", id, "sk_0", 401, `{"error":{"code":"UNAUTHORIZED","message":"The Authorization header must be 'Bearer' and a valid key"}}`},
		{"GET", id, token(t, "authenticated"), 404, gone},
		{"DELETE", id, token(t, "authenticated"), 404, gone},
		{"DELETE", id, o.key, 200, message("canceled")},
		{"DELETE", id, o.key, 200, message("canceled")},
		{"GET", id, o.key, 200, message("canceled")},
		{"GET", "msg_1", o.key, 404, gone},
		{"DELETE", "..%2f", o.key, 404, gone},
	} {
		status, got := get(tt.method, tt.id, tt.key)
		require.Equal(t, []any{tt.status, tt.want}, []any{status, got}, "%s %s", tt.method, tt.id)
	}
	id = take(aMessage)
	require.Eventually(t, func() bool {
		_, got := get("GET", id, o.key)
		return strings.Contains(got, `"status":"sent"`)
	}, 10*time.Second, time.Millisecond)
	status, got := get("DELETE", id, o.key)
	require.Equal(t, []any{409, `{"error":{"code":"CONFLICT","message":"The message can't be canceled any more: it was sent, is being sent, or has ended"}}`}, []any{status, got})
}

// Each request of the data file of internal/api that is valid there is valid by the description, and no other: but for what a schema can't say.
func TestDescriptionAgreesWithTheDecoder(t *testing.T) {
	o := newOffice(t, sender{accepts})
	text, err := os.ReadFile("../api/testdata/requests.json")
	require.NoError(t, err)
	var cases []struct{ Name, Body string }
	require.NoError(t, json.Unmarshal(text, &cases))
	valid, wrong := 0, 0
	for _, c := range cases {
		_, problem := api.Decode([]byte(c.Body))
		r := o.request(http.MethodPost, SendPath, c.Body)
		route, parameters, err := o.routes.FindRoute(r)
		require.NoError(t, err)
		err = openapi3filter.ValidateRequest(t.Context(), &openapi3filter.RequestValidationInput{Request: r, PathParams: parameters, Route: route,
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}})
		if problem == nil {
			valid++
			require.NoError(t, err, c.Body)
		} else if err != nil {
			wrong++
		}
	}
	require.Greater(t, valid, 5)
	require.Greater(t, wrong, 10)
}

func TestOpenAPIIsServed(t *testing.T) {
	o := newOffice(t, sender{accepts})
	w := o.ask(o.request(http.MethodGet, openAPIPath, "", header("Authorization", "")))
	require.Equal(t, []any{200, "application/json", string(api.Description)}, []any{w.Code, w.Header().Get("Content-Type"), w.Body.String()})
	s, _ := newServer(t, accepts)
	got := httptest.NewRecorder()
	s.Handler().ServeHTTP(got, httptest.NewRequest(http.MethodPost, SendPath, nil))
	require.Equal(t, 404, got.Code, "the API is off")
}

// The log and the metrics know the caller's name and what was done, and nothing of the message or the key.
func TestAPIIsLoggedAndCounted(t *testing.T) {
	o := newOffice(t, sender{func(context.Context, providers.Message) (providers.Sent, error) { panic("+14155551234") }})
	o.send(`{"to":["+14155551234","123"],"body":"appointment"}`)
	o.send(aMessage, header("Authorization", "Bearer sk_wrong"))
	o.send(aMessage, func(r *http.Request) { r.URL.RawQuery = "key=" + o.key })
	o.send(aMessage, header("Authorization", "Bearer "+token(t, "authenticated")))
	lines := strings.Split(strings.TrimSpace(o.log.String()), "\n")
	require.Len(t, lines, 4)
	for i, want := range []string{
		`{"level":"info","method":"POST","route":"/send-sms","key":"shop","messages":1,"refused":1,"status":200,"took_ms":`,
		`{"level":"warn","method":"POST","route":"/send-sms","reason":"The Authorization header must be 'Bearer' and a valid key","remote":"192.0.2.1","status":401,"took_ms":`,
		`{"level":"warn","method":"POST","route":"/send-sms","reason":"The key must stand in the Authorization header, never in the address; replace that key","remote":"192.0.2.1","status":401,"took_ms":`,
		`{"level":"info","method":"POST","route":"/send-sms","id":"msg_`,
	} {
		require.True(t, strings.HasPrefix(lines[i], want), lines[i])
	}
	require.Contains(t, lines[3], `"user":"`+aUser+`","messages":1,`)
	w := httptest.NewRecorder()
	o.server.Metrics.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`smshook_api_requests_total{caller="shop",status="200"} 1`, `smshook_api_requests_total{caller="",status="401"} 2`, `smshook_api_requests_total{caller="user",status="200"} 1`,
		`smshook_api_messages_total{answer="taken",caller="shop"} 1`, `smshook_api_messages_total{answer="refused",caller="shop"} 1`, `smshook_api_messages_total{answer="taken",caller="user"} 1`,
		`smshook_api_duration_seconds_count 2`,
	} {
		require.Contains(t, w.Body.String(), line+"\n")
	}
	for _, secret := range []string{"4155551234", "appointment", o.key, "sk_wrong"} {
		require.NotContains(t, o.log.String()+w.Body.String(), secret)
	}
}

// A bug has an answer of the API's own form.
func TestAPIPanics(t *testing.T) {
	o := newOffice(t, sender{accepts})
	o.server.Submissions = broken{}
	o.handler = o.server.Handler()
	require.Equal(t, problem(500, "INTERNAL", "The server has made a mistake; it isn't known whether the message was kept"), o.send(aMessage))
	require.NotContains(t, o.log.String(), "4155551234")
}

type broken struct{ Submissions }

func (broken) Submit(_ context.Context, _ submission.Caller, _ string, _ [sha256.Size]byte, r api.Request) ([]submission.Answer, *api.Problem) {
	panic(r.To[0].Reveal())
}
