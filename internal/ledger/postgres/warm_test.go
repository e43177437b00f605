package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// After Warm, calls at once wait for no connection.
func TestWarmMakesAllConnections(t *testing.T) {
	d, one, _ := replicas(t)
	require.NoError(t, one.Warm(t.Context()))
	d.Exec(t, `do $$ begin if (select count(*) from pg_stat_activity where usename = 'smshook' and application_name = '' and query not like '%renew%' and query not like '%advisory%'
		and datname = current_database()) < 4 then raise 'too few connections'; end if; end $$`)
}
