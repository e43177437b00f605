package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/hook"
)

var secretCommand = command{
	name:    "secret",
	args:    "[-api NAME]",
	summary: "make a new secret for the hook, or a key for the message API",
	help: `
Prints a new secret, v1,whsec_…, from 32 random bytes. Both sides need the same text: Supabase Auth as the secret of its Send SMS
hook, and smshook as SMSHOOK_SECRETS.

To change a secret without losing a call: set SMSHOOK_SECRETS to the new and the old one, joined by "|". Then change the secret in
Auth. Then remove the old one from SMSHOOK_SECRETS.

With -api, prints a key for a caller of the message API, and on the second line what belongs into SMSHOOK_API_KEYS: the caller's name
and the SHA-256 of the key. smshook needs no more, and nobody can find the key again. To replace a key, add the new entry, joined by
"|", give the caller the new key, and then remove the old entry. A name may stand twice.`,
	run: func(_ context.Context, sh *shell, c command, args []string) int {
		flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
		name := flags.String("api", "", "the `NAME` of the caller that gets a key, such as shop")
		if code, ok := sh.parse(c, flags, args, 0); !ok {
			return code
		}
		if *name == "" {
			fmt.Fprintln(sh.stdout, hook.NewSecret())
			return exitOK
		}
		key, entry, err := api.NewKey(*name)
		if err != nil {
			fmt.Fprintf(sh.stderr, "smshook %s: -api: %v\n", c.name, err)
			return exitUsage
		}
		fmt.Fprintf(sh.stdout, "%s\n%s\n", key, entry)
		return exitOK
	},
}
