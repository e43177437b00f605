package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/hook"
)

// A sign-up has user_metadata twice: in the user and in the identity.
func TestMetadataOfOneMiBIsAccepted(t *testing.T) {
	s, _ := newServer(t, accepts)
	metadata := `{"picture":"` + strings.Repeat("x", 1<<20-20) + `"}`
	body := strings.Replace(newCall, `"user":{}`, fmt.Sprintf(`"user":{"user_metadata":%s,"identities":[{"identity_data":%s}]}`, metadata, metadata), 1)
	require.Greater(t, len(body), 2<<20-100)
	require.Equal(t, "200 "+head(2)+" {}", answer(s.Handler(), signed(s, body)))
}

// A large body is in memory only once until its signature is verified, with and without a Content-Length.
func TestLargeBodiesAreNotCopied(t *testing.T) {
	s, _ := newServer(t, accepts)
	handler := s.Handler()
	body := newCall + strings.Repeat(" ", hook.MaxBody-len(newCall))
	for _, length := range []int64{int64(len(body)), -1} {
		forged := signed(s, newCall)
		forged.Body, forged.ContentLength = io.NopCloser(strings.NewReader(body)), length
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		answer(handler, forged)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(len(body)+len(body)/4), "length %d", length)
	}
}

// A large body keeps its slot until the body is released. Only connections that are still sending are closed to make room.
func TestLargeBodyKeepsItsSlot(t *testing.T) {
	s, _ := newServer(t, accepts)
	s.largeBodies = newLargeBodies(1)
	ours, theirs := net.Pipe()
	defer ours.Close()
	r := httptest.NewRequest("POST", HookPath, strings.NewReader(strings.Repeat("x", usualBody+1)))
	body, release, err := s.readBody(r.WithContext(context.WithValue(t.Context(), connectionKey{}, theirs)), hook.MaxBody)
	require.NoError(t, err)
	require.Len(t, body, usualBody+1)
	require.Len(t, s.largeBodies.slots, 1)
	require.Zero(t, s.largeBodies.sending.byAge.Len())
	release()
	release()
	require.Empty(t, s.largeBodies.slots)

	cut := httptest.NewRequest("POST", HookPath, io.MultiReader(strings.NewReader(strings.Repeat("x", usualBody+1)), errorReader{}))
	_, _, err = s.readBody(cut.WithContext(context.WithValue(t.Context(), connectionKey{}, theirs)), hook.MaxBody)
	require.Equal(t, errCutOff, err)
	require.Empty(t, s.largeBodies.slots)
	require.Zero(t, s.largeBodies.sending.byAge.Len())
}

// Only some large bodies are read at once. A slow connection is closed to make room for Auth's large calls.
func TestSlowLargeBodiesAreClosed(t *testing.T) {
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
		for range 2 * maxLargeBodies {
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
			require.Equal(t, i < maxLargeBodies+1, len(ended) == 1, i)
		}
		require.Equal(t, maxLargeBodies-1, len(s.largeBodies.slots))

		close(listener.conns)
		require.NoError(t, server.Close())
		synctest.Wait()
		require.Zero(t, len(s.largeBodies.slots))
	})
}
