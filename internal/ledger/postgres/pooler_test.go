package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/ledgertest"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
)

// Behind a pooler, nothing is kept in a session: statements are not prepared, and a replica is alive by its lease alone. It is found out
// without a setting.
func TestStoreBehindAPooler(t *testing.T) {
	d := pgtest.New(t, migrated)
	address := d.Pooler(t, "transaction", "smshook", password)
	ledgertest.Run(t, func(t *testing.T, clock *ledgertest.Clock) ledger.Ledger {
		d.Exec(t, "truncate smshook.message, smshook.content, smshook.flow, smshook.counter, smshook.name")
		store, err := postgres.Open(address, settings(clock.Now))
		require.NoError(t, err)
		t.Cleanup(store.Close)
		return newPolling(withClock(t, d, store, clock))
	})
	require.NoError(t, d.Run("do $$ begin if exists (select from smshook.replica where locked) then raise 'a lock is relied on'; end if; end $$"))
}

func TestCheckFindsThePooler(t *testing.T) {
	for mode, want := range map[string]postgres.Pooler{"transaction": postgres.TransactionPooler, "session": postgres.SessionPooler} {
		d := pgtest.New(t, migrated)
		f, err := postgres.Check(t.Context(), d.Pooler(t, mode, "smshook", password))
		require.NoError(t, err)
		require.Equal(t, want, f.Pooler)
	}
}

// A replica behind a pooler that is killed leaves its message to another one when its lease has ended.
func TestTakeOverBehindAPooler(t *testing.T) {
	d := pgtest.New(t, migrated)
	one, err := postgres.Open(d.Pooler(t, "transaction", "smshook", password), settings(time.Now))
	require.NoError(t, err)
	other := open(t, d, settings(time.Now))
	c := call("1", "user")
	begun, _ := begin(t, one, c, "")
	require.Equal(t, sendIt, begun)
	_, behind := begin(t, other, c, "")
	require.Equal(t, "1", behind)
	one.Close()
	require.Equal(t, sendIt, beginSoon(t, other, c, "1"))
}
