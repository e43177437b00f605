package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/providers"
)

// messageAPI is what the message API's tests need: a provider, the receiver of events, and the key of a caller.
type messageAPI struct {
	testing.TB
	env    []string
	key    string
	delay  time.Duration // of the provider
	client *http.Client

	mu     sync.Mutex
	sent   map[string][]sentText // by the text
	events []string              // "status of the message's ID"
}

// sentText is one message that the provider has got.
type sentText struct {
	at   time.Time
	sid  string
	form url.Values
}

func newMessageAPI(tb testing.TB, env ...string) *messageAPI {
	m := &messageAPI{TB: tb, sent: map[string][]sentText{}}
	transport := &http.Transport{MaxIdleConnsPerHost: 200}
	tb.Cleanup(transport.CloseIdleConnections)
	m.client = &http.Client{Transport: transport}
	provider, receiver := httptest.NewServer(http.HandlerFunc(m.provider)), httptest.NewServer(http.HandlerFunc(m.receive))
	tb.Cleanup(provider.Close)
	tb.Cleanup(receiver.Close)
	key, entry, err := api.NewKey("shop")
	require.NoError(tb, err)
	m.key = key
	m.env = append(serveEnv(provider.URL, "SMSHOOK_API_KEYS="+entry, "SMSHOOK_API_EVENTS_URL="+receiver.URL+"/events", "SMSHOOK_API_EVENTS_SECRET="+hookSecret,
		"TWILIO_FROM=+16045551234", "SMSHOOK_PUBLIC_URL="+soakSite, "SMSHOOK_RECEIPT_SECRET="+hookSecret), env...)
	return m
}

func (m *messageAPI) provider(w http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil {
		return
	}
	m.mu.Lock()
	sid := "SM" + strings.ReplaceAll(providers.NewUUID(), "-", "")
	m.sent[r.Form.Get("Body")] = append(m.sent[r.Form.Get("Body")], sentText{time.Now(), sid, r.Form})
	m.mu.Unlock()
	time.Sleep(m.delay)
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"sid":%q,"status":"queued","num_segments":"1"}`, sid)
}

// receive is the receiver of events, which refuses what isn't signed.
func (m *messageAPI) receive(w http.ResponseWriter, r *http.Request) {
	var secrets hook.Secrets
	var event struct {
		Event, Status, MessageID string
		ID                       string `json:"message_id"`
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || secrets.UnmarshalText([]byte(hookSecret)) != nil || secrets.Verify(r.Header, body) != nil || json.Unmarshal(body, &event) != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, event.Status+" of "+event.ID)
}

func (m *messageAPI) texts(text string) []sentText {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sent[text]
}

// answered is the answer to a request of the message API.
type answered struct {
	Success   bool
	MessageID string `json:"message_id"`
	Status    string
	Error     struct{ Code, Message string }
	Results   []answered
	code      int
}

// ask makes a request with the key, as the contract's text says.
func (m *messageAPI) ask(method, address string, body any, header ...string) (a answered, err error) {
	var text []byte
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			return a, err
		}
	}
	r, err := http.NewRequest(method, address, bytes.NewReader(text))
	if err != nil {
		return a, err
	}
	r.Header.Set("Authorization", "Bearer "+m.key)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := m.client.Do(r)
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	a.code = response.StatusCode
	return a, json.NewDecoder(response.Body).Decode(&a)
}

func (m *messageAPI) eventually(what string, is func() bool) {
	m.Helper()
	require.Eventually(m, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return is()
	}, 30*time.Second, 5*time.Millisecond, what)
}

// TestTheContractsOwnLine runs the curl line of https://docs.solomobile.ai/api-reference/endpoints/send-sms with a number, a key and a time
// put in.
func TestTheContractsOwnLine(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("curl is not installed")
	}
	for _, store := range []string{"memory", "sqlite:" + filepath.Join(t.TempDir(), "smshook.db")} {
		m := newMessageAPI(t, "SMSHOOK_STORE="+store)
		p := starting(t, []string{"serve"}, m.env...)
		base := strings.TrimSuffix(p.url, "/hooks/send-sms")
		out, err := exec.Command(curl, "--silent", "--request", "POST",
			"--url", base+"/send-sms",
			"--header", "Authorization: Bearer "+m.key,
			"--header", "Content-Type: application/json",
			"--data", "\n{\n  \"to\": \"+14155551234\",\n  \"from\": \"+16045551234\",\n  \"body\": \"Your appointment is confirmed for tomorrow at 2pm.\",\n  \"metadata\": {}\n}\n").Output()
		require.NoError(t, err)
		status := map[bool]string{true: "sent", false: "queued"}[store == "memory"]
		require.Regexp(t, `^\{"success":true,"message_id":"msg_[0-9a-f-]{36}","status":"`+status+`","segments":1,"from_number":"\+16045551234","to_number":"\+14155551234","created_at":"[0-9-]{10}T[0-9:.]{12}Z","metadata":\{\}\}$`, string(out))
		m.eventually("it is sent", func() bool { return len(m.sent["Your appointment is confirmed for tomorrow at 2pm."]) == 1 })
		form := m.texts("Your appointment is confirmed for tomorrow at 2pm.")[0].form
		require.Equal(t, []string{"+14155551234", "+16045551234"}, []string{form.Get("To"), form.Get("From")})
		out, err = exec.Command(curl, "--silent", "--url", base+"/send-sms", "--header", "Authorization: Bearer "+m.key, "--header", "Content-Type: application/json",
			"--data", `{"to":"4155551234","from":"+16045551234","body":"x"}`).Output()
		require.NoError(t, err)
		require.Equal(t, `{"error":{"code":"INVALID_PHONE_NUMBER","message":"The 'to' field must be a valid E.164 phone number"}}`, string(out))
		require.Equal(t, exitOK, p.stop())
	}
}

// A message from the request to the receipt, with all that a caller sees of it.
func TestTheMessageAPI(t *testing.T) {
	m := newMessageAPI(t, "SMSHOOK_STORE=sqlite:"+filepath.Join(t.TempDir(), "smshook.db"))
	p := starting(t, []string{"serve"}, m.env...)
	base := strings.TrimSuffix(p.url, "/hooks/send-sms")
	a, err := m.ask("POST", base+"/send-sms", map[string]any{"to": "+14155551234", "from": "+16045551234", "body": "Hello", "metadata": map[string]any{"order": 7}}, "Idempotency-Key", "order-7")
	require.NoError(t, err)
	require.Equal(t, []any{200, true, "queued"}, []any{a.code, a.Success, a.Status})
	again, err := m.ask("POST", base+"/send-sms", map[string]any{"to": "+14155551234", "from": "+16045551234", "body": "Hello", "metadata": map[string]any{"order": 7}}, "Idempotency-Key", "order-7")
	require.NoError(t, err)
	require.Equal(t, a.MessageID, again.MessageID)
	m.eventually("it is sent", func() bool { return len(m.sent["Hello"]) == 1 })
	require.Eventually(t, func() bool {
		got, err := m.ask("GET", base+"/messages/"+a.MessageID, nil)
		return err == nil && got.Status == "sent"
	}, 10*time.Second, 5*time.Millisecond)
	sent := m.texts("Hello")[0]
	callback := sent.form.Get("StatusCallback")
	for range 2 {
		response, err := m.client.Do(signedByTwilio(base, strings.TrimPrefix(callback, soakSite), callback, url.Values{"MessageSid": {sent.sid}, "MessageStatus": {"delivered"}}))
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, 200, response.StatusCode)
	}
	got, err := m.ask("GET", base+"/messages/"+a.MessageID, nil)
	require.NoError(t, err)
	require.Equal(t, "delivered", got.Status)
	m.eventually("the caller is told", func() bool { return len(m.events) == 2 })
	require.Equal(t, []string{"sent of " + a.MessageID, "delivered of " + a.MessageID}, m.events)

	at := time.Now().Add(2 * time.Second)
	later, err := m.ask("POST", base+"/send-sms", map[string]any{"to": []string{"+14155551234", "+14155551235", "12"}, "body": "Later", "scheduled_at": at})
	require.NoError(t, err)
	require.Equal(t, []string{"scheduled", "scheduled", ""}, []string{later.Results[0].Status, later.Results[1].Status, later.Results[2].Status})
	canceled, err := m.ask("DELETE", base+"/messages/"+later.Results[1].MessageID, nil)
	require.NoError(t, err)
	require.Equal(t, "canceled", canceled.Status)
	require.Equal(t, exitOK, p.stop())
	p = starting(t, []string{"serve"}, m.env...) // a restart forgets nothing
	m.eventually("it is sent when it is due", func() bool { return len(m.sent["Later"]) == 1 })
	require.WithinDuration(t, at, m.texts("Later")[0].at, time.Second)
	m.eventually("the caller is told", func() bool { return len(m.events) == 3 })
	require.Equal(t, "sent of "+later.Results[0].MessageID, m.events[2])
	require.Len(t, m.texts("Hello"), 1)

	for _, secret := range []string{"4155551234", "4155551235", "Hello", "Later", m.key} {
		require.NotContains(t, p.stderr.String(), secret)
	}
}

// The CLI's part: a key and its entry, and a message by a running server.
func TestSendByAPI(t *testing.T) {
	r := smshook(t, "", nil, "secret", "-api", "shop")
	require.Equal(t, exitOK, r.code)
	found := regexp.MustCompile(`^(sk_[A-Za-z0-9_-]{43})\n(shop:[0-9a-f]{64})\n$`).FindStringSubmatch(r.stdout)
	require.NotNil(t, found, r.stdout)
	require.Equal(t, result{exitUsage, "", "smshook secret: -api: want a name of a-z, 0-9, _ and -, with 32 characters at most\n"}, smshook(t, "", nil, "secret", "-api", "My Shop"))

	m := newMessageAPI(t, "SMSHOOK_API_KEYS="+found[2])
	p := starting(t, []string{"serve"}, m.env...)
	base := strings.TrimSuffix(p.url, "/hooks/send-sms")
	env := []string{"MESSAGE_API_KEY=" + found[1]}
	sent := smshook(t, "", env, "send", "-api", base+"/", "-from", "+16045551234", "-text", "Hi", "+1 (415) 555-1234")
	require.Equal(t, exitOK, sent.code, sent.stderr)
	require.Contains(t, sent.stdout, `"status":"sent","segments":1,"from_number":"+16045551234","to_number":"+14155551234"`)
	require.Len(t, m.texts("Hi"), 1)
	require.Equal(t, result{exitFail, `{"error":{"code":"UNAUTHORIZED","message":"The Authorization header must be 'Bearer' and a valid key"}}` + "\n", ""},
		smshook(t, "", []string{"MESSAGE_API_KEY=sk_0"}, "send", "-api", base, "+14155551234"))
	require.Equal(t, result{exitFail, "", "smshook send: MESSAGE_API_KEY: is missing: the key of a caller, which smshook secret -api NAME has printed\n"},
		smshook(t, "", nil, "send", "-api", base, "+14155551234"))
}
