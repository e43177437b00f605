package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// forbidden are, besides link-local addresses, those at which clouds give credentials to whoever asks from inside: AWS,
// Google, Alibaba and Azure.
var forbidden = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::/32"),
	netip.MustParsePrefix("fd20:ce::/32"),
	netip.MustParsePrefix("fd00:42::/32"), // Scaleway
	netip.MustParsePrefix("100.100.100.200/32"),
	netip.MustParsePrefix("168.63.129.16/32"),
	netip.MustParsePrefix("192.0.0.0/24"), // Oracle
	// IPv4 addresses in another dress.
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"),
}

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96") // the last 4 bytes are the IPv4 address that is meant
	thisHost  = netip.MustParsePrefix("0.0.0.0/8")
	broadcast = netip.MustParseAddr("255.255.255.255")
)

// checkIP returns why an address must not be called. Without TLS it must be of this machine or of a private network.
func checkIP(ip netip.Addr, plain bool) error {
	ip = ip.WithZone("").Unmap()
	if nat64.Contains(ip) {
		bytes := ip.As16()
		ip = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	for _, one := range forbidden {
		if one.Contains(ip) {
			return errors.New("a cloud's metadata address is never called")
		}
	}
	switch {
	case ip.IsLinkLocalUnicast():
		return errors.New("a link-local address is never called")
	case !ip.IsValid(), ip.IsUnspecified(), thisHost.Contains(ip), ip.IsMulticast(), ip == broadcast:
		return errors.New("an address that is not of one machine is never called")
	case plain && !ip.IsLoopback() && !ip.IsPrivate():
		return errors.New("http:// is for this machine and private networks only")
	}
	return nil
}

// numeric is the last label of a host that some resolvers read as an IPv4 address in an odd notation.
var numeric = regexp.MustCompile(`(^|\.)(\d+|0[xX][0-9a-fA-F]*)\.?$`)

// nearby are the names that a private network has. A name is no proof: the address it leads to is checked as well.
var nearby = regexp.MustCompile(`(?i)^[a-z0-9_-]+$|\.(localhost|internal|local|lan|svc|home\.arpa)\.?$`)

// checkHost judges a host as it stands in a URL.
func checkHost(host string, plain bool) error {
	if ip, err := netip.ParseAddr(host); err == nil {
		return checkIP(ip, plain)
	}
	if strings.Contains(host, ":") || numeric.MatchString(host) {
		return errors.New("want a name or an IP address in its usual notation as the host")
	}
	if plain && !nearby.MatchString(host) {
		return errors.New("want https://; http:// is for this machine and private networks only")
	}
	return nil
}

// guarded returns a client like the given one that holds what checkIP says. It checks the address that a connection has in
// fact, before anything is written to it: what a name resolves to may change between a check and a dial.
//
// Through a proxy, the proxy resolves the name, and may itself be anywhere. There, only an IP address in the URL is checked.
func guarded(client *http.Client, target *url.URL) (*http.Client, error) {
	base, ok := client.Transport.(*http.Transport)
	if !ok {
		return nil, errors.New("the client's connections can't be checked")
	}
	plain := target.Scheme == "http"
	transport := base.Clone()
	own := *client
	own.Transport = transport
	if proxied(transport, target) {
		if _, err := netip.ParseAddr(target.Hostname()); plain && err != nil {
			return nil, errors.New("URL: http:// to a name can't be kept to private networks through a proxy")
		}
		return &own, nil
	}
	transport.DialContext = checkedDial(base.DialContext, plain)
	return &own, nil
}

func proxied(transport *http.Transport, target *url.URL) bool {
	if transport.Proxy == nil {
		return false
	}
	proxy, err := transport.Proxy(&http.Request{URL: target})
	return err == nil && proxy != nil
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

func checkedDial(dial dialer, plain bool) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		remote, isTCP := conn.RemoteAddr().(*net.TCPAddr)
		if !isTCP { // a pipe, in tests: it leads nowhere
			return conn, nil
		}
		if err := checkIP(remote.AddrPort().Addr(), plain); err != nil {
			conn.Close()
			return nil, fmt.Errorf("dialling: %w", err)
		}
		return conn, nil
	}
}
