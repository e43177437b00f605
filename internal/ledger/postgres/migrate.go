package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Version is the version of the schema that this program makes. It also works with the next version, so that replicas can be
// updated one after the other: versions only add to the schema.
const Version = 6

//go:embed sql
var files embed.FS

//go:embed sql/grants.sql
var grants string

// migration returns the SQL that leads to a version from the one before.
func migration(version int) string {
	text, err := files.ReadFile(fmt.Sprintf("sql/%04d.sql", version))
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}

const (
	// Auth's own statements would queue behind one of ours that waits for a lock.
	begin = "begin;\nset local lock_timeout = '2s';\nset local client_min_messages = warning;\nselect pg_advisory_xact_lock(20822, 0);\n"

	// state is 0 for no schema, 1 for ours, and -1 for a schema of that name which is not ours.
	state = `select case when not exists (select from pg_catalog.pg_namespace where nspname = 'smshook') then 0
  when not exists (select from pg_catalog.pg_namespace n join pg_catalog.pg_class c on c.relnamespace = n.oid
    where n.nspname = 'smshook' and n.nspowner::regrole::text = 'smshook_owner' and c.relname = 'version') then -1 else 1 end`
)

// Migrate makes the schema, or brings it to this program's [Version], and gives the role smshook its rights, in one transaction. It returns
// the version that was there before; 0 means that there was no schema. Of several at once, one migrates. The role of the connection has to
// be allowed to create roles and schemas, as Supabase's postgres is. An error says what to do, and is safe to log.
func Migrate(ctx context.Context, address string) (before int, err error) {
	conn, _, err := connect(ctx, address, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return 0, err
	}
	defer closeSoon(ctx, conn)
	before, err = migrate(ctx, conn)
	if err != nil {
		_, _ = conn.PgConn().Exec(ctx, "rollback").ReadAll()
		return before, explainMigration(err)
	}
	return before, nil
}

func migrate(ctx context.Context, conn *pgx.Conn) (before int, err error) {
	if _, err := conn.PgConn().Exec(ctx, begin).ReadAll(); err != nil {
		return 0, err
	}
	if err := conn.QueryRow(ctx, state).Scan(&before); err != nil {
		return 0, err
	}
	switch {
	case before < 0:
		return 0, errForeign
	case before > 0:
		// The administrator may act as the owner, but has no rights in the schema.
		if _, err := conn.PgConn().Exec(ctx, "set local role smshook_owner").ReadAll(); err != nil {
			return 0, err
		}
		if err := conn.QueryRow(ctx, "select coalesce(max(version), 0) from smshook.version").Scan(&before); err != nil {
			return 0, err
		}
		if _, err := conn.PgConn().Exec(ctx, "reset role").ReadAll(); err != nil {
			return 0, err
		}
	}
	if before > Version {
		return before, fmt.Errorf("the schema smshook has version %d, and this program makes version %d: use the newer smshook", before, Version)
	}
	for version := before + 1; version <= Version; version++ {
		if _, err := conn.PgConn().Exec(ctx, migration(version)).ReadAll(); err != nil {
			return before, err
		}
	}
	_, err = conn.PgConn().Exec(ctx, grants+roleGrants()+"commit").ReadAll()
	return before, err
}

// Resume lets a database that is a copy of another one send what was put into the other one and waits. It reports whether anything was held. The
// role of the connection has to be one that has migrated. An error says what to do, and is safe to log.
func Resume(ctx context.Context, address string) (held bool, err error) {
	conn, _, err := connect(ctx, address, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return false, err
	}
	defer closeSoon(ctx, conn)
	results, err := conn.PgConn().Exec(ctx, "begin; set local role smshook_owner; select smshook.resume(); commit").ReadAll()
	if err != nil {
		return false, explainMigration(err)
	}
	return string(results[2].Rows[0][0]) == "t", nil
}

// Print returns the SQL that makes the schema in a database that has none, for an SQL editor. Where there is one, it fails and changes nothing.
func Print() string {
	text := "-- The schema of smshook for a database that has none. Run all of it at once, as the role postgres.\n" + begin
	for version := 1; version <= Version; version++ {
		text += "\n" + migration(version)
	}
	return text + "\n" + grants + roleGrants() + "commit;\n\n" +
		"-- Then give the role that smshook connects as a password of its own:\n--   alter role smshook password '…';\n"
}

// View returns the SQL that lets an app's users read what became of their own messages, for an SQL editor.
func View() string {
	text, err := files.ReadFile("sql/view.sql")
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}

var errForeign = errors.New("there is a schema named smshook that smshook has not made: rename it (alter schema smshook rename to …), " +
	"then run `smshook migrate` again")

// explainMigration says what to do about an error of a migration.
func explainMigration(err error) error {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return explain(err)
	}
	switch refused.Code {
	case "42501": // insufficient_privilege
		return fmt.Errorf("this role may not make the schema (%s): use an administrator's role, with -url; on Supabase, postgres", refused.Message)
	case "55P03": // lock_not_available
		return errors.New("another session holds a lock on the schema: nothing is changed; run `smshook migrate` again")
	}
	return explain(err)
}
