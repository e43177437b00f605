// Package pgtest gives each test a Postgres database of its own, with the roles of a hosted Supabase database. It makes one
// throw-away cluster for each test program from the Postgres that is installed. Without one, tests are skipped; with CI=true they fail.
package pgtest

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A cluster, and its databases, are as supabase/postgres makes them: the role postgres is no superuser.
var (
	//go:embed roles.sql
	roles string
	//go:embed schemas.sql
	schemas string
)

// Database is a database of one test.
type Database struct {
	Name    string
	cluster *cluster
}

// URL returns the address of the database for a role. Only the role smshook needs a password; without one it may be empty.
func (d *Database) URL(role, password string) string {
	u := url.URL{Scheme: "postgres", User: url.User(role), Host: d.cluster.address, Path: "/" + d.Name, RawQuery: "sslmode=disable"}
	if password != "" {
		u.User = url.UserPassword(role, password)
	}
	return u.String()
}

// Superuser returns the address of the database for a superuser.
func (d *Database) Superuser() string { return d.URL("supabase_admin", "") }

// Administrator returns the address of the database for the role that users of Supabase have: it is no superuser.
func (d *Database) Administrator() string { return d.URL("postgres", "") }

// Exec runs SQL as a superuser. Several statements are separated by semicolons.
func (d *Database) Exec(tb testing.TB, sql string) {
	tb.Helper()
	if err := d.Run(sql); err != nil {
		tb.Fatal(err)
	}
}

// Run is Exec where there is no test.
func (d *Database) Run(sql string) error { return run(d.Superuser(), sql) }

// run runs statements, each in a transaction of its own.
func run(address string, statements ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, sql := range statements {
		if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			return err
		}
	}
	return nil
}

// Template prepares databases once, for all tests that name it: each has a copy.
type Template struct {
	Name    string
	Prepare func(*Database) error
	Copied  string // SQL that is run in each copy; may be empty
}

// Empty is a database as Supabase hands it over.
var Empty = Template{Name: "supabase"}

var (
	mu        sync.Mutex
	running   *cluster
	errNone   error // why there is no cluster
	databases int
	prepared  = map[string]error{}
)

// New returns a new copy of a template, which is dropped at the end of the test. With -short, the test is skipped.
func New(tb testing.TB, template Template) *Database {
	tb.Helper()
	if testing.Short() {
		tb.Skip("it needs a Postgres server, which takes seconds")
	}
	d, err := create(template)
	switch {
	case errors.Is(err, errMissing) && os.Getenv("CI") != "true":
		tb.Skip(err)
	case err != nil:
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := run(d.cluster.maintenance(), "drop database "+d.Name+" with (force)"); err != nil {
			tb.Error(err)
		}
	})
	return d
}

func create(template Template) (*Database, error) {
	mu.Lock()
	defer mu.Unlock()
	if running == nil && errNone == nil {
		running, errNone = start()
	}
	if errNone != nil {
		return nil, errNone
	}
	err, known := prepared[template.Name]
	if !known {
		err = prepare(template)
		prepared[template.Name] = err
	}
	if err != nil {
		return nil, fmt.Errorf("template %s: %w", template.Name, err)
	}
	databases++
	d := &Database{fmt.Sprint("test_", databases), running}
	if err := running.copy(templateName(template), d.Name); err != nil || template.Copied == "" {
		return d, err
	}
	return d, d.Run(template.Copied)
}

func templateName(t Template) string { return "template_" + t.Name }

func prepare(t Template) error {
	name := templateName(t)
	d := &Database{name, running}
	if t.Name == Empty.Name {
		if err := running.copy("template1", name); err != nil {
			return err
		}
		return run(d.Superuser(), schemas)
	}
	if _, known := prepared[Empty.Name]; !known {
		prepared[Empty.Name] = prepare(Empty)
	}
	if err := prepared[Empty.Name]; err != nil {
		return err
	}
	if err := running.copy(templateName(Empty), name); err != nil {
		return err
	}
	return t.Prepare(d)
}

// cluster is a Postgres server of this program's own.
type cluster struct {
	address  string
	lifeline io.WriteCloser // the server ends when this is closed; orders are written to it
}

// copy copies a database.
func (c *cluster) copy(from, to string) error {
	return run(c.maintenance(), "create database "+to+" template "+from, "grant all on database "+to+" to postgres")
}

func (c *cluster) maintenance() string {
	return "postgres://supabase_admin@" + c.address + "/postgres?sslmode=disable"
}

var errMissing = errors.New("no Postgres is installed here (initdb, postgres): tests that need one are skipped; `.ci/debian postgresql pgbouncer` installs it")

// binaries returns the folder of the newest Postgres that is installed.
func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // Debian's place, which is not in PATH
	slices.SortFunc(found, func(a, b string) int { return len(a) - len(b) | strings.Compare(a, b) })
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	if initdb, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(initdb), nil
	}
	return "", errMissing
}

// babysitter runs a server until its own standard input ends, which it does when this program has ended, however that was. Then
// it removes the server's folder. Each line of its input is an order: to stop and start the server, or to send a signal to processes.
const babysitter = `dir=$1; shift
begin() { "$@" >>"$dir/log" 2>&1 </dev/null & server=$!; }
end() { kill -QUIT $server; wait $server; }
begin "$@"
frozen=
while read -r order processes; do
	case $order in
	begin) begin "$@" ;;
	end) end ;;
	STOP) frozen=$processes; kill -STOP $frozen ;;
	CONT) kill -CONT $frozen; frozen= ;;
	esac
done
[ -z "$frozen" ] || kill -CONT $frozen
end; rm -rf "$dir"`

// start makes a cluster and starts it.
func start() (*cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		return nil, err
	}
	c, err := startIn(dir, bin)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return c, nil
}

func startIn(dir, bin string) (*cluster, error) {
	owner, err := unprivileged(dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "supabase_admin", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = owner, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	hba := "host all smshook 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
	if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(hba), 0o600); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	server := exec.Command("/bin/sh", "-c", babysitter, "sh", dir, filepath.Join(bin, "postgres"), "-D", data, "-p", port, "-k", dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=100", "-c", "shared_buffers=32MB", "-c", "log_lock_waits=on")
	server.SysProcAttr, server.Dir = owner, dir
	stdin, err := server.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		return nil, err
	}
	c := &cluster{"127.0.0.1:" + port, stdin}
	err = c.wait()
	if err == nil {
		err = run(c.maintenance(), roles)
	}
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		_ = stdin.Close()
		_ = server.Wait()
		return nil, fmt.Errorf("postgres: %w: %s", err, bytes.TrimSpace(log))
	}
	return c, nil
}

// wait waits until the server answers.
func (c *cluster) wait() error {
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = run(c.maintenance(), "select"); err == nil {
			return nil
		}
	}
	return err
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
