package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/smshook/smshook/internal/hook"
)

var secretCommand = command{
	name:    "secret",
	summary: "make a new secret for the hook",
	help: `
Prints a new secret, v1,whsec_…, from 32 random bytes. Give the same text to both sides: to Supabase Auth as the secret of
its Send SMS hook, and here as SMSHOOK_SECRETS.

To change a secret without losing a call, join the new one and the old one by "|" here, then change it in Auth, then take
the old one away here.`,
	run: func(_ context.Context, sh *shell, c command, args []string) int {
		if code, ok := sh.parse(c, flag.NewFlagSet(c.name, flag.ContinueOnError), args, 0); !ok {
			return code
		}
		fmt.Fprintln(sh.stdout, hook.NewSecret())
		return exitOK
	},
}
