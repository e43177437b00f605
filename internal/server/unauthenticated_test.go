package server

import (
	"bufio"
	"context"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// closed reports whether the server has closed a connection.
func closed(conn net.Conn) chan bool {
	ended := make(chan bool, 1)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		ended <- err == io.EOF
	}()
	return ended
}

// Ten times the allowed number of slow connections don't keep Auth out, and don't close the connection that Auth already has.
func TestSlowConnectionsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 5
		s, _ := newServer(t, accepts)
		server := s.HTTP(s.Handler())
		unauthenticated := newUnauthenticated(most)
		unauthenticated.track(server)
		listener := pipeListener{make(chan net.Conn)}
		go server.Serve(listener)
		dial := func() net.Conn {
			ours, theirs := net.Pipe()
			listener.conns <- theirs
			return ours
		}
		call := func(conn net.Conn, body string) {
			request := signed(s, body)
			request.Host = "hook.example"
			go request.Write(conn)
			response, err := http.ReadResponse(bufio.NewReader(conn), request)
			require.NoError(t, err)
			_, err = io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, response.StatusCode)
		}
		auth := dial()
		call(auth, newCall)
		var slow []chan bool
		for range 10 * most {
			conn := dial()
			io.WriteString(conn, "POST /hooks/send-sms HTTP/1.1\r\nX-Slow: ")
			slow = append(slow, closed(conn))
		}
		synctest.Wait()
		for i, ended := range slow {
			require.Equal(t, i < 9*most, len(ended) == 1, i)
		}
		call(auth, newCall)
		another := dial()
		call(another, strings.NewReplacer("17b0fe8e", "27b0fe8e", "15555550100", "15555550101").Replace(newCall))
		require.Equal(t, most-1, unauthenticated.connections.byAge.Len(), "the last connection closed one more, and has authenticated")

		var captured []chan bool
		for range 2 * most {
			conn := dial()
			call(conn, newCall)
			captured = append(captured, closed(conn))
		}
		synctest.Wait()
		for i, ended := range captured {
			require.Equal(t, i < most, len(ended) == 1, "a captured call, %d", i)
		}
		require.Equal(t, most, unauthenticated.connections.byAge.Len())
		call(auth, newCall)

		close(listener.conns)
		require.NoError(t, server.Close())
		synctest.Wait()
		require.Zero(t, unauthenticated.connections.byAge.Len())
		require.Empty(t, unauthenticated.connections.elements)
	})
}

// A call that leads to an attempt, or a receipt with the right token, authenticates a connection. While a signed call runs, its
// connection is authenticated in any case.
func TestWhatAuthenticatesAConnection(t *testing.T) {
	s, _ := newServer(t, accepts)
	receiver, _, _, path := newReceiver(t)
	otherNumber := strings.NewReplacer("17b0fe8e", "27b0fe8e", "15555550100", "0")
	for _, tt := range []struct {
		name    string
		server  *Server
		request *http.Request
		want    string
	}{
		{"a signed call", s, signed(s, newCall), "authenticated"},
		{"a repeat, or a captured call", s, signed(s, newCall), "authenticated, undone"},
		{"a signed call to a wrong number", s, signed(s, otherNumber.Replace(newCall)), "authenticated, undone"},
		{"a signed call that can't be read", s, signed(s, "{"), "authenticated, undone"},
		{"an unsigned call", s, httptest.NewRequest("POST", HookPath, strings.NewReader(newCall)), ""},
		{"a receipt", receiver, httptest.NewRequest("POST", path("a"), strings.NewReader("good")), "authenticated"},
		{"a receipt with another instance's token", receiver, httptest.NewRequest("POST", path("d"), strings.NewReader("good")), ""},
		{"a probe", s, httptest.NewRequest("GET", "/healthz", nil), ""},
	} {
		got := ""
		ctx := context.WithValue(t.Context(), authenticatedKey{}, func() func() {
			got += "authenticated"
			return func() { got += ", undone" }
		})
		tt.server.Handler().ServeHTTP(httptest.NewRecorder(), tt.request.WithContext(ctx))
		require.Equal(t, tt.want, got, tt.name)
	}
}

func TestUnauthenticatedConnectionsLeaveDescriptors(t *testing.T) {
	for _, tt := range []struct {
		descriptors uint64
		want        int
	}{
		{20, 16}, {256, 64}, {1024, 256}, {4096, 1024}, {1 << 20, 1024}, {math.MaxUint64, 1024},
	} {
		require.Equal(t, tt.want, maxUnauthenticated(tt.descriptors))
	}
}
