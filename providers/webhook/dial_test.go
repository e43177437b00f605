package webhook

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/providertest"
)

// conn is a connection that is said to lead somewhere.
type conn struct {
	net.Conn
	remote net.Addr
	closed bool
}

func (c *conn) RemoteAddr() net.Addr { return c.remote }
func (c *conn) Close() error         { c.closed = true; return nil }
func (c *conn) Write(p []byte) (int, error) {
	panic("something was written")
}

// What counts is where the connection leads, not what the name has resolved to before.
func TestDialledAddressIsChecked(t *testing.T) {
	for _, test := range []struct{ address, ip, text string }{
		{"https://api.example.com", "169.254.169.254", "not reached: dialling: a link-local address is never called"},
		{"https://api.example.com", "fd00:ec2::254", "not reached: dialling: a cloud's metadata address is never called"},
		{"https://api.example.com", "::ffff:169.254.169.254", "not reached: dialling: a link-local address is never called"},
		{"http://gateway", "192.0.2.1", "not reached: dialling: http:// is for this machine and private networks only"},
		{"http://localhost", "192.0.2.1", "not reached: dialling: http:// is for this machine and private networks only"},
	} {
		made := &conn{remote: &net.TCPAddr{IP: net.ParseIP(test.ip), Port: 80}}
		client := call.NewClient()
		client.Transport.(*http.Transport).Proxy = nil
		client.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) { return made, nil }
		p, err := jsonEnv.open(call.BaseURL(test.address), providers.Deps{HTTP: client})
		require.NoError(t, err)
		_, err = p.Send(t.Context(), providertest.Message())
		require.Equal(t, providers.Temporary, providertest.KindOf(t, err))
		require.EqualError(t, err, "temporary: "+test.text)
		require.True(t, made.closed)
	}
}
