package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/providers"
)

const auth0Call = `{"notification":{"recipient":"+1-808-555-5555","as_text":"123456 is it","as_voice":"1. 2. 3.","code":"123456","delivery_method":"text"},"user":{"user_id":"auth0|1"}}`

// newAuth0 returns a server for Auth0 alone, and its secrets.
func newAuth0(t *testing.T, c providers.Provider) (*Server, hook.Secrets) {
	s, _ := newServer(t, nil)
	var secrets hook.Secrets
	require.NoError(t, secrets.UnmarshalText([]byte("v1,whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")))
	s.Dispatcher.Instances[0].Replace(c)
	s.Keys.Store(&Keys{Auth0: secrets})
	return s, secrets
}

func auth0Signed(secrets hook.Secrets, id, body string) *http.Request {
	request := httptest.NewRequest(http.MethodPost, Auth0Path, strings.NewReader(body))
	secrets.Sign(request.Header, id, time.Now(), []byte(body))
	return request
}

// speaker is an instance whose messages are spoken.
type speaker struct{ instance }

func (speaker) Channel() string { return "voice" }

func TestAuth0Answers(t *testing.T) {
	fails := func(kind providers.Kind) instance {
		return func(context.Context, providers.Message) (providers.Sent, error) {
			return providers.Sent{}, &providers.Error{Kind: kind, Err: io.ErrUnexpectedEOF}
		}
	}
	panics := func(_ context.Context, m providers.Message) (providers.Sent, error) { panic(m.Code.Reveal()) }
	refused := func(text string, retry bool) string {
		return fmt.Sprintf(`{"error":{"message":%q,"retry":%v}}`, text, retry)
	}
	spoken := strings.Replace(auth0Call, `"text"}`, `"voice"}`, 1)
	const id = `{"MessageID":"e090662f-32fd-0a89-fb21-39d022fa2c94"}`
	for _, tt := range []struct {
		name     string
		instance providers.Provider
		body     string
		status   int
		want     string
	}{
		{"accepted", instance(accepts), auth0Call, 200, id},
		{"failed", fails(providers.Temporary), auth0Call, 503, refused("not sent", true)},
		{"nobody will reach the number", fails(providers.Recipient), auth0Call, 422, refused("bad number", false)},
		{"an instance panics", instance(panics), auth0Call, 503, refused("not sent", true)},
		{"an invalid number", instance(accepts), strings.Replace(auth0Call, "+1-808-555-5555", "12", 1), 422, refused("bad number", false)},
		{"a call, and an instance that speaks", speaker{accepts}, spoken, 200, id},
		{"a call, and none that speaks", instance(accepts), spoken, 422, refused("not sent", false)},
		{"no JSON", instance(accepts), auth0Call[1:], 400, refused("the body is not JSON", false)},
		{"no number", instance(accepts), `{"notification":{}}`, 400, refused("notification.recipient is missing", false)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, secrets := newAuth0(t, tt.instance)
			got := answer(s.Handler(), auth0Signed(secrets, "msg_1", tt.body))
			require.Equal(t, fmt.Sprintf("%d %s %s", tt.status, head(len(tt.want)), tt.want), got)
		})
	}
}

// A captured call, a call for the hook, and one without a signature.
func TestAuth0Signatures(t *testing.T) {
	sent := 0
	s, secrets := newAuth0(t, instance(func(context.Context, providers.Message) (providers.Sent, error) {
		sent++
		return providers.Sent{}, nil
	}))
	h := s.Handler()
	status := func(r *http.Request) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	require.Equal(t, 200, status(auth0Signed(secrets, "msg_1", auth0Call)))
	require.Equal(t, 200, status(auth0Signed(secrets, "msg_1", auth0Call)), "a repeat")
	require.Equal(t, 1, sent)
	require.Equal(t, 200, status(auth0Signed(secrets, "msg_2", auth0Call)), "the same code, asked for again")
	require.Equal(t, 2, sent)
	changed := auth0Signed(secrets, "msg_3", auth0Call)
	changed.Header.Set("Webhook-Id", "msg_4")
	require.Equal(t, 401, status(changed))
	old := httptest.NewRequest(http.MethodPost, Auth0Path, strings.NewReader(auth0Call))
	secrets.Sign(old.Header, "msg_5", time.Now().Add(-6*time.Minute), []byte(auth0Call))
	require.Equal(t, 401, status(old))
	require.Equal(t, 401, status(httptest.NewRequest(http.MethodPost, Auth0Path, strings.NewReader(auth0Call))))
	large := `{"a":"` + strings.Repeat("a", 70<<10) + `"}`
	require.Equal(t, 413, status(auth0Signed(secrets, "msg_6", large)))
	require.Equal(t, 2, sent)

	require.Equal(t, 404, status(httptest.NewRequest(http.MethodPost, HookPath, nil)), "the hook has no secret")
	s.Keys.Store(&Keys{Hook: secrets})
	h = s.Handler()
	require.Equal(t, 404, status(auth0Signed(secrets, "msg_7", auth0Call)), "Auth0 has no secret")
}
