package policy

import (
	"encoding/binary"
	"net/netip"
)

var (
	// shared is the space between a carrier's customers and its own translators. Nobody on the Internet has an address in it.
	// https://www.rfc-editor.org/rfc/rfc6598
	shared = netip.MustParsePrefix("100.64.0.0/10")
	// global is all of IPv6 that is given out. https://www.iana.org/assignments/ipv6-address-space
	global = netip.MustParsePrefix("2000::/3")
)

// Public reports whether an address tells one user from another. One that is missing or private is that of a proxy, if
// anybody's.
func Public(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.IsGlobalUnicast() && !ip.IsPrivate() && !shared.Contains(ip)
	}
	return global.Contains(ip)
}

// source is where a call comes from, as an integer: an address of IPv4, or the first 64 bits of one of IPv6, whose rest a
// user chooses freely. It is false if that can't be told.
func source(ip netip.Addr) (key uint64, ok bool) {
	if !Public(ip) {
		return 0, false
	}
	if ip = ip.Unmap(); ip.Is4() {
		four := ip.As4()
		return uint64(binary.BigEndian.Uint32(four[:])), true
	}
	sixteen := ip.As16()
	return binary.BigEndian.Uint64(sixteen[:8]), true // larger than any address of IPv4
}
