package pgtest

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5"
)

// These faults concern the whole cluster: no other test of the program may use a database meanwhile, so the test must not be parallel.

// Freeze stops all processes of the server as SIGSTOP does. Connections stay open, and nothing answers. It returns a function that has
// the processes go on; the end of the test calls it too.
func (d *Database) Freeze(tb testing.TB) (thaw func()) {
	tb.Helper()
	processes, err := d.cluster.processes()
	if err != nil {
		tb.Fatal(err)
	}
	d.cluster.order(tb, "STOP "+processes)
	frozen := true
	thaw = func() {
		if frozen {
			frozen = false
			d.cluster.order(tb, "CONT")
		}
	}
	tb.Cleanup(thaw)
	return thaw
}

// Shutdown ends the server at once, as a crash does: https://www.postgresql.org/docs/current/server-shutdown.html. It returns a function that
// starts the server again, and returns when the server answers; the end of the test calls it too.
func (d *Database) Shutdown(tb testing.TB) (start func()) {
	tb.Helper()
	d.cluster.order(tb, "end")
	down := true
	start = func() {
		if !down {
			return
		}
		down = false
		d.cluster.order(tb, "begin")
		if err := d.cluster.wait(); err != nil {
			tb.Error(err)
		}
	}
	tb.Cleanup(start)
	return start
}

// processes returns the server's processes that answer questions or accept connections.
func (c *cluster) processes() (list string, err error) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, c.maintenance())
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	err = conn.QueryRow(ctx, `select split_part(pg_read_file('postmaster.pid'), E'\n', 1) || ' ' || string_agg(pid::text, ' ')
		from pg_stat_activity where pid <> pg_backend_pid()`).Scan(&list)
	return list, err
}

func (c *cluster) order(tb testing.TB, order string) {
	tb.Helper()
	if _, err := io.WriteString(c.lifeline, order+"\n"); err != nil {
		tb.Error(fmt.Errorf("the server takes no orders: %w", err))
	}
}
