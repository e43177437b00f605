package auth0_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/auth0"
	"github.com/smshook/smshook/internal/hook"
)

// action runs one of the Actions in Node, as Auth0 does: it calls the exported function with an event and with an API, and says what
// the function did.
const action = `
const [, , file, name, event] = process.argv;
const done = [];
const note = (what) => (reason) => done.push(what + ": " + reason);
const api = { notification: { drop: note("drop"), retry: note("retry") } };
require(file)[name](JSON.parse(event), api).then(
  () => console.log(done.join("; ") || "returned"),
  (error) => console.log("threw: " + error.message),
);`

const secretText = "v1,whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"

// run runs an Action for an event whose secrets are those of a server.
func run(t *testing.T, url, file, name string, event map[string]any) string {
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("node is missing")
		}
		t.Skip("node is missing: the Actions are not run")
	}
	event["secrets"] = map[string]string{"SMSHOOK_URL": url, "SMSHOOK_SECRET": secretText}
	text, err := json.Marshal(event)
	require.NoError(t, err)
	path, err := filepath.Abs(filepath.Join("actions", file))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, node, "-e", action, "-", path, name, string(text))
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

// server answers calls of Actions, and notes the valid ones. The first calls fail with a status, or break the connection for 0.
type server struct {
	mu    sync.Mutex
	fails []int
	reply auth0.Reply
	calls []auth0.Call
	ids   []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var secrets hook.Secrets
	if err := secrets.UnmarshalText([]byte(secretText)); err != nil {
		panic(err)
	}
	body, _ := io.ReadAll(r.Body)
	if err := secrets.Verify(r.Header, body); err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	s.ids = append(s.ids, r.Header.Get("webhook-id"))
	if len(s.fails) > 0 {
		status := s.fails[0]
		s.fails = s.fails[1:]
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		http.Error(w, "a proxy's page", status)
		return
	}
	call, err := auth0.Decode(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	s.calls = append(s.calls, call)
	w.WriteHeader(s.reply.Status)
	_, _ = w.Write(s.reply.Body)
}

// begin forgets what came before. The first calls to come fail as given.
func (s *server) begin(fails []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails, s.calls, s.ids = fails, nil, nil
}

// seen returns the valid calls since then, and the names of all.
func (s *server) seen() ([]auth0.Call, []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls, s.ids
}

func newEvent() map[string]any {
	return map[string]any{
		"notification": map[string]any{
			"as_text": "Your code is 123456", "as_voice": "1. 2. 3. 4. 5. 6.", "delivery_method": "text", "message_type": "otp_verify",
			"recipient": "+1-808-555-5555", "code": "123456", "locale": "en-US", "from": "+1-808-555-2222",
		},
		"message_options": map[string]any{
			"action": "enrollment", "code": "123456", "message_type": "sms", "recipient": "+1-808-555-5555", "text": "Your code is 123456",
		},
		"request": map[string]any{"ip": "203.0.113.7", "language": "en", "user_agent": "curl/7.64.1"},
		"user":    map[string]any{"user_id": "auth0|1", "phone_number": "+18085555555", "phone_verified": true, "email": "j@example.com"},
	}
}

func TestActions(t *testing.T) {
	for _, tt := range []struct {
		name     string
		fails    []int
		reply    auth0.Reply
		calls    int
		provider string // what custom-phone-provider does
		mfa      string // what send-phone-message does
	}{
		{"accepted", nil, auth0.Accepted("an-id"), 1, "returned\n", "returned\n"},
		{"a broken connection", []int{0}, auth0.Accepted("an-id"), 1, "returned\n", "returned\n"},
		{"no connection", []int{0, 0}, auth0.Accepted("an-id"), 0, "retry: smshook could not be reached\n", "threw: smshook could not be reached\n"},
		{"a proxy without its server", []int{502}, auth0.Accepted("an-id"), 0, "retry: smshook answered 502\n", "threw: smshook answered 502\n"},
		{"a wrong address", []int{404}, auth0.Accepted("an-id"), 0, "drop: smshook answered 404\n", "threw: smshook answered 404\n"},
		{"refused", nil, auth0.Refused(422, "bad number", false), 1, "drop: bad number\n", "threw: bad number\n"},
		{"failed", nil, auth0.Refused(503, "not sent", true), 1, "retry: not sent\n", "threw: not sent\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &server{reply: tt.reply}
			h := httptest.NewServer(s)
			defer h.Close()
			s.begin(tt.fails)
			require.Equal(t, tt.provider, run(t, h.URL, "custom-phone-provider.js", "onExecuteCustomPhoneProvider", newEvent()))
			calls, ids := s.seen()
			require.Len(t, calls, tt.calls)
			for _, id := range ids {
				require.Equal(t, ids[0], id, "a repeat has the same name")
			}
			if tt.calls == 1 {
				c := calls[0]
				require.Equal(t, []any{"+18085555555", "Your code is 123456", "123456", "en-US", "auth0|1", "203.0.113.7", true},
					[]any{c.Phone.Reveal(), c.Text.Reveal(), c.Code.Reveal(), c.Locale, c.User, c.IP.String(), c.Proven})
			}
			s.begin(tt.fails)
			require.Equal(t, tt.mfa, run(t, h.URL, "send-phone-message.js", "onExecuteSendPhoneMessage", newEvent()))
			calls, _ = s.seen()
			require.Len(t, calls, tt.calls)
			if tt.calls == 1 {
				require.Equal(t, "en", calls[0].Locale)
			}
		})
	}
}
