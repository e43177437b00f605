package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/sqlite"
	"github.com/smshook/smshook/internal/policy"
)

// All of one account or number goes from the file, also while another process has it open, and doesn't come back.
func TestErase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smshook.db")
	clock := time.Now()
	l := open(t, options(path, func() time.Time { return clock }))
	d := desk{l, &clock}
	db := other(t, path)
	count := func(table string) (n int) {
		require.NoError(t, db.QueryRow("select count(*) from "+table).Scan(&n))
		return n
	}
	charges, err := policy.Own("user", "+447700900123")
	require.NoError(t, err)
	send := func(id, user, number string, c policy.Charge) {
		c.Limit = policy.Limit{Most: 100, Per: time.Hour}
		require.True(t, d.begin(d.call(id, func(call *ledger.Call) {
			call.Flow, call.Charges = ledger.Flow{User: user, Number: number}, []policy.Charge{c}
		})).Go)
	}
	send("1", "user", "447700900123", charges[0])
	send("2", "user", "447700900124", charges[2])
	send("3", "another", "447700900123", charges[1])
	send("4", "another", "447700900125", policy.Charge{Rule: policy.PerPhone, Key: 447700900125})
	require.Eventually(t, func() bool { return count("counters") == 4 && count("messages") == 4 && count("contents") == 4 }, 20*time.Second, time.Millisecond)

	erase := func(e ledger.Erasure, want, messages, counters int) {
		t.Helper()
		erased, err := sqlite.Erase(t.Context(), path, e)
		require.NoError(t, err)
		require.Equal(t, []int{want, messages, messages, counters}, []int{erased, count("messages"), count("contents"), count("counters")})
	}
	erase(ledger.Erasure{User: "user", Charges: charges[2:]}, 2, 2, 3)
	erase(ledger.Erasure{Number: "447700900123", Charges: charges[:2]}, 1, 1, 1)
	erase(ledger.Erasure{Number: "447700900123", Charges: charges[:2]}, 0, 1, 1)

	_, _, err = l.End(background, ledger.Ended{ID: "3", Result: ledger.Accepted, Instance: "a"}) // it was being sent
	require.NoError(t, err)
	require.Equal(t, 1, count("messages"))
}

func TestEraseManyFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smshook.db")
	clock := time.Now()
	l, err := sqlite.Open(options(path, func() time.Time { return clock }))
	require.NoError(t, err)
	d := desk{l, &clock}
	call := d.call("1")
	d.begin(call)
	require.NoError(t, l.Close())
	_, err = other(t, path).Exec(`with recursive i(i) as (select 1 union all select i + 1 from i where i < 1200)
		insert into messages (id, received_at, user, number, mfa, last_sign_in, stored, expires_at, country, instance, kind, rule, word, state)
		select 'x' || i, received_at, user, number, mfa, last_sign_in, stored, expires_at, country, instance, kind, rule, word, state from messages, i`)
	require.NoError(t, err)
	erased, err := sqlite.Erase(t.Context(), path, ledger.Erasure{Number: call.Flow.Number})
	require.NoError(t, err)
	require.Equal(t, 1201, erased)
}

func TestEraseFromNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smshook.db")
	_, err := sqlite.Erase(t.Context(), path, ledger.Erasure{User: "user"})
	require.Equal(t, sqlite.ErrNoFile, err)
	require.Empty(t, files(t, path))
}
