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
Prints a new secret, v1,whsec_…, from 32 random bytes. Both sides need the same text: Supabase Auth as the secret of its Send SMS
hook, and smshook as SMSHOOK_SECRETS.

To change a secret without losing a call: set SMSHOOK_SECRETS to the new and the old one, joined by "|". Then change the secret in
Auth. Then remove the old one from SMSHOOK_SECRETS.`,
	example: "smshook secret",
	run: func(_ context.Context, sh *shell, c command, args []string) int {
		if code, ok := sh.parse(c, flag.NewFlagSet(c.name, flag.ContinueOnError), args, 0); !ok {
			return code
		}
		fmt.Fprintln(sh.stdout, hook.NewSecret())
		return exitOK
	},
}
