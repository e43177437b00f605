package call_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/providertest"
)

// http2Server returns a server that prefers HTTP/2, and our client, which trusts it.
func http2Server(t *testing.T, handler http.HandlerFunc) (*httptest.Server, *http.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)

	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	ours := call.NewClient()
	transport := ours.Transport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	ours.Transport = transport
	t.Cleanup(transport.CloseIdleConnections)
	return server, ours
}

func TestHTTP1Only(t *testing.T) {
	protocols := make(chan string, 2)
	server, ours := http2Server(t, func(_ http.ResponseWriter, r *http.Request) { protocols <- r.Proto })

	resp, err := server.Client().Get(server.URL)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, "HTTP/2.0", <-protocols, "the server can, so the test is one")

	_, err = do(t, ours, call.BaseURL(server.URL))
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1", <-protocols)
}

// On a new connection and on one that was kept: net/http knows a difference.
func TestReadAndClosedIsSentOnce(t *testing.T) {
	var count atomic.Int32
	server, ours := http2Server(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if count.Add(1) != 2 {
			panic(http.ErrAbortHandler)
		}
	})
	_, err := do(t, ours, call.BaseURL(server.URL))
	requireFailure(t, err, providers.Unknown, "no answer: ")
	_, err = do(t, ours, call.BaseURL(server.URL))
	require.NoError(t, err)
	_, err = do(t, ours, call.BaseURL(server.URL)) // on the connection of the second
	requireFailure(t, err, providers.Unknown, "no answer: ")
	require.EqualValues(t, 3, count.Load())
}

// A server that resets a connection after the request's head, with the body unread, may have understood the head.
func TestResetAfterHead(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	var count atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			conn.Read(make([]byte, 10))
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
	}()
	_, err = do(t, call.NewClient(), call.BaseURL("http://"+listener.Addr().String()))
	requireFailure(t, err, providers.Unknown, "no answer: ")
	require.EqualValues(t, 1, count.Load())
}

// The credential of a request stays where it was sent.
func TestRedirectsAreNotFollowed(t *testing.T) {
	other := providertest.NewFake(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{other.URL, "/elsewhere", "", "http://[bad"} {
			f := providertest.NewFake(t, providertest.Answer{Status: status, Header: http.Header{"Location": {location}}})
			request := post(f.Base).BasicAuth("user", providers.NewSecret(token))
			answer, err := call.New(f.Client()).Do(t.Context(), providers.Message{}, request)
			require.Len(t, f.Requests(), 1)
			require.Empty(t, other.Requests())
			require.NoError(t, err)
			require.Equal(t, status, answer.Status)
			require.Equal(t, providers.Account, call.KindOf(answer.Status))
		}
	}
}

// What a request looks like is the provider's affair, but for what would do harm.
func TestRequest(t *testing.T) {
	f := providertest.NewFake(t)
	caller := call.New(f.Client())
	for _, test := range []struct {
		request call.Request
		want    string
	}{
		{call.Get(string(f.Base) + "/a%2Fb?x=1&y=%20"), "GET /a%2Fb?x=1&y=%20 HTTP/1.1\nUser-Agent: smshook\n"},
		{call.Get(string(f.Base)+"/").BasicAuth("us:er", providers.NewSecret("é:")),
			"GET / HTTP/1.1\nAuthorization: Basic, decoded: us:er:é:\nUser-Agent: smshook\n"},
		{call.Form(string(f.Base)+"/p", fields("b", "2", "b", "1", "a", "é &=+")),
			"POST /p HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\nUser-Agent: smshook\n\na=é &=+\nb=1\nb=2\n"},
		{call.Request{Method: "PUT", URL: string(f.Base), Body: `{"b":1,"a":"<"}`,
			Header: http.Header{"Content-Type": {"application/json"}, "User-Agent": {"another"}, "X": {"1", "2"}}},
			"PUT / HTTP/1.1\nContent-Type: application/json\nUser-Agent: smshook\nX: 1\nX: 2\n\n{\n  \"a\": \"<\",\n  \"b\": 1\n}\n"},
	} {
		answer, err := caller.Do(t.Context(), providers.Message{}, test.request)
		require.NoError(t, err)
		require.Equal(t, 200, answer.Status)
		require.Equal(t, test.want, f.Next().String())
	}
}

// A Request may be sent twice, and by several at once: Do doesn't write into it.
func TestRequestIsLeftAlone(t *testing.T) {
	f := providertest.NewFake(t)
	request := post(f.Base).BasicAuth("user", providers.NewSecret(token))
	before := request.Header.Clone()
	for range 2 {
		_, err := call.New(f.Client()).Do(t.Context(), providers.Message{}, request)
		require.NoError(t, err)
	}
	require.Equal(t, before, request.Header)
	require.Equal(t, f.Next().String(), f.Next().String())
}

func TestClientBounds(t *testing.T) {
	transport := call.NewClient().Transport.(*http.Transport)
	require.Zero(t, call.NewClient().Timeout, "the deadline is the context's")
	require.Zero(t, transport.ResponseHeaderTimeout)
	require.Equal(t, 30*time.Second, transport.IdleConnTimeout)
	require.Equal(t, 64, transport.MaxIdleConnsPerHost)
	require.NotSame(t, http.DefaultTransport, transport)

	f := providertest.NewFake(t, providertest.Answer{Header: http.Header{"X": {strings.Repeat("x", 1<<20)}}})
	_, err := do(t, f.Client(), f.Base)
	requireFailure(t, err, providers.Unknown, "response headers exceeded")
}

// Only the operator can fix an address that can't be called.
func TestUnusableAddress(t *testing.T) {
	for _, address := range []string{"http://127.0.0.1:x/?api_key=" + token, "http://[::1/" + token, "http://a b/", "%zz" + token, "\x7f"} {
		request := call.Get(address)
		_, err := call.New(call.NewClient(), providers.NewSecret(token)).Do(t.Context(), providers.Message{}, request)
		requireFailure(t, err, providers.Account, "making the request: ")
	}
}
