package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/policy"
)

const prefixOfEvents = 44770090 // see newEvent

func newGuarded(t *testing.T) hooked {
	return newHooked(t, policy.Limits{}, func(p *postgres.Published) { p.Guard = true })
}

// asked is the answer to a call for an unproven number of the prefix.
func (h hooked) asked(t *testing.T, n int) string { return sendSMS(t, h.auth, newEvent(n).text()) }

func TestFlag(t *testing.T) {
	h := newGuarded(t)
	flag := func(trials map[uint64]time.Time) { require.NoError(t, h.store.Flag(t.Context(), trials)) }
	tooMany := refused(429, "too many")
	move := func(by time.Duration) {
		h.Exec(t, fmt.Sprintf("update smshook.test_clock set at = smshook.clock() + interval '%d microseconds'", by.Microseconds()))
		h.works(t)
	}
	require.Equal(t, put, h.asked(t, 1))
	flag(map[uint64]time.Time{prefixOfEvents: time.Now().Add(2 * time.Hour), prefixOfEvents + 1: time.Now()})
	require.Equal(t, tooMany, h.asked(t, 2))
	require.Equal(t, put, h.asked(t, 1), "a repeat of what was put before")
	flag(map[uint64]time.Time{prefixOfEvents: time.Now().Add(time.Hour)})
	h.publish(t, policy.Limits{})
	require.Equal(t, put, h.asked(t, 3), "the guard only observes")
	h.publish(t, policy.Limits{}, func(p *postgres.Published) { p.Guard = true })

	var rows int
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{{59 * time.Second, 2}, {2 * time.Second, 1}} {
		move(tt.after)
		flag(map[uint64]time.Time{prefixOfEvents: time.Now()}) // this replica's clock hasn't moved: the database counts in its own
		require.NoError(t, h.admin.QueryRow(t.Context(), "select count(*) from smshook.flagged").Scan(&rows))
		require.Equal(t, tt.want, rows, "what nobody tells any more is deleted")
		require.Equal(t, tooMany, h.asked(t, 4), "of two replicas' trials the later one counts")
	}
	move(61 * time.Second)
	require.Equal(t, put, h.asked(t, 5), "no replica tells it any more")
}

func TestFlagIsBounded(t *testing.T) {
	h := newGuarded(t)
	trials := map[uint64]time.Time{}
	for i := range uint64(postgres.MaxFlagged + 10) {
		trials[10_000_000+i] = time.Now()
	}
	require.NoError(t, h.store.Flag(t.Context(), trials))
	var rows int
	require.NoError(t, h.admin.QueryRow(t.Context(), "select count(*) from smshook.flagged").Scan(&rows))
	require.Equal(t, postgres.MaxFlagged, rows)
}

// Of several at once, one passes as a trial. If Auth doesn't store its code, another one may.
func TestATrialBySQL(t *testing.T) {
	h := newGuarded(t)
	require.NoError(t, h.store.Flag(t.Context(), map[uint64]time.Time{prefixOfEvents: time.Now().Add(-time.Second)}))
	begin := func() pgx.Tx {
		tx, err := connectTB(t, h.URL("supabase_auth_admin", "")).Begin(t.Context())
		require.NoError(t, err)
		return tx
	}
	first, second, third := begin(), begin(), begin()
	require.Equal(t, put, sendSMS(t, first, newEvent(1).text()))
	require.Equal(t, refused(429, "too many"), sendSMS(t, second, newEvent(2).text()), "it doesn't wait for the first")
	require.NoError(t, first.Rollback(t.Context()))
	require.Equal(t, put, sendSMS(t, third, newEvent(3).text()))
	require.NoError(t, third.Commit(context.Background()))
	require.NoError(t, second.Rollback(t.Context()))
	require.Equal(t, refused(429, "too many"), h.asked(t, 4))
}

func TestHashKey(t *testing.T) {
	h := newGuarded(t)
	key, err := h.store.HashKey(t.Context())
	require.NoError(t, err)
	require.Len(t, key, 32)
	another, err := open(t, h.Database, settings(time.Now)).HashKey(t.Context())
	require.NoError(t, err)
	require.Equal(t, key, another)
}
