package call_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/providertest"
)

// watched sends the usual request under a Watch of its own, as the race does.
func watched(t *testing.T, client *http.Client, base call.BaseURL) (bool, error) {
	t.Helper()
	ctx, w := call.Watch(t.Context())
	_, err := call.New(client, providers.NewSecret(token)).Do(ctx, providertest.Message(), post(base))
	return w.Written(), err
}

func TestNotWritten(t *testing.T) {
	f := providertest.NewFake(t)
	noDNS := call.NewClient()
	noDNS.Transport.(*http.Transport).Proxy = nil // this machine's
	noDNS.Transport.(*http.Transport).DialContext = (&net.Dialer{Resolver: &net.Resolver{
		PreferGo: true,
		Dial:     func(context.Context, string, string) (net.Conn, error) { return nil, errBroken },
	}}).DialContext
	untrusted := providertest.NewUntrustedFake(t)

	for _, test := range []struct {
		name   string
		client *http.Client
		base   call.BaseURL
		text   string
	}{
		{"refused", f.Client(), providertest.Refusing(t), "connection refused"},
		{"no such name", noDNS, "http://provider.invalid", "lookup provider.invalid"},
		{"certificate unknown", untrusted.Client(), untrusted.Base, "certificate"},
		{"TLS to a plain server", f.Client(), call.BaseURL(strings.Replace(f.URL, "http:", "https:", 1)), "does not look like a TLS handshake"},
		{"no scheme", f.Client(), "127.0.0.1", "unsupported protocol scheme"},
	} {
		t.Run(test.name, func(t *testing.T) {
			written, err := watched(t, test.client, test.base)
			requireFailure(t, err, providers.Temporary, "not reached: ")
			require.ErrorContains(t, err, test.text)
			require.False(t, written)
		})
	}
	require.Empty(t, f.Requests())
}

// A server that takes the connection and is silent from there on has not got a request.
func TestNotWrittenWithoutHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard := make(chan struct{})
		client := call.NewClient()
		client.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				theirs.Read(make([]byte, 5)) // the head of a TLS record
				close(heard)
				io.Copy(io.Discard, theirs)
				theirs.Close()
			}()
			return ours, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		ctx, w := call.Watch(ctx)
		done := make(chan error)
		go func() {
			_, err := call.New(client, providers.NewSecret(token)).Do(ctx, providertest.Message(), post("https://provider.example"))
			done <- err
		}()
		<-heard
		synctest.Wait()
		require.False(t, w.Written(), "while Do runs")
		cancel()
		requireFailure(t, <-done, providers.Temporary, "not reached: context canceled")
		require.False(t, w.Written())
		time.Sleep(time.Minute) // the handshake has an end of its own, else the dial would stay forever
	})
}

// What a proxy is told to make a tunnel isn't the request.
func TestNotWrittenBehindProxy(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer providertest.Answer
	}{
		{"it refuses", providertest.Answer{Status: 502}},
		{"it leaves", providertest.Answer{Fault: providertest.Close}},
		{"it makes a tunnel to nowhere", providertest.Answer{Status: 200, Fault: providertest.Half}},
	} {
		t.Run(test.name, func(t *testing.T) {
			proxy := providertest.NewFake(t, test.answer)
			address, err := url.Parse(proxy.URL)
			require.NoError(t, err)
			client := proxy.Client()
			client.Transport.(*http.Transport).Proxy = http.ProxyURL(address)
			written, err := watched(t, client, "https://provider.example")
			requireFailure(t, err, providers.Temporary, "not reached: ")
			require.False(t, written)
			require.Equal(t, "CONNECT", proxy.Next().Method)
		})
	}
}

func TestWritten(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer providertest.Answer
	}{
		{"closed", providertest.Answer{Fault: providertest.Close}},
		{"reset", providertest.Answer{Fault: providertest.Reset}},
		{"half", providertest.Answer{Fault: providertest.Half, Body: "0123456789"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := providertest.NewFake(t, test.answer)
			written, err := watched(t, f.Client(), f.Base)
			requireFailure(t, err, providers.Unknown, "")
			require.True(t, written)
			require.Len(t, f.Requests(), 1)
		})
	}
}

func TestWrittenWhileItRuns(t *testing.T) {
	f := providertest.NewFake(t, providertest.Answer{Fault: providertest.Hang})
	ctx, cancel := context.WithCancel(t.Context())
	ctx, w := call.Watch(ctx)
	require.False(t, w.Written(), "before it runs")
	done := make(chan error, 1)
	go func() {
		_, err := call.New(f.Client(), providers.NewSecret(token)).Do(ctx, providertest.Message(), post(f.Base))
		done <- err
	}()
	f.Next()
	require.True(t, w.Written(), "while Do runs")
	require.Empty(t, done)
	cancel()
	requireFailure(t, <-done, providers.Unknown, "no answer: context canceled")
	require.True(t, w.Written())
}

// A kept connection may turn out to be dead. If nothing of the request went out, net/http takes another one, and until that
// one has taken the request, nothing is written.
func TestWrittenIsClearedForAnotherConnection(t *testing.T) {
	f := providertest.NewFake(t)
	client := f.Client()
	transport := client.Transport.(*http.Transport)
	dial := transport.DialContext
	broken := new(brokenConn)
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		broken.Conn = conn
		return broken, err
	}
	_, err := do(t, client, f.Base)
	require.NoError(t, err)

	broken.dead = true
	ctx, w := call.Watch(t.Context())
	var before []bool
	broken.failed = func() { before = append(before, w.Written()) }
	dialled := make(chan bool, 1)
	unreachable := false
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled <- w.Written()
		if unreachable {
			return nil, errBroken
		}
		return dial(ctx, network, address)
	}
	caller := call.New(client, providers.NewSecret(token))
	_, err = caller.Do(ctx, providertest.Message(), post(f.Base))
	require.NoError(t, err)
	require.Equal(t, []bool{true}, before, "net/http takes the buffer for the wire")
	require.False(t, <-dialled)
	require.True(t, w.Written())
	require.Len(t, f.Requests(), 2)
}

// The same, where there is no other connection: it was not sent.
func TestWrittenIsClearedAndStaysSo(t *testing.T) {
	f := providertest.NewFake(t)
	client := f.Client()
	transport := client.Transport.(*http.Transport)
	dial := transport.DialContext
	broken := &brokenConn{failed: func() {}}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		broken.Conn = conn
		return broken, err
	}
	_, err := do(t, client, f.Base)
	require.NoError(t, err)

	broken.dead = true
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, errBroken }
	written, err := watched(t, client, f.Base)
	requireFailure(t, err, providers.Temporary, "not reached: broken")
	require.False(t, written)
}

// brokenConn is a connection on which nothing can be written any more, although reading still waits.
type brokenConn struct {
	net.Conn
	dead   bool
	failed func()
}

func (c *brokenConn) Write(p []byte) (int, error) {
	if c.dead {
		c.failed()
		return 0, errors.New("broken pipe")
	}
	return c.Conn.Write(p)
}

// Each attempt is watched apart, also where one context comes from the other.
func TestWatchesAreApart(t *testing.T) {
	f := providertest.NewFake(t)
	outer, first := call.Watch(t.Context())
	_, err := call.New(f.Client()).Do(outer, providers.Message{}, post(f.Base))
	require.NoError(t, err)
	_, second := call.Watch(t.Context())
	require.True(t, first.Written())
	require.False(t, second.Written())
}

// The race and Do watch the same attempt.
func TestWatchedOnce(t *testing.T) {
	ctx, w := call.Watch(t.Context())
	again, same := call.Watch(ctx)
	require.Equal(t, ctx, again)
	require.Same(t, w, same)
}
