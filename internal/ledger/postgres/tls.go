package postgres

import (
	"crypto/tls"
	"net"
	"path/filepath"
)

// Unverified reports whether a connection to a database on another machine may be made without knowing who answers: an address has to have
// sslmode=verify-full (https://www.postgresql.org/docs/current/libpq-ssl.html), or an attacker in the network can read the password. It is
// false for an address that can't be read.
func Unverified(address string) bool {
	config, err := parse(address)
	if err != nil {
		return false
	}
	if unverified(config.Host, config.TLSConfig) {
		return true
	}
	for _, other := range config.Fallbacks { // other hosts, and other ways to the same
		if unverified(other.Host, other.TLSConfig) {
			return true
		}
	}
	return false
}

func unverified(host string, config *tls.Config) bool {
	local := host == "localhost" || net.ParseIP(host).IsLoopback() || filepath.IsAbs(host) // the last is the folder of a Unix socket
	return !local && (config == nil || config.InsecureSkipVerify)
}
