package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// countingConn counts the writes of the server.
type countingConn struct {
	net.Conn
	writes *int
}

func (c countingConn) Write(p []byte) (int, error) {
	*c.writes++
	return c.Conn.Write(p)
}

// pipeListener accepts the server's ends of pipes.
type pipeListener struct{ conns chan net.Conn }

func (l pipeListener) Accept() (net.Conn, error) {
	conn, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}
func (l pipeListener) Close() error   { return nil }
func (l pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// overPipe serves one connection inside a bubble and returns the client's end.
func overPipe(t *testing.T, s *Server, writes *int) net.Conn {
	client, server := net.Pipe()
	listener := pipeListener{make(chan net.Conn, 1)}
	listener.conns <- countingConn{server, writes}
	srv := s.HTTP(s.Handler())
	go srv.Serve(listener)
	t.Cleanup(func() {
		close(listener.conns)
		srv.Close()
		client.Close()
	})
	return client
}

// Auth shows the app's user an internal error if the body comes after the head.
func TestHeadAndBodyAreOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, accepts)
		writes := 0
		client := overPipe(t, s, &writes)
		for _, body := range []string{newCall, strings.Replace(newCall, "15555550100", "12", 1), "{"} {
			writes = 0
			request := signed(s, body)
			request.Host = "hook.example"
			go request.Write(client)
			response, err := http.ReadResponse(bufio.NewReader(client), request)
			require.NoError(t, err)
			_, err = io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, 1, writes, response.Status)
		}
	})
}

func TestSlowClientsAreDisconnected(t *testing.T) {
	for _, tt := range []struct {
		name, sends string
		after       time.Duration
	}{
		{"in the head", "POST /hooks/send-sms HTTP/1.1\r\nHost: x\r\nX-Slow: ", 2 * time.Second},
		{"in the body", "POST /hooks/send-sms HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", 5 * time.Second},
		{"in the body, signed", "POST /hooks/send-sms HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n" +
			"Webhook-Id: x\r\nWebhook-Timestamp: 1\r\nWebhook-Signature: v1,x\r\n\r\n{", 5 * time.Second},
		{"before anything", "", 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := newServer(t, accepts)
				start, writes := time.Now(), 0
				client := overPipe(t, s, &writes)
				_, err := io.WriteString(client, tt.sends)
				require.NoError(t, err)
				_, err = io.ReadAll(client)
				require.NoError(t, err)
				require.InDelta(t, tt.after, time.Since(start), float64(time.Second)) // net/http lingers half a second
			})
		})
	}
}

// A client that doesn't read the answers is disconnected after 6 s. It can't delay shutdown, which waits 7 s for running calls.
func TestClientThatDoesNotReadIsDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, accepts)
		start, writes := time.Now(), 0
		client := overPipe(t, s, &writes)
		for err := error(nil); err == nil; {
			_, err = io.WriteString(client, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		}
		require.Equal(t, 6*time.Second, time.Since(start).Truncate(time.Second))
	})
}

func TestHeadersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, accepts)
		writes := 0
		client := overPipe(t, s, &writes)
		go io.WriteString(client, "POST /hooks/send-sms HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
		response, err := http.ReadResponse(bufio.NewReader(client), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, response.StatusCode)
		time.Sleep(time.Second) // net/http lingers half a second
	})
}
