package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"regexp"
	"time"

	"github.com/smshook/smshook/internal/app"
)

var guardCommand = command{
	name:    "guard",
	args:    "-forget RANGE",
	summary: "let the guard forget a range of numbers",
	help: `
With -forget, each replica that uses the file or the database that SMSHOOK_STORE names forgets what the guard has learnt of the numbers that
begin with RANGE, such as +44770: their messages are sent again, until their codes go unused again. A replica that runs does so within
15 seconds, and logs it. SMSHOOK_STORE is the only setting that this needs. What is known of addresses and of accounts stays.`,
	example: "smshook guard -forget +44770",
	run:     guard,
}

var rangeOfNumbers = regexp.MustCompile(`^\+[1-9][0-9]{0,14}$`)

func guard(ctx context.Context, sh *shell, c command, args []string) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	digits := flags.String("forget", "", "the first digits of the numbers, `RANGE`, such as +44770")
	if code, ok := sh.parse(c, flags, args, 0); !ok {
		return code
	}
	named := typed(*digits)
	if !rangeOfNumbers.MatchString(named) {
		return sh.fail(c, errors.New("-forget: want the first digits of numbers, such as +44770"))
	}
	store, err := sh.store()
	if err != nil {
		return sh.fail(c, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := app.Forget(ctx, store, named[1:], time.Now()); err != nil {
		return sh.fail(c, err)
	}
	fmt.Fprintf(sh.stdout, "Replicas that run forget %s within 15 seconds.\n", named)
	return exitOK
}
