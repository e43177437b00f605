package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/ledger/postgres"
)

var migrateCommand = command{
	name:    "migrate",
	args:    "[-print | -print-view | [-url URL] [-resume]]",
	summary: "make or update smshook's schema in Postgres",
	help: `
Makes the schema smshook in a Postgres database, or brings it to the version that this program works with. It does so in one
transaction, as often as you like: where nothing is to be done, nothing is. serve never does it.

It needs a role that may create roles and schemas, such as Supabase's postgres. It makes the role smshook, which serve is to
connect as, and smshook_owner, which owns the schema and can't log in. Give smshook a password once, as that administrator:

  alter role smshook password '…';

With -print it prints the SQL for a new database instead, for an SQL editor. With -print-view it prints the SQL of a view that an app's users may
read, each their own messages: run it there if you want that.

A database that was restored or copied, or that another server has taken over, has what waits to be sent in the database of before. It
is held: the log of serve says so. With -resume it is sent from here. Do that when nothing sends it from the other database any more.`,
	example: "smshook migrate -url 'postgres://postgres:PASSWORD@db.example.com:5432/postgres'\nsmshook migrate -print",
	run:     migrate,
}

// migrateTime is enough for a database far away. A statement that waits for a lock gives up after 2 s.
const migrateTime = time.Minute

func migrate(ctx context.Context, sh *shell, c command, args []string) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	url := flags.String("url", "", "the `URL` of the database, with an administrator's role: postgres://postgres:PASSWORD@HOST:5432/postgres; without it, SMSHOOK_STORE")
	printed := flags.Bool("print", false, "print the SQL for a new database, and connect to none")
	printedView := flags.Bool("print-view", false, "print the SQL of the view public.my_messages for an app's users, and connect to no database")
	resume := flags.Bool("resume", false, "send from this database what was held in it, since it is a copy of another one")
	if code, ok := sh.parse(c, flags, args, 0); !ok {
		return code
	}
	if *printed {
		fmt.Fprint(sh.stdout, postgres.Print())
		return exitOK
	}
	if *printedView {
		fmt.Fprint(sh.stdout, postgres.View())
		return exitOK
	}
	address, source, err := sh.storeAddress(*url)
	if err != nil {
		return sh.fail(c, err)
	}
	if !isPostgres(address) {
		return sh.fail(c, fmt.Errorf("%s: want the address of a Postgres database, postgres://postgres:PASSWORD@HOST:5432/postgres; no other store has a schema", source))
	}
	ctx, cancel := context.WithTimeout(ctx, migrateTime)
	defer cancel()
	before, err := postgres.Migrate(ctx, address)
	if err != nil {
		return sh.fail(c, fmt.Errorf("%s: %w", source, err))
	}
	switch before {
	case postgres.Version:
		fmt.Fprintf(sh.stdout, "The schema has version %d already. Nothing was changed.\n", before)
	case 0:
		fmt.Fprintf(sh.stdout, "The schema is made, version %d. Give the role smshook a password: alter role smshook password '…'\n", postgres.Version)
	default:
		fmt.Fprintf(sh.stdout, "The schema had version %d, and now has version %d.\n", before, postgres.Version)
	}
	if found, err := postgres.AuthRole(ctx, address); err == nil && !found {
		fmt.Fprintf(sh.stdout, "For the hook in SQL: %s\n", postgres.NoAuthRole)
	}
	if *resume {
		return sh.resume(ctx, c, address, source)
	}
	return exitOK
}

func (sh *shell) resume(ctx context.Context, c command, address, source string) int {
	held, err := postgres.Resume(ctx, address)
	switch {
	case err != nil:
		return sh.fail(c, fmt.Errorf("%s: %w", source, err))
	case held:
		fmt.Fprintln(sh.stdout, "What was held is sent from here now.")
	default:
		fmt.Fprintln(sh.stdout, "Nothing was held.")
	}
	return exitOK
}

// storeAddress returns the address of the store, and where it is from: the flag -url, or else the setting.
func (sh *shell) storeAddress(url string) (address, source string, err error) {
	if url != "" {
		return url, "-url", nil
	}
	address, err = config.Lookup(sh.env, "STORE")
	return address, config.Prefix + "STORE", err
}

func isPostgres(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}
