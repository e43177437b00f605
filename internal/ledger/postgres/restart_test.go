package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
)

// All sessions of the replicas end, and their locks with them. The replicas are alive all the same: no other one may take a message over that
// one of them is sending.
func TestReplicasLiveOnWithoutTheirSessions(t *testing.T) {
	if testing.Short() {
		t.Skip("a database is restarted")
	}
	for name, end := range map[string]func(*pgtest.Database){
		"the sessions are ended": func(d *pgtest.Database) {
			d.Exec(t, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'smshook'")
		},
		"the database is away for seconds": func(d *pgtest.Database) {
			start := d.Shutdown(t)
			time.Sleep(2500 * time.Millisecond)
			start()
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, one, other := replicas(t)
			held := func() bool {
				return d.Run(`do $$ begin if (select count(*) from smshook.replica r join pg_locks l on l.locktype = 'advisory' and l.objid::bigint = r.id::bigint & 4294967295
					where r.locked and l.mode = 'ExclusiveLock' and l.granted) < 2 then raise 'not yet'; end if; end $$`) == nil
			}
			require.Eventually(t, held, 10*time.Second, 10*time.Millisecond)
			end(d)
			c := call("1", "user")
			require.Eventually(t, func() bool { // the connections of before are closed
				begun, _, err := one.Begin(t.Context(), c, "")
				return err == nil && begun.Go
			}, time.Second, time.Millisecond)
			_, behind := begin(t, other, c, "")
			require.Equal(t, "1", behind)
			require.Eventually(t, held, time.Second, 10*time.Millisecond, "each replica shows again that it is alive")
			_, behind = begin(t, other, c, "")
			require.Equal(t, "1", behind)
		})
	}
}
