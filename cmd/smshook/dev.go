package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/server"
)

var devCommand = command{
	name:    "dev",
	args:    "[-inbox ADDRESS]",
	summary: "answer the hook on your own machine without any settings; messages are shown in an inbox",
	help: `
Runs as serve does, but needs no settings: it shows messages in an inbox, prints them, and doesn't send them. The inbox is a page
at the address that dev prints. End-to-end tests read it at /messages. dev also prints the settings for the Supabase
side, for the CLI and for an Auth server of your own, and a curl command to try it with.

The secret is SMSHOOK_SECRETS if that is set. Otherwise it is stored in .smshook/secret in this folder, and the settings on the
Supabase side stay valid after a restart. All settings of serve apply. With SMSHOOK_PROVIDERS, messages are sent.`,
	example: "smshook dev\nSMSHOOK_APP=Acme smshook dev",
	run:     dev,
}

// devSecretFile is the file with the secret of dev. Its folder has a .gitignore for itself.
var devSecretFile = filepath.Join(".smshook", "secret")

func dev(ctx context.Context, sh *shell, c command, args []string) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	inboxAddr := flags.String("inbox", "", "the `ADDRESS` of the inbox; by default "+defaultInbox+", or another port if that is in use")
	if code, ok := sh.parse(c, flags, args, 0); !ok {
		return code
	}
	secret, note, err := sh.devSecret()
	if err != nil {
		return sh.fail(c, err)
	}
	defaults := config.Defaults{"PROVIDERS": "console", "SECRETS": secret, "LOG_FORMAT": "console", "POLICY": "observe"}
	settings, ok := sh.load(c, true, defaults)
	if !ok {
		return exitFail
	}
	listener, err := net.Listen("tcp", settings.Addr)
	if err != nil {
		return sh.fail(c, listenError("ADDR", err))
	}
	shown, err := listenInbox(*inboxAddr)
	if err != nil {
		listener.Close()
		return sh.fail(c, err)
	}
	inbox := newInbox(settings, listener.Addr(), whereMessagesGo(settings))
	defer inbox.serve(shown)()
	fmt.Fprint(sh.stdout, devGuide(listener.Addr().(*net.TCPAddr).Port, whereMessagesGo(settings)+"\nThe inbox is at "+inboxURL(shown.Addr()), secret, note, settings.Secrets))
	if err := sh.serve(ctx, settings, sh.loader(true, defaults), listener, 0, inbox.attach); err != nil {
		return sh.fail(c, err)
	}
	return exitOK
}

// devSecret returns the secret, and a note for the user that says where it is from.
func (sh *shell) devSecret() (secret, note string, err error) {
	secret, err = config.Lookup(sh.env, "SECRETS")
	if err != nil {
		return "", "", err
	}
	if secret != "" {
		return secret, "The secret is the one in SMSHOOK_SECRETS.", nil
	}
	if secret, err = storedSecret(); err != nil {
		return "", "", err
	}
	if secret != "" {
		return secret, "The secret is stored in " + devSecretFile + ".", nil
	}
	secret = hook.NewSecret()
	if storeSecret(secret) != nil {
		return secret, "The secret is new, and could not be stored here. To use it again, start with\n  -e SMSHOOK_SECRETS='" + secret + "'", nil
	}
	return secret, "The secret is new, and is stored in " + devSecretFile + ".", nil
}

// storedSecret returns the secret that dev has stored in this folder. It is empty if there is no file that can be read.
func storedSecret() (string, error) {
	file, err := os.Open(devSecretFile)
	if err != nil {
		return "", nil
	}
	defer file.Close()
	stored, err := io.ReadAll(io.LimitReader(file, 4<<10))
	if err != nil {
		return "", nil
	}
	secret := strings.TrimSpace(string(stored))
	if err := new(hook.Secrets).UnmarshalText([]byte(secret)); err != nil {
		return "", fmt.Errorf("%s: %w; remove the file to get a new secret", devSecretFile, err)
	}
	return secret, nil
}

func storeSecret(secret string) error {
	folder := filepath.Dir(devSecretFile)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := create(filepath.Join(folder, ".gitignore"), "*\n"); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return create(devSecretFile, secret+"\n")
}

// create writes a new file. It fails if the name exists, also as a link: a link could lead out of the folder.
func create(name, content string) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(content)
	return errors.Join(err, file.Close())
}

// whereMessagesGo says in one line whether messages are sent.
func whereMessagesGo(settings config.Config) string {
	for _, instance := range settings.Providers {
		if !instance.Driver.Dev {
			return "smshook dev: SMSHOOK_PROVIDERS is set. Messages are really sent, through " + instance.Name + "."
		}
	}
	return "smshook dev: messages are shown in the inbox and printed here, not sent."
}

// devGuide is what there is to do on the Supabase side.
func devGuide(port int, messages, secret, note string, secrets hook.Secrets) string {
	fromContainer := fmt.Sprintf("http://host.docker.internal:%d%s", port, server.HookPath)
	fromHere := fmt.Sprintf("http://localhost:%d%s", port, server.HookPath)
	return fmt.Sprintf(`%s
%s

Supabase CLI, in supabase/config.toml:

%s
Auth on its own, on this machine:

  GOTRUE_EXTERNAL_PHONE_ENABLED=true
  GOTRUE_HOOK_SEND_SMS_ENABLED=true
  GOTRUE_HOOK_SEND_SMS_URI=%s
  GOTRUE_HOOK_SEND_SMS_SECRETS='%s'

Without Supabase, within five minutes:

%s

`, messages, note, cliLines(fromContainer, secret), fromHere, secret, curlCommand(secrets, fromHere, hook.Example()))
}
