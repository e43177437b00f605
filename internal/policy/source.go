package policy

import (
	"encoding/binary"
	"net/netip"
)

var (
	// shared is the address space between a network's customers and its address translators. No public address is in it.
	// https://www.rfc-editor.org/rfc/rfc6598
	shared = netip.MustParsePrefix("100.64.0.0/10")
	// global is the part of IPv6 from which public addresses are assigned. https://www.iana.org/assignments/ipv6-address-space
	global = netip.MustParsePrefix("2000::/3")
)

// Public reports whether an address can be a user's. A missing address can't, and a private one is most likely a proxy's.
func Public(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.IsGlobalUnicast() && !ip.IsPrivate() && !shared.Contains(ip)
	}
	return global.Contains(ip)
}

// source returns an address as an integer. Of an IPv6 address it is the first 64 bits, since a user can choose the rest. ok is false
// if the address isn't public.
func source(ip netip.Addr) (key uint64, ok bool) {
	if !Public(ip) {
		return 0, false
	}
	if ip = ip.Unmap(); ip.Is4() {
		four := ip.As4()
		return uint64(binary.BigEndian.Uint32(four[:])), true
	}
	sixteen := ip.As16()
	return binary.BigEndian.Uint64(sixteen[:8]), true // larger than any IPv4 address
}
