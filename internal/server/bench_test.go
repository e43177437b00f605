package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/smshook/smshook/internal/hook"
)

// BenchmarkSendSMS measures one call of the hook without a network: verify, decode, dispatch, answer and log. Making the request and
// the recorder is in it, and is the same for every version.
func BenchmarkSendSMS(b *testing.B) {
	s, _ := newServer(b, accepts)
	s.Log = zerolog.New(discard{})
	handler := s.Handler()
	calls := 0
	b.ReportAllocs()
	for b.Loop() {
		calls++
		body := strings.Replace(newCall, "15555550100", fmt.Sprintf("1555%07d", calls), 1)
		body = strings.Replace(body, "17b0fe8e", fmt.Sprintf("%08x", calls), 1)
		request := httptest.NewRequest(http.MethodPost, HookPath, strings.NewReader(body))
		s.Keys.Load().Hook.Sign(request.Header, hook.NewUUID(), time.Now(), []byte(body))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, request)
		if w.Body.String() != "{}" {
			b.Fatal(w.Body)
		}
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
