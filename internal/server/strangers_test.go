package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
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
