package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// A page of another site may give its own name the address of this machine, and would then be allowed to read what is here (DNS
// rebinding). Its requests still have its name in the Host header.

// private reports whether nobody else can give a host this address: it is an IP address, localhost, a name of one label as containers
// have them, or a name under .internal, which is reserved for private networks.
// https://www.icann.org/en/board-activities-and-meetings/materials/approved-resolutions-special-meeting-of-the-icann-board-29-07-2024-en
func private(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return local(host) || !strings.Contains(host, ".") || strings.HasSuffix(host, ".internal")
}

// local reports whether a host is this machine.
func local(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// hostOf returns the host that a request is for, in lower case and without the port.
func hostOf(r *http.Request) string {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// forHosts refuses requests for hosts that are not allowed and not among the named ones.
func forHosts(allowed func(host string) bool, named []string, advice string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host := hostOf(r); !allowed(host) && !slices.Contains(named, host) {
			http.Error(w, "this address is not one of the page's own"+advice, http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
