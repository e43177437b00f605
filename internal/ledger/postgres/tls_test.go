package postgres_test

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger/postgres"
)

func TestUnverified(t *testing.T) {
	authority := filepath.Join(t.TempDir(), "ca.crt")
	_, certificate := tlsDatabase(t)
	require.NoError(t, os.WriteFile(authority, certificate, 0o600))
	for address, want := range map[string]bool{
		"postgres://smshook@db.example.com/postgres":                                              true,
		"postgres://smshook@db.example.com/postgres?sslmode=disable":                              true,
		"postgres://smshook@db.example.com/postgres?sslmode=require":                              true,
		"postgres://smshook@db.example.com/postgres?sslmode=verify-ca":                            true,
		"postgres://smshook@db.example.com/postgres?sslmode=require&sslrootcert=" + authority:     true,
		"postgres://smshook@db.example.com/postgres?sslmode=verify-full":                          false,
		"postgres://smshook@db.example.com/postgres?sslmode=verify-full&pgbouncer=true":           false,
		"postgres://smshook@db.example.com/postgres?sslmode=verify-full&sslrootcert=" + authority: false,
		"postgres://smshook@db.example.com/postgres?sslrootcert=system":                           false,
		"postgres://smshook@localhost,db.example.com/postgres":                                    true,
		"postgres://smshook@/postgres?host=db.example.com":                                        true,
		"postgres://smshook@10.0.0.7:5432/postgres":                                               true,
		"postgres://smshook@localhost/postgres":                                                   false,
		"postgres://smshook@127.0.0.2:5432/postgres":                                              false,
		"postgres://smshook@[::1]/postgres":                                                       false,
		"postgres:///postgres?host=/run/postgresql":                                               false,
	} {
		require.Equal(t, want, postgres.Unverified(address), address)
	}
}

// tlsDatabase answers like a database that wants TLS, and ends each connection after the first message. It returns its address and its certificate,
// which is for example.com and 127.0.0.1.
func tlsDatabase(t *testing.T) (address string, certificate []byte) {
	https := httptest.NewTLSServer(nil)
	t.Cleanup(https.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			// SSLRequest: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
			io.ReadFull(conn, make([]byte, 8))
			io.WriteString(conn, "S")
			encrypted := tls.Server(conn, &tls.Config{Certificates: https.TLS.Certificates})
			encrypted.Read(make([]byte, 1024)) // the start-up message; bytes left unread would have Close reset the connection
			encrypted.Close()
		}
	}()
	return listener.Addr().String(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: https.Certificate().Raw})
}

// A database whose certificate doesn't prove who it is gets no password, and the error says what to do.
func TestCertificates(t *testing.T) {
	address, certificate := tlsDatabase(t)
	folder := t.TempDir()
	right, empty := filepath.Join(folder, "ca.crt"), filepath.Join(folder, "empty.crt")
	require.NoError(t, os.WriteFile(right, certificate, 0o600))
	require.NoError(t, os.WriteFile(empty, []byte("no certificate"), 0o600))
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	for _, tt := range []struct{ host, query, want string }{
		{"127.0.0.1", "sslmode=verify-full", "let sslrootcert in the address name a file with the certificate of its CA; on Supabase it is in the dashboard, Database Settings, SSL Configuration"},
		{"localhost", "sslmode=verify-full&sslrootcert=" + right, "let sslrootcert in the address name"}, // another host
		{"127.0.0.1", "sslmode=verify-full&sslrootcert=" + right, "EOF"},                                 // it is trusted
		{"127.0.0.1", "sslmode=verify-full&sslrootcert=" + folder + "/missing.crt", "a file that the address names (sslrootcert, sslcert or sslkey) can't be read: no such file or directory"},
		{"127.0.0.1", "sslmode=verify-full&sslrootcert=" + empty, "the file that sslrootcert names in the address has no certificate in PEM form"},
	} {
		address := "postgres://smshook:s3cret@" + net.JoinHostPort(tt.host, port) + "/postgres?" + tt.query
		_, err := postgres.Check(t.Context(), address)
		require.ErrorContains(t, err, tt.want, tt.query)
		require.NotContains(t, err.Error(), "s3cret")
		s, err := postgres.Open(address, settings(time.Now))
		if err == nil {
			_, _, err = s.Begin(t.Context(), call("1", "user"), "")
			s.Close()
		}
		require.ErrorContains(t, err, tt.want, tt.query)
	}
}
