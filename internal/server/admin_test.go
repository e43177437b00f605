package server

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

func TestAdmin(t *testing.T) {
	s, _ := newServer(t, func(context.Context, providers.Message) (providers.Sent, error) {
		return providers.Sent{}, &providers.Error{Kind: providers.Temporary, Err: io.ErrUnexpectedEOF}
	})
	get := func(path string) string {
		w := httptest.NewRecorder()
		s.Admin().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return fmt.Sprintf("%d %s", w.Code, w.Body)
	}
	require.Equal(t, `200 {"draining":false,"instances":[{"name":"pigeon","state":"closed"}]}`, get("/readyz"))
	for i := range 5 {
		answer(s.Handler(), signed(s, strings.Replace(newCall, "17b0fe8e", fmt.Sprintf("%08d", i), 1)))
	}
	require.Equal(t, `200 {"draining":false,"instances":[{"name":"pigeon","state":"open"}]}`, get("/readyz"), "a server with an open breaker is still ready")
	s.Drain()
	require.Equal(t, `503 {"draining":true,"instances":[{"name":"pigeon","state":"open"}]}`, get("/readyz"))
	require.Equal(t, `200 {}`, get("/healthz"))
	require.Equal(t, `404 {"error":{"http_code":404,"message":"no such path; there are /healthz, /readyz and /metrics"}}`, get("/hooks/send-sms"))
}
