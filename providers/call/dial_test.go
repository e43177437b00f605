package call

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckIP(t *testing.T) {
	for ip, want := range map[string][2]bool{ // allowed with TLS, and without
		"8.8.8.8": {true, false}, "192.0.2.1": {true, false}, "2001:db8::1": {true, false}, "100.64.0.1": {true, false},
		"127.0.0.1": {true, true}, "127.9.9.9": {true, true}, "::1": {true, true}, "::ffff:127.0.0.1": {true, true},
		"10.0.0.1": {true, true}, "172.16.0.1": {true, true}, "172.32.0.1": {true, false}, "192.168.1.1": {true, true}, "fd00::1": {true, true},
		"::ffff:10.0.0.1": {true, true}, "::ffff:8.8.8.8": {true, false}, "64:ff9b::808:808": {true, false},
		"169.254.169.254": {}, "169.254.0.1": {}, "::ffff:169.254.169.254": {}, "64:ff9b::a9fe:a9fe": {}, "fe80::1": {}, "fe80::1%eth0": {},
		"febf::1": {}, "fd00:ec2::23": {}, "fd00:42::42": {}, "64:ff9b:1::a9fe:a9fe": {}, "2002:a9fe:a9fe::1": {}, "192.0.0.192": {},
		"fd00:ec2::254": {}, "fd00:ec2::254%eth0": {}, "fd20:ce::254": {}, "100.100.100.200": {}, "168.63.129.16": {},
		"0.0.0.0": {}, "0.1.2.3": {}, "::": {}, "::ffff:0.0.0.0": {}, "224.0.0.1": {}, "239.1.1.1": {}, "ff02::1": {}, "255.255.255.255": {},
	} {
		addr := netip.MustParseAddr(ip)
		require.Equal(t, want, [2]bool{checkIP(addr, false) == nil, checkIP(addr, true) == nil}, ip)
	}
	require.Error(t, checkIP(netip.Addr{}, false))
}

// A proxy may be anywhere, and knows better what a name means.
func TestProxy(t *testing.T) {
	open := func(address string) (*http.Client, error) {
		client := NewClient()
		proxy, err := url.Parse("http://proxy.example:3128")
		require.NoError(t, err)
		client.Transport.(*http.Transport).Proxy = http.ProxyURL(proxy)
		client.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
			return remote{address: &net.TCPAddr{IP: net.ParseIP("169.254.1.1")}}, nil
		}
		target, err := url.Parse(address)
		require.NoError(t, err)
		return Guarded(client, target)
	}
	client, err := open("https://api.example.com")
	require.NoError(t, err)
	_, err = client.Transport.(*http.Transport).DialContext(t.Context(), "tcp", "proxy.example:3128")
	require.NoError(t, err)
	_, err = open("http://10.0.0.1")
	require.NoError(t, err)
	_, err = open("http://gateway")
	require.EqualError(t, err, "URL: http:// to a name can't be kept to private networks through a proxy")
}

// The client that all providers share is left alone.
func TestOwnClient(t *testing.T) {
	shared := NewClient()
	target := &url.URL{Scheme: "https", Host: "api.example.com"}
	own, err := Guarded(shared, target)
	require.NoError(t, err)
	require.NotSame(t, shared.Transport, own.Transport)
	require.NotNil(t, own.CheckRedirect)
	require.True(t, own.Transport.(*http.Transport).Protocols.HTTP1())
	require.False(t, own.Transport.(*http.Transport).Protocols.HTTP2())
	_, err = Guarded(&http.Client{Transport: http.NewFileTransport(nil)}, target)
	require.Error(t, err)
}

// remote is a connection that is said to lead somewhere.
type remote struct {
	net.Conn
	address net.Addr
}

func (r remote) RemoteAddr() net.Addr { return r.address }
