package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/smshook/smshook/providers"
)

// BenchmarkSendSMS measures one call of the hook without a network: verify, decode, dispatch, answer and log. The figures include the
// benchmark's own request and recorder.
func BenchmarkSendSMS(b *testing.B) {
	s, _ := newServer(b, accepts)
	s.Log = zerolog.New(io.Discard)
	handler := s.Handler()
	calls := 0
	b.ReportAllocs()
	for b.Loop() {
		calls++
		body := strings.Replace(newCall, "15555550100", fmt.Sprintf("1555%07d", calls), 1)
		body = strings.Replace(body, "17b0fe8e", fmt.Sprintf("%08x", calls), 1)
		request := httptest.NewRequest(http.MethodPost, HookPath, strings.NewReader(body))
		s.Keys.Load().Hook.Sign(request.Header, providers.NewUUID(), time.Now(), []byte(body))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, request)
		if w.Body.String() != "{}" {
			b.Fatal(w.Body)
		}
	}
}
