package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

func connect(t *testing.T, address string) *pgx.Conn {
	conn, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// The administrator of a hosted Supabase database is no superuser.
func TestMigrate(t *testing.T) {
	d := pgtest.New(t, pgtest.Empty)
	before, err := postgres.Migrate(t.Context(), d.Administrator())
	require.NoError(t, err)
	require.Zero(t, before)
	before, err = postgres.Migrate(t.Context(), d.Administrator())
	require.NoError(t, err)
	require.Equal(t, postgres.Version, before)
}

func TestMigrationsAtOnce(t *testing.T) {
	d := pgtest.New(t, pgtest.Empty)
	var mu sync.Mutex
	made := 0
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			before, err := postgres.Migrate(t.Context(), d.Administrator())
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			} else if before == 0 {
				made++
			}
		})
	}
	all.Wait()
	require.Equal(t, 1, made)
}

func TestPrint(t *testing.T) {
	d := pgtest.New(t, pgtest.Empty)
	conn := connect(t, d.Administrator())
	_, err := conn.PgConn().Exec(t.Context(), postgres.Print()).ReadAll()
	require.NoError(t, err)
	before, err := postgres.Migrate(t.Context(), d.Administrator())
	require.NoError(t, err)
	require.Equal(t, postgres.Version, before)
	_, err = conn.PgConn().Exec(t.Context(), postgres.Print()).ReadAll()
	require.ErrorContains(t, err, `schema "smshook" already exists`)
}

func TestMigrationErrorsSayWhatToDo(t *testing.T) {
	for _, tt := range []struct {
		name, sql, role, want string
	}{
		{"another program's schema", "create schema smshook; create table smshook.version (version int)", "postgres", "there is a schema named smshook that smshook has not made: rename it (alter schema smshook rename to …), then run `smshook migrate` again"},
		{"no right to make a schema", "revoke create on database {} from public, postgres; create role guest login", "guest", "use an administrator's role, with -url; on Supabase, postgres"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := pgtest.New(t, pgtest.Empty)
			d.Exec(t, strings.ReplaceAll(tt.sql, "{}", d.Name))
			_, err := postgres.Migrate(t.Context(), d.URL(tt.role, ""))
			require.ErrorContains(t, err, tt.want)
		})
	}
	t.Run("a newer version", func(t *testing.T) {
		d := pgtest.New(t, migrated)
		d.Exec(t, "insert into smshook.version values (99)")
		before, err := postgres.Migrate(t.Context(), d.Administrator())
		require.EqualError(t, err, fmt.Sprintf("the schema smshook has version 99, and this program makes version %d: use the newer smshook", postgres.Version))
		require.Equal(t, 99, before)
	})
}

// A migration that fails leaves nothing behind.
func TestAMigrationIsOneTransaction(t *testing.T) {
	d := pgtest.New(t, pgtest.Empty)
	locking := connect(t, d.Superuser())
	tx, err := locking.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "create schema smshook") // not committed: another one of that name has to wait for it
	require.NoError(t, err)
	_, err = postgres.Migrate(t.Context(), d.Administrator())
	require.EqualError(t, err, "another session holds a lock on the schema: nothing is changed; run `smshook migrate` again")
	require.NoError(t, tx.Rollback(t.Context()))
	before, err := postgres.Migrate(t.Context(), d.Administrator())
	require.NoError(t, err)
	require.Zero(t, before)
}

// The role smshook may call its functions and no more, and no other role may do anything.
func TestRights(t *testing.T) {
	d := pgtest.New(t, migrated)
	own := connect(t, d.URL("smshook", password))
	denied := func(conn *pgx.Conn, sql string) {
		_, err := conn.Exec(t.Context(), sql)
		var refused *pgconn.PgError
		require.ErrorAs(t, err, &refused, sql)
		require.Equal(t, "42501", refused.Code, "%s: %s", sql, refused.Message)
	}
	for _, sql := range []string{
		"select * from smshook.message", "select * from smshook.content", "select * from smshook.hash_key", "update smshook.counter set until = 0",
		"delete from smshook.flow", "create table smshook.x ()", "select smshook.charge('[]', 0)", "set role smshook_owner", "select * from auth.users",
	} {
		denied(own, sql)
	}
	admin := connect(t, d.Superuser())
	for _, role := range []string{"anon", "authenticated", "service_role", "supabase_auth_admin"} {
		_, err := admin.Exec(t.Context(), "set role "+role)
		require.NoError(t, err)
		denied(admin, "select smshook.hello('{}')")
		denied(admin, "select * from smshook.message")
		_, err = admin.Exec(t.Context(), "reset role")
		require.NoError(t, err)
	}
	var wrong []string
	rows, err := admin.Query(t.Context(), `select p.proname from pg_proc p where p.pronamespace = 'smshook'::regnamespace
		and (p.proowner::regrole::text <> 'smshook_owner' or not 'search_path=""' = any(p.proconfig) or has_function_privilege('anon', p.oid, 'execute'))
		and p.proname not in ('clock', 'live', 'settle')`) // a test has replaced the clock; live and settle belong to the administrator
	require.NoError(t, err)
	wrong, err = pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Empty(t, wrong, "functions with another owner, without a search path, or that all may call")
	var owner string
	require.NoError(t, admin.QueryRow(t.Context(), "select proowner::regrole::text from pg_proc where oid = 'smshook.settle(jsonb)'::regprocedure").Scan(&owner))
	require.Equal(t, "postgres", owner, "settle reads Auth's tables")
	_, err = admin.Exec(t.Context(), "set role anon")
	require.NoError(t, err)
	denied(admin, "select smshook.settle('{}')")
}

// The list of functions is what the role smshook may call, and a migration gives it what it has lost.
func TestGrants(t *testing.T) {
	d := pgtest.New(t, made)
	conn := connect(t, d.Superuser())
	allowed := func() []string {
		rows, err := conn.Query(t.Context(), `select p.proname::text from pg_proc p where p.pronamespace = 'smshook'::regnamespace and has_function_privilege('smshook', p.oid, 'execute') order by 1`)
		require.NoError(t, err)
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return names
	}
	require.Equal(t, postgres.Functions, allowed(), "functions in grants.go is sorted, and has each function that the role smshook may call")
	d.Exec(t, "revoke execute on function smshook.begin_message, smshook.save from smshook")
	_, err := postgres.Check(t.Context(), d.URL("smshook", password))
	require.EqualError(t, err, "the role may not call begin_message, save in the schema smshook: let SMSHOOK_STORE name the role smshook, or run `smshook migrate`, which gives that role its rights again")
	d.Exec(t, "revoke usage on schema smshook from smshook")
	before, err := postgres.Migrate(t.Context(), d.Administrator())
	require.NoError(t, err)
	require.Equal(t, postgres.Version, before)
	_, err = postgres.Check(t.Context(), d.URL("smshook", password))
	require.NoError(t, err)
	require.Equal(t, postgres.Functions, allowed())
}

func TestStoreErrorsSayWhatToDo(t *testing.T) {
	d := pgtest.New(t, migrated)
	empty := pgtest.New(t, pgtest.Empty)
	old := pgtest.New(t, migrated)
	old.Exec(t, setVersion(postgres.Version-1))
	newer := pgtest.New(t, migrated)
	newer.Exec(t, setVersion(postgres.Version+2))
	denied := pgtest.New(t, migrated)
	denied.Exec(t, "revoke usage on schema smshook from smshook")
	foreign := pgtest.New(t, pgtest.Empty)
	foreign.Exec(t, "create schema smshook; create table smshook.message (id int); grant usage on schema smshook to public")
	for name, tt := range map[string]struct{ address, want string }{
		"wrong password":   {d.URL("smshook", "wrong"), "correct them in the address"},
		"no such database": {strings.Replace(d.URL("smshook", password), d.Name, "nothing", 1), "on Supabase it is postgres"},
		"no schema":        {empty.URL("smshook", password), "run `smshook migrate`"},
		"older schema":     {old.URL("smshook", password), fmt.Sprintf("the schema smshook has version %d, and this program needs version %d: run `smshook migrate`", postgres.Version-1, postgres.Version)},
		"newer schema":     {newer.URL("smshook", password), fmt.Sprintf("the schema smshook has version %d, and this program works with %d and %d: use a newer smshook", postgres.Version+2, postgres.Version, postgres.Version+1)},
		"foreign schema":   {foreign.URL("smshook", password), "run `smshook migrate`"}, // which says that it is another program's
		"missing grant":    {denied.URL("smshook", password), "let SMSHOOK_STORE name the role smshook, or run `smshook migrate`"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := postgres.Open(tt.address, settings(time.Now))
			require.NoError(t, err)
			defer s.Close()
			_, _, err = s.Begin(t.Context(), call("1", "user"), "")
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), password)
			_, err = postgres.Check(t.Context(), tt.address)
			require.ErrorContains(t, err, tt.want)
		})
	}
	next := pgtest.New(t, migrated)
	next.Exec(t, setVersion(postgres.Version+1))
	begun, _ := begin(t, open(t, next, settings(time.Now)), call("1", "user"), "")
	require.Equal(t, sendIt, begun, "the next version works too")
}

// A later version may add columns that must not be null, and this version goes on with the schema, in old sessions and in new ones.
func TestColumnsOfALaterVersion(t *testing.T) {
	d, one, _ := replicas(t)
	begun, _ := begin(t, one, call("1", "a"), "")
	require.Equal(t, sendIt, begun)
	for _, table := range []string{"message", "content", "flow", "counter", "name", "replica"} {
		d.Exec(t, "alter table smshook."+table+" add column later text not null default 'nothing'")
	}
	for i, s := range []*postgres.Store{one, open(t, d, settings(time.Now))} {
		c := call(fmt.Sprint("later ", i), fmt.Sprint("user ", i), policy.Charge{Rule: policy.PerPhone, Limit: policy.Limit{Most: 5, Per: time.Minute}, Key: 1})
		begun, _ := begin(t, s, c, "")
		require.Equal(t, sendIt, begun)
		require.NoError(t, s.Attempt(t.Context(), c.Message.ID, attempt("a", ledger.Pending)))
		_, _, err := s.End(t.Context(), accepted(c.Message.ID))
		require.NoError(t, err)
		_, err = s.Receipt(t.Context(), "a", "", providers.Receipt{ID: "early " + c.Message.ID, State: providers.StateSent})
		require.NoError(t, err)
		_, err = s.Write(t.Context(), ledger.Written{Call: call(fmt.Sprint("written ", i), fmt.Sprint("w ", i)), Ended: accepted(fmt.Sprint("written ", i))})
		require.NoError(t, err)
	}
}

func setVersion(version int) string {
	return fmt.Sprintf("delete from smshook.version; insert into smshook.version values (%d)", version)
}

func TestAddressesThatCannotBeRead(t *testing.T) {
	for _, address := range []string{"postgres://smshook:se/cr@et@host:54x32/postgres", "postgres://smshook:secret@host:99999/postgres?sslmode=never"} {
		_, err := postgres.Open(address, settings(time.Now))
		require.ErrorContains(t, err, "want an address such as postgres://")
		_, err = postgres.Migrate(t.Context(), address)
		require.ErrorContains(t, err, "want an address such as postgres://")
		require.NotContains(t, err.Error(), "cr")
	}
}

// A database that is away at the start is used as soon as it is there.
func TestOpenWithoutADatabase(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
	require.NoError(t, err)
	defer func() { _ = nobody.Close() }()
	s, err := postgres.Open("postgres://smshook@"+nobody.Addr().String()+"/postgres?sslmode=disable", settings(time.Now))
	require.NoError(t, err)
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, _, err = s.Begin(ctx, call("1", "user"), "")
	require.True(t, errors.Is(err, context.DeadlineExceeded), "%v", err)
	require.Less(t, time.Since(began), time.Second)
}

func TestCheck(t *testing.T) {
	d := pgtest.New(t, migrated)
	f, err := postgres.Check(t.Context(), d.URL("smshook", password)+"&pgbouncer=true")
	require.NoError(t, err)
	require.Positive(t, f.RoundTrip)
	require.InDelta(t, 0, f.Skew.Seconds(), 1)
	require.NotEmpty(t, f.Server)
	f.RoundTrip, f.Skew, f.Server = 0, 0, ""
	require.Equal(t, postgres.CheckResult{Role: "smshook", Version: postgres.Version, Pooler: postgres.NoPooler}, f)
	f, err = postgres.Check(t.Context(), d.Superuser())
	require.NoError(t, err)
	require.True(t, f.Tables)
}

// What other programs want in the address of a pooler is in nobody's way.
func TestPgbouncerInTheAddress(t *testing.T) {
	d := pgtest.New(t, withAuth)
	address := d.Superuser() + "&pgbouncer=true"
	before, err := postgres.Migrate(t.Context(), address)
	require.NoError(t, err)
	require.Equal(t, postgres.Version, before)
	_, err = postgres.Resume(t.Context(), address)
	require.NoError(t, err)
	_, err = postgres.AuthRole(t.Context(), address)
	require.NoError(t, err)
}

// No code, text, number, address or name that an instance gave stands in any table, but for sealed contents.
func TestNothingIsStoredInClear(t *testing.T) {
	d, one, _ := replicas(t)
	c := call("1", "a-user-id", policy.Charge{Rule: policy.PerPhone, Limit: policy.Limit{Most: 5, Per: time.Minute}, Key: 447700900123})
	begun, _ := begin(t, one, c, "")
	require.Equal(t, sendIt, begun)
	_, _, err := one.End(t.Context(), accepted("1"))
	require.NoError(t, err)
	_, err = one.Receipt(t.Context(), "a", "", providers.Receipt{ID: "SM1", State: providers.StateSent})
	require.NoError(t, err)
	_, err = one.Receipt(t.Context(), "a", "", providers.Receipt{ID: "wamid.HBgM", State: providers.StateSent}) // it waits for its message
	require.NoError(t, err)
	conn := connect(t, d.Superuser())
	rows, err := conn.Query(t.Context(), `select table_name::text from information_schema.tables where table_schema = 'smshook' and table_name not in ('content', 'hash_key')`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Contains(t, tables, "message")
	for _, table := range tables {
		var all string
		require.NoError(t, conn.QueryRow(t.Context(), "select coalesce(string_agg(x::text, e'\n'), '') from smshook."+table+" x").Scan(&all))
		for _, secret := range []string{"028687", "7700900123", "a-user-id", "SM1", "wamid", "2026-01-02", "Your code"} {
			require.NotContains(t, all, secret, table)
		}
	}
	d.Exec(t, "update smshook.test_clock set at = clock_timestamp() + interval '1 minute 1 second'")
	_, _, err = one.Sweep(t.Context())
	require.NoError(t, err)
	var contents int
	require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from smshook.content").Scan(&contents))
	require.Zero(t, contents)
}

// A plain dump of the schema can be restored with psql: it reads no name of ours for the start of a function's body.
func TestAPlainDumpIsRestored(t *testing.T) {
	dump, missing := exec.LookPath("pg_dump")
	if missing != nil {
		t.Skip("no pg_dump is installed here")
	}
	d, one, _ := replicas(t)
	c := call("1", "user")
	begun, _ := begin(t, one, c, "")
	require.Equal(t, sendIt, begun)
	_, _, err := one.End(t.Context(), accepted("1"))
	require.NoError(t, err)
	text, err := exec.CommandContext(t.Context(), dump, "-n", "smshook", d.Superuser()).Output()
	require.NoError(t, err)
	d.Exec(t, "drop schema smshook cascade")
	restore := exec.CommandContext(t.Context(), "psql", "-q", "-v", "ON_ERROR_STOP=1", d.Superuser())
	restore.Stdin = bytes.NewReader(text)
	out, err := restore.CombinedOutput()
	require.NoError(t, err, "%s", out)
	restored := open(t, d, settings(time.Now))
	again, _ := begin(t, restored, c, "")
	require.True(t, again.Repeat, "what was known still is")
}

// Replicas of version 5 that run go on: what they call is there. Where none runs, nothing of it is left.
func TestFromVersion5(t *testing.T) {
	for _, running := range []bool{true, false} {
		t.Run(fmt.Sprint("running: ", running), func(t *testing.T) {
			d := pgtest.New(t, pgtest.Template{Name: "empty", Prepare: func(*pgtest.Database) error { return nil }})
			for version := 1; version <= 5; version++ {
				text, err := os.ReadFile(fmt.Sprintf("sql/%04d.sql", version))
				require.NoError(t, err)
				d.Exec(t, "begin; "+string(text)+"; commit")
			}
			d.Exec(t, `insert into smshook.message (id, version, flow, mfa, user_key, number_key, sign_in, known, number, country, range, received_at, asked_at, life, owner, proven, kind, segments,
				state, result) values ('1', 1, 1, false, 1, 1, 1, 1, '', 'GB', '', 1, 0, 60000000, 0, false, 'otp', 1, 'accepted', 'accepted')`)
			if running {
				d.Exec(t, "insert into smshook.replica values (1, 0, false)")
			}
			before, err := postgres.Migrate(t.Context(), d.Superuser())
			require.NoError(t, err)
			require.Equal(t, 5, before)
			d.Exec(t, "alter role smshook password '"+password+"'")
			_, err = connect(t, d.URL("smshook", password)).Exec(t.Context(), "select smshook.begin('{}')")
			want := "42883" // undefined_function
			if running {
				want = "23502" // not_null_violation: it is called
			}
			require.ErrorContains(t, err, want)
			counts, err := open(t, d, settings(time.Now)).Count(t.Context(), ledger.CountQuery{})
			require.NoError(t, err)
			require.Len(t, counts, 1)
		})
	}
}
