package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Refused calls have their own results, and are not in the histogram of durations.
func TestRefusedCallsAreCountedApart(t *testing.T) {
	s, _ := newServer(t, accepts)
	handler := s.Handler()
	forged := signed(s, newCall)
	forged.Body = io.NopCloser(strings.NewReader(oldCall))
	for _, r := range []*http.Request{
		signed(s, newCall), signed(s, "no JSON"), forged, httptest.NewRequest("POST", HookPath, nil),
		httptest.NewRequest("GET", HookPath, nil), httptest.NewRequest("POST", "/", nil),
	} {
		answer(handler, r)
	}
	w := httptest.NewRecorder()
	s.Metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	counted := regexp.MustCompile(`(?m)^smshook_(hook.*_count|hooks_total.*|.*refused_total.*) .*$`).FindAllString(w.Body.String(), -1)
	require.Equal(t, []string{
		"smshook_hook_duration_seconds_count 1",
		`smshook_hooks_total{result="accepted"} 1`,
		`smshook_hooks_total{result="failed"} 0`,
		`smshook_hooks_total{result="forged"} 2`,
		`smshook_hooks_total{result="unreadable"} 1`,
	}, counted)
}
