package app

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/server"
)

// pipeListener accepts the server's ends of pipes, until it is closed.
type pipeListener struct{ conns chan net.Conn }

func (l pipeListener) Accept() (net.Conn, error) {
	conn, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l pipeListener) Close() error { close(l.conns); return nil }

func (l pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// An unfinished request that no secret has signed must not delay the next process: until that listens, Auth's calls are refused.
func TestUnsignedRequestsDoNotDelayShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, new(gate), new(buffer))
		listener := pipeListener{make(chan net.Conn)}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Serve(ctx, listener, nil, time.Second) }()
		ours, theirs := net.Pipe()
		listener.conns <- theirs
		time.Sleep(time.Second)
		_, err := io.WriteString(ours, "POST "+server.HookPath+" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"+
			"Webhook-Id: x\r\nWebhook-Timestamp: 1\r\nWebhook-Signature: v1,x\r\n\r\n{")
		require.NoError(t, err)
		synctest.Wait()

		start := time.Now()
		cancel()
		require.NoError(t, <-ended)
		require.Equal(t, 1500*time.Millisecond, time.Since(start), "a second of linger, and half a second to finish the request")
	})
}
