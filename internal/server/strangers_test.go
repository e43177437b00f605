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

// Ten times as many slow strangers as there may be don't keep Auth out, nor close the connection that it has.
func TestStrangersMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 5
		s, _ := newServer(t, accepts)
		server := s.HTTP(s.Handler())
		watched := newStrangers(most)
		watched.watch(server)
		listener := pipeListener{make(chan net.Conn)}
		go server.Serve(listener)
		dial := func() net.Conn {
			ours, theirs := net.Pipe()
			listener.conns <- theirs
			return ours
		}
		call := func(conn net.Conn) {
			request := signed(s, newCall)
			request.Host = "hook.example"
			go request.Write(conn)
			response, err := http.ReadResponse(bufio.NewReader(conn), request)
			require.NoError(t, err)
			_, err = io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, response.StatusCode)
		}
		auth := dial()
		call(auth)
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
		call(auth)
		another := dial()
		call(another)
		require.Equal(t, most-1, watched.byAge.Len(), "who came last crowded out one, and was introduced")

		close(listener.conns)
		require.NoError(t, server.Close())
		synctest.Wait()
		require.Zero(t, watched.byAge.Len())
		require.Empty(t, watched.places)
	})
}

// Who calls with a signature, or with the token of an address, is no stranger any more.
func TestIntroductions(t *testing.T) {
	s, _, _, path := newReceiver(t)
	for _, tt := range []struct {
		name    string
		request *http.Request
		want    bool
	}{
		{"a signed call", signed(s, newCall), true},
		{"an unsigned call", httptest.NewRequest("POST", HookPath, strings.NewReader(newCall)), false},
		{"a receipt", httptest.NewRequest("POST", path("a"), strings.NewReader("good")), true},
		{"a receipt with another's token", httptest.NewRequest("POST", path("d"), strings.NewReader("good")), false},
		{"a probe", httptest.NewRequest("GET", "/healthz", nil), false},
	} {
		introduced := false
		ctx := context.WithValue(t.Context(), introducedKey{}, func() { introduced = true })
		s.Handler().ServeHTTP(httptest.NewRecorder(), tt.request.WithContext(ctx))
		require.Equal(t, tt.want, introduced, tt.name)
	}
}

// Of long bodies, only so many are read at once. Who is slow makes room: Auth's long calls go through all the same.
func TestLongBodiesMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, accepts)
		server := s.HTTP(s.Handler())
		listener := pipeListener{make(chan net.Conn)}
		go server.Serve(listener)
		dial := func() net.Conn {
			ours, theirs := net.Pipe()
			listener.conns <- theirs
			return ours
		}
		var slow []chan bool
		for range 2 * longBodies {
			conn := dial()
			io.WriteString(conn, "POST /hooks/send-sms HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"+
				"Webhook-Id: x\r\nWebhook-Timestamp: 1\r\nWebhook-Signature: v1,x\r\n\r\n"+strings.Repeat(" ", usualBody+1))
			slow = append(slow, closed(conn))
			synctest.Wait()
		}
		auth := dial()
		for range 2 {
			request := signed(s, newCall+strings.Repeat(" ", usualBody))
			request.Host = "hook.example"
			go request.Write(auth)
			response, err := http.ReadResponse(bufio.NewReader(auth), request)
			require.NoError(t, err)
			_, err = io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, response.StatusCode)
		}
		synctest.Wait()
		for i, ended := range slow {
			require.Equal(t, i < longBodies+1, len(ended) == 1, i)
		}
		require.Equal(t, longBodies-1, len(s.long.slots))

		close(listener.conns)
		require.NoError(t, server.Close())
		synctest.Wait()
		require.Zero(t, len(s.long.slots))
	})
}

func TestStrangersLeaveDescriptors(t *testing.T) {
	for _, tt := range []struct {
		descriptors uint64
		want        int
	}{
		{20, 16}, {256, 64}, {1024, 256}, {4096, 1024}, {1 << 20, 1024}, {math.MaxUint64, 1024},
	} {
		require.Equal(t, tt.want, mostStrangers(tt.descriptors))
	}
}
