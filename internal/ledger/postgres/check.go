package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
)

// CheckResult is what [Check] finds out about a database.
type CheckResult struct {
	Server    string        // the version of Postgres
	Role      string        // that the program connects as
	Version   int           // of the schema
	Tables    bool          // the role can read the tables: it has more rights than it needs
	Held      bool          // it is a copy of another database: see [Resume]
	Pooler    Pooler        // what is between the program and the database
	RoundTrip time.Duration // of one question; the shortest of a few
	Skew      time.Duration // how much the database's clock is ahead of this machine's
}

// Pooler is what is between a program and a database.
type Pooler string

// The kinds of poolers.
const (
	NoPooler          Pooler = "none"
	SessionPooler     Pooler = "session"
	TransactionPooler Pooler = "transaction"
)

// Check finds out whether a store could work with a database. An error says what to do, and is safe to log.
func Check(ctx context.Context, address string) (r CheckResult, err error) {
	conn, config, err := connect(ctx, address, pgx.QueryExecModeExec)
	if err != nil {
		return r, err
	}
	defer closeSoon(ctx, conn)
	var text string
	err = conn.QueryRow(ctx, "select current_setting('server_version'), current_user::text, smshook.hello('{}')::text").Scan(&r.Server, &r.Role, &text)
	if err != nil {
		return r, explain(err)
	}
	var g greeting
	if err := json.Unmarshal([]byte(text), &g); err != nil {
		return r, err
	}
	r.Version = g.Version
	if err := g.errVersion(); err != nil {
		return r, err
	}
	if err := missingGrant(ctx, conn); err != nil {
		return r, err
	}
	err = conn.QueryRow(ctx, "select has_table_privilege(to_regclass('smshook.message'), 'select'), smshook.held()").Scan(&r.Tables, &r.Held)
	if err != nil {
		return r, explain(err)
	}
	for range 5 {
		begun := time.Now()
		var now float64
		if err := conn.QueryRow(ctx, "select extract(epoch from clock_timestamp())::float8").Scan(&now); err != nil {
			return r, explain(err)
		}
		took := time.Since(begun)
		if r.RoundTrip == 0 || took < r.RoundTrip {
			r.RoundTrip = took
			r.Skew = time.UnixMicro(int64(now * 1e6)).Sub(begun.Add(took / 2))
		}
	}
	r.Pooler, err = pooler(ctx, conn, config)
	return r, err
}

// pooler finds out what is between. A session pooler keeps a session of the database for one connection; of a transaction pooler, two
// connections that are idle in turn get the same one.
func pooler(ctx context.Context, conn *pgx.Conn, config *pgx.ConnConfig) (Pooler, error) {
	first, err := backend(ctx, conn)
	if err != nil || first == conn.PgConn().PID() {
		return NoPooler, err
	}
	if config.Port == transactionPort {
		return TransactionPooler, nil
	}
	other, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return SessionPooler, explain(err)
	}
	defer closeSoon(ctx, other)
	for range 5 {
		second, err := backend(ctx, other)
		if err != nil {
			return SessionPooler, err
		}
		if second == first {
			return TransactionPooler, nil
		}
	}
	return SessionPooler, nil
}

// backend returns the process of the database that a connection has now.
func backend(ctx context.Context, conn *pgx.Conn) (pid uint32, err error) {
	err = conn.QueryRow(ctx, "select pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid)
	if err != nil {
		return 0, explain(err)
	}
	return pid, nil
}
