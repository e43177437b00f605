package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
)

// copied is a database that was copied after it was migrated, as a branch or a restored dump is.
var copied = pgtest.Template{Name: "copied", Prepare: migrated.Prepare}

// What was put into a database is held in its copies until somebody resumes it there.
func TestACopyIsHeld(t *testing.T) {
	d := pgtest.New(t, copied)
	conn := connect(t, d.Superuser())
	before := func() (at int64) {
		require.NoError(t, conn.QueryRow(t.Context(), "select smshook.held_before()").Scan(&at))
		return at
	}
	d.Exec(t, "update smshook.test_clock set at = '2026-01-02 03:04:05Z'")
	const noticed = 1767323045_000_000
	require.EqualValues(t, noticed, before())
	d.Exec(t, "update smshook.test_clock set at = '2026-01-03 03:04:05Z'")
	require.EqualValues(t, noticed, before(), "what comes after that is sent")
	agreed, err := open(t, d, settings(time.Now)).Agree(t.Context(), publishedWith(nil))
	require.NoError(t, err)
	require.True(t, agreed.Held)
	f, err := postgres.Check(t.Context(), d.URL("smshook", password))
	require.NoError(t, err)
	require.True(t, f.Held)

	held, err := postgres.Resume(t.Context(), d.Administrator())
	require.NoError(t, err)
	require.True(t, held)
	require.Zero(t, before())
	held, err = postgres.Resume(t.Context(), d.Administrator())
	require.NoError(t, err)
	require.False(t, held)
	_, err = postgres.Resume(t.Context(), d.URL("smshook", password))
	require.ErrorContains(t, err, "use an administrator's role, with -url; on Supabase, postgres")
}

// Each part of the identity says that the database is another one: the cluster, the database, and the timeline.
func TestIdentity(t *testing.T) {
	d := pgtest.New(t, made)
	conn := connect(t, d.Superuser())
	for _, sql := range []string{
		`update smshook.origin set identity = regexp_replace(identity, '^\d+/', '1/')`,
		`update smshook.origin set identity = regexp_replace(identity, '/\d+/', '/1/')`,
		`update smshook.origin set identity = regexp_replace(identity, '/[0-9A-F]{8}$', '/000000FF')`,
	} {
		var held bool
		require.NoError(t, conn.QueryRow(t.Context(), "select smshook.held()").Scan(&held))
		require.False(t, held)
		d.Exec(t, sql)
		require.NoError(t, conn.QueryRow(t.Context(), "select smshook.held()").Scan(&held))
		require.True(t, held, sql)
		_, err := postgres.Resume(t.Context(), d.Administrator())
		require.NoError(t, err)
	}
}
