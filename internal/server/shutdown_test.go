package server

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// An unfinished request that no secret has signed must not delay the end of a process. A verified call is answered.
func TestShutdownClosesUnauthenticatedConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, func(ctx context.Context, m providers.Message) (providers.Sent, error) {
			time.Sleep(2 * time.Second)
			return accepts(ctx, m)
		})
		server := s.HTTP(s.Handler())
		listener := pipeListener{make(chan net.Conn)}
		go server.Serve(listener)
		dial := func() net.Conn {
			ours, theirs := net.Pipe()
			listener.conns <- theirs
			return ours
		}
		unsigned, auth := dial(), dial()
		io.WriteString(unsigned, "POST /hooks/send-sms HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"+
			"Webhook-Id: x\r\nWebhook-Timestamp: 1\r\nWebhook-Signature: v1,x\r\n\r\n{")
		request := signed(s, newCall)
		request.Host = "hook.example"
		go request.Write(auth)
		synctest.Wait()

		start := time.Now()
		stopped, stop := context.WithCancel(t.Context())
		stop()
		close(listener.conns)
		require.ErrorIs(t, server.Shutdown(stopped), context.Canceled)
		_, err := io.ReadAll(unsigned)
		require.NoError(t, err, "closed")
		require.Equal(t, 500*time.Millisecond, time.Since(start))
		response, err := http.ReadResponse(bufio.NewReader(auth), request)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Equal(t, 2*time.Second, time.Since(start))
		require.NoError(t, server.Close())
	})
}
