package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/smshook/smshook/internal/app"
	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/providers"
)

var messagesCommand = command{
	name:    "messages",
	args:    "[flags] [ID]",
	summary: "list messages and what became of them; erase those of a user or a number",
	help: `
Lists the messages that the file or the database of SMSHOOK_STORE remembers, the newest first, for as long as SMSHOOK_KEEP says. With the
ID of a message, or with INSTANCE:ID where ID is the provider's, it shows what happened to that message. SMSHOOK_STORE is the only setting
that it needs. serve may run meanwhile. The column CODE says whether the code was used: "used", "unused", "replaced" by a newer one, or
"unknown".

With -erase, all records of a user (by the id that Auth or Auth0 has given; the account may be deleted there) or of a phone number are erased
from the file or the database that SMSHOOK_STORE names: messages, contents, and the counts of their rate limits. It asks nothing before, and
prints how many messages that were. SMSHOOK_STORE is the only setting that it needs. serve may run meanwhile. What serve has in its
memory it forgets at its end, or when it is of no use any more: after 10 minutes, or SMSHOOK_RESEND_WINDOW if that is longer. Backups are
yours to erase.`,
	example: "smshook messages -since 24h -state undelivered\nsmshook messages -by country,instance -since 2026-01-31\nsmshook messages -csv -since 720h\nsmshook messages -erase +447700900123",
	run:     messages,
}

// eraseTime is enough for a large file on a slow disk.
const eraseTime = 10 * time.Minute

func messages(ctx context.Context, sh *shell, c command, args []string) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	who := flags.String("erase", "", "the id of a user or the number, `USER|PHONE`, whose records are to be erased")
	l := newListing(sh, flags)
	if code, ok := sh.parseUpTo(c, flags, args, 1); !ok {
		return code
	}
	erasing := false
	flags.Visit(func(f *flag.Flag) { erasing = erasing || f.Name == "erase" })
	if !erasing {
		if err := l.run(ctx, flags.Arg(0)); err != nil {
			return sh.fail(c, err)
		}
		return exitOK
	}
	if flags.NFlag() > 1 || flags.NArg() > 0 {
		return sh.fail(c, errors.New("-erase goes with no other flag and no ID"))
	}
	ctx, cancel := context.WithTimeout(ctx, eraseTime)
	defer cancel()
	return sh.erase(ctx, c, *who)
}

func (sh *shell) erase(ctx context.Context, c command, who string) int {
	user, number, err := person(who)
	if err != nil {
		return sh.fail(c, fmt.Errorf("-erase: %w", err))
	}
	store, err := sh.store()
	if err != nil {
		return sh.fail(c, err)
	}
	erased, err := app.Erase(ctx, store, user, number)
	if err != nil {
		if erased > 0 {
			err = fmt.Errorf("%w; %d messages are erased, others may be left: run this again", err, erased)
		}
		return sh.fail(c, err)
	}
	fmt.Fprintf(sh.stdout, "%d messages are erased.\n", erased)
	return exitOK
}

// person tells the id of a user and a number apart: ids have letters. The error doesn't quote what was given.
func person(who string) (user, number string, err error) {
	if number = typed(who); strings.HasPrefix(number, "+") {
		return "", number, nil
	}
	if providers.UUID.MatchString(who) {
		return strings.ToLower(who), "", nil
	}
	if strings.ContainsFunc(who, unicode.IsLetter) {
		return who, "", nil
	}
	return "", "", errors.New("want the id of a user, such as 6a0ed0a4-4d2b-4f3e-9a0d-7d3f8f0d1c11, or a number such as +447700900123")
}

// store reads SMSHOOK_STORE alone.
func (sh *shell) store() (store config.Store, err error) {
	address, err := config.Lookup(sh.env, "STORE")
	if err == nil {
		if err = store.UnmarshalText([]byte(address)); err != nil {
			err = providers.Problem{Setting: config.Prefix + "STORE", Want: err.Error()}
		}
	}
	return store, err
}
