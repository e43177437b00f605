package call

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

// forbidden are the addresses at which clouds give credentials to any caller on their machines: AWS, Google, Alibaba and Azure.
// Link-local addresses are forbidden too.
var forbidden = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::/32"),
	netip.MustParsePrefix("fd20:ce::/32"),
	netip.MustParsePrefix("fd00:42::/32"), // Scaleway
	netip.MustParsePrefix("100.100.100.200/32"),
	netip.MustParsePrefix("168.63.129.16/32"),
	netip.MustParsePrefix("192.0.0.0/24"), // Oracle
	// IPv6 addresses that contain an IPv4 address.
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"),
}

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96") // the last 4 bytes are an IPv4 address
	thisHost  = netip.MustParsePrefix("0.0.0.0/8")
	broadcast = netip.MustParseAddr("255.255.255.255")
)

// checkIP returns why an address must not be called. Without TLS it must be an address of this machine or of a private network.
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
		return errors.New("an address of no machine or of several is never called")
	case plain && !ip.IsLoopback() && !ip.IsPrivate():
		return errors.New("http:// is for this machine and private networks only")
	}
	return nil
}

// numeric is the last label of a host that some resolvers read as an IPv4 address in an unusual notation.
var numeric = regexp.MustCompile(`(^|\.)(\d+|0[xX][0-9a-fA-F]*)\.?$`)

// nearby are names in a private network. The address of such a name is checked too.
var nearby = regexp.MustCompile(`(?i)^[a-z0-9_-]+$|\.(localhost|internal|local|lan|svc|home\.arpa)\.?$`)

// CheckHost returns why a host in a URL must not be called.
func CheckHost(host string, plain bool) error {
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

// Guarded returns a client like the given one that doesn't call what checkIP forbids. It checks the address of each connection before
// anything is written. A check before the dial is not enough, because the address of a name may change in between.
//
// A proxy resolves names itself, and may be at any address. With a proxy, only an IP address in the URL is checked.
func Guarded(client *http.Client, target *url.URL) (*http.Client, error) {
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
		if !isTCP { // a pipe in a test
			return conn, nil
		}
		if err := checkIP(remote.AddrPort().Addr(), plain); err != nil {
			conn.Close()
			return nil, fmt.Errorf("dialling: %w", err)
		}
		return conn, nil
	}
}
