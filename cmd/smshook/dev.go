package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers/all"
)

var devCommand = command{
	name:    "dev",
	summary: "answer the hook on your own machine, without any setting; messages are printed",
	help: `
Runs as serve does, but needs no settings: messages are printed instead of sent. It prints what the Supabase side has to be
told, for the CLI and for a server of your own, and a curl command to try it with.

The secret is SMSHOOK_SECRETS if that is set, and otherwise one that is kept in .smshook/secret of this folder, so that the
Supabase side stays valid when you start again. All settings of serve apply.`,
	run: dev,
}

// devSecretFile is where development keeps its secret. The folder ignores itself in git.
var devSecretFile = filepath.Join(".smshook", "secret")

func dev(ctx context.Context, sh *shell, c command, args []string) int {
	if code, ok := sh.parse(c, flag.NewFlagSet(c.name, flag.ContinueOnError), args, 0); !ok {
		return code
	}
	secret, note, err := sh.devSecret()
	if err != nil {
		return sh.fail(c, err)
	}
	settings, err := config.Load(sh.env, all.Drivers(), true, config.Defaults{
		"PROVIDERS": "console", "SECRETS": secret, "LOG_FORMAT": "console",
	})
	if err != nil {
		return sh.fail(c, err)
	}
	listener, err := net.Listen("tcp", settings.Addr)
	if err != nil {
		return sh.fail(c, err)
	}
	fmt.Fprint(sh.stdout, devGuide(listener.Addr().(*net.TCPAddr).Port, secret, note, settings.Secrets))
	if err := sh.serve(ctx, settings, listener); err != nil {
		return sh.fail(c, err)
	}
	return exitOK
}

// devSecret returns the secret and what to say about where it comes from.
func (sh *shell) devSecret() (secret, note string, err error) {
	secret, err = config.Lookup(sh.env, "SECRETS")
	if err != nil {
		return "", "", err
	}
	if secret != "" {
		return secret, "The secret is the one in SMSHOOK_SECRETS.", nil
	}
	if kept, err := os.ReadFile(devSecretFile); err == nil {
		return strings.TrimSpace(string(kept)), "The secret is kept in " + devSecretFile + ".", nil
	}
	secret = newSecret()
	if keepSecret(secret) != nil {
		return secret, "The secret is new, and could not be kept here. To keep it, start with\n  -e SMSHOOK_SECRETS='" + secret + "'", nil
	}
	return secret, "The secret is new, and is kept in " + devSecretFile + ".", nil
}

func keepSecret(secret string) error {
	folder := filepath.Dir(devSecretFile)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, ".gitignore"), []byte("*\n"), 0o600); err != nil {
		return err
	}
	return os.WriteFile(devSecretFile, []byte(secret+"\n"), 0o600)
}

// devGuide is what there is to do on the Supabase side.
func devGuide(port int, secret, note string, secrets hook.Secrets) string {
	fromContainer := fmt.Sprintf("http://host.docker.internal:%d%s", port, server.HookPath)
	fromHere := fmt.Sprintf("http://localhost:%d%s", port, server.HookPath)
	return fmt.Sprintf(`smshook dev: messages are printed here, not sent.
%s

Supabase CLI, in supabase/config.toml:

  [auth.sms]
  enable_signup = true
  enable_confirmations = true

  [auth.hook.send_sms]
  enabled = true
  uri = "%s"
  secrets = "%s"

Auth on its own, on this machine:

  GOTRUE_EXTERNAL_PHONE_ENABLED=true
  GOTRUE_HOOK_SEND_SMS_ENABLED=true
  GOTRUE_HOOK_SEND_SMS_URI=%s
  GOTRUE_HOOK_SEND_SMS_SECRETS='%s'

Without Supabase, within five minutes:

%s

`, note, fromContainer, secret, fromHere, secret, curlCommand(secrets, fromHere, hook.Example()))
}
