package postgres_test

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger/postgres"
)

// A wrong password isn't tried for each call: Supabase bans hosts that do that.
func TestAWrongPasswordIsNotTriedAgainAndAgain(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	var tried atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			tried.Add(1)
			conn.Read(make([]byte, 1024))
			// An ErrorResponse: https://www.postgresql.org/docs/current/protocol-message-formats.html
			io.WriteString(conn, "E\x00\x00\x00\x17SFATAL\x00C28P01\x00Mno\x00\x00")
			conn.Close()
		}
	}()
	store, err := postgres.Open("postgres://smshook:wrong@"+listener.Addr().String()+"/postgres?sslmode=disable", settings(time.Now))
	require.NoError(t, err)
	t.Cleanup(store.Close)
	for range 20 {
		_, _, err := store.Begin(t.Context(), call("1", "user"), "")
		require.ErrorContains(t, err, "the database refuses the role or its password (no)")
	}
	require.LessOrEqual(t, tried.Load(), int64(3), "one for the calls, and those that show that the replica is alive")
}
