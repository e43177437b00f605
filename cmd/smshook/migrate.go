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
	args:    "[-url URL | -print]",
	summary: "make or update smshook's schema in Postgres",
	help: `
Makes the schema smshook in a Postgres database, or brings it to the version that this program works with. It does so in one
transaction, as often as you like: where nothing is to be done, nothing is. serve never does it.

It needs a role that may create roles and schemas, such as Supabase's postgres. It makes the role smshook, which serve is to
connect as, and smshook_owner, which owns the schema and can't log in. Give smshook a password once, as that administrator:

  alter role smshook password '…';

With -print it prints the SQL for a new database instead, for an SQL editor.`,
	run: migrate,
}

// migrateTime is enough for a database far away. A statement that waits for a lock gives up after 2 s.
const migrateTime = time.Minute

func migrate(ctx context.Context, sh *shell, c command, args []string) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	url := flags.String("url", "", "the `URL` of the database, with an administrator's role: postgres://postgres:PASSWORD@HOST:5432/postgres; without it, SMSHOOK_STORE")
	printed := flags.Bool("print", false, "print the SQL for a new database, and connect to none")
	if code, ok := sh.parse(c, flags, args, 0); !ok {
		return code
	}
	if *printed {
		fmt.Fprint(sh.stdout, postgres.Print())
		return exitOK
	}
	address, source := *url, "-url"
	if address == "" {
		var err error
		if address, err = config.Lookup(sh.env, "STORE"); err != nil {
			return sh.fail(c, err)
		}
		source = config.Prefix + "STORE"
	}
	if !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
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
	return exitOK
}
