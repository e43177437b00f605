package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
)

var signCommand = command{
	name:    "sign",
	args:    "[-curl URL | -send URL] [-keep] FILE|-",
	summary: "sign a call as Auth does, and send it",
	help: `
Reads the body of a call from FILE, or from standard input, and prints the webhook-* headers that Supabase Auth would send with it.
They are valid for five minutes.

With -curl it prints a whole curl command instead. With -send it posts the call as Auth would: at most three attempts, in at most
5 s. It prints the answer and what the app's user would see, and exits with 1 unless that is a success.

Both change the body into a new call: they set a new metadata.uuid or, if there is no metadata, a new code of the same length. A
repeated call would get the same answer as before, without a second message. With -keep they don't change the body.

The secret is SMSHOOK_SECRETS, or else the one that smshook dev has stored in this folder.`,
	example: "smshook sign -send http://localhost:8080/hooks/send-sms call.json\nsmshook sign -curl http://localhost:8080/hooks/send-sms call.json",
	run:     sign,
}

func sign(ctx context.Context, sh *shell, c command, args []string) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	curl := flags.String("curl", "", "print a curl command that calls the hook at `URL`")
	post := flags.String("send", "", "call the hook at `URL`")
	keep := flags.Bool("keep", false, "don't change the body")
	if code, ok := sh.parse(c, flags, args, 1); !ok {
		return code
	}
	if *curl != "" && *post != "" {
		fmt.Fprintf(sh.stderr, "smshook %s: want -curl or -send, not both\n", c.name)
		return exitUsage
	}
	for _, address := range []string{*curl, *post} {
		if u, err := url.Parse(address); address != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
			fmt.Fprintf(sh.stderr, "smshook %s: want a URL such as http://localhost:8080%s\n", c.name, server.HookPath)
			return exitUsage
		}
	}
	body, err := sh.readFile(flags.Arg(0))
	if err != nil {
		return sh.fail(c, err)
	}
	secrets, err := sh.secrets()
	if err != nil {
		return sh.fail(c, err)
	}
	caller := hook.Caller{HTTP: http.DefaultClient, Secrets: secrets}
	if !*keep && (*curl != "" || *post != "") {
		if body, err = renewed(body); err != nil {
			return sh.fail(c, err)
		}
	}
	switch {
	case *post != "":
		return sh.call(ctx, c, caller, *post, body)
	case *curl != "":
		fmt.Fprintln(sh.stdout, curlCommand(secrets, *curl, body))
	default:
		fmt.Fprint(sh.stdout, strings.Join(signedHeaders(secrets, body), "\n"), "\n")
	}
	return exitOK
}

// call posts the call and prints the result.
func (sh *shell) call(ctx context.Context, c command, caller hook.Caller, url string, body []byte) int {
	seen, err := caller.Call(ctx, url, body)
	if err != nil {
		return sh.fail(c, err)
	}
	fmt.Fprintf(sh.stdout, "attempts  %d in %v\nanswer    %s\nthe user  %s\n",
		seen.Attempts, seen.Took.Round(time.Millisecond), replyLine(seen), userLine(seen))
	if seen.Cause != nil {
		fmt.Fprintf(sh.stdout, "cause     %v\n", seen.Cause)
	}
	if !seen.OK() {
		return exitFail
	}
	return exitOK
}

// replyLine is the hook's answer in one line.
func replyLine(seen hook.Seen) string {
	if seen.Reply == nil {
		return "none"
	}
	return fmt.Sprintf("%d %s", seen.Reply.Status, seen.Reply.Body)
}

// userLine is what the app's user sees, in one line.
func userLine(seen hook.Seen) string {
	if seen.OK() {
		return "sees a success"
	}
	return fmt.Sprintf("sees %d %s", seen.Status, seen.Message)
}

// maxFile is much larger than the largest body that the hook accepts: a test of that limit must be possible.
const maxFile = 16 << 20

func (sh *shell) readFile(name string) ([]byte, error) {
	if name == "-" {
		return readAll(sh.stdin)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readAll(file)
}

func readAll(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(body) > maxFile {
		return nil, fmt.Errorf("the body is larger than %d bytes", maxFile)
	}
	return body, err
}

// secrets returns the secrets of the environment, or else the one that dev has stored in this folder.
func (sh *shell) secrets() (hook.Secrets, error) {
	text, err := config.Lookup(sh.env, "SECRETS")
	if err != nil {
		return nil, err
	}
	if text == "" {
		if text, err = storedSecret(); err != nil {
			return nil, err
		}
	}
	if text == "" {
		return nil, errors.New(config.Prefix + "SECRETS is not set, and `smshook dev` has stored no secret in this folder")
	}
	var secrets hook.Secrets
	if err := secrets.UnmarshalText([]byte(text)); err != nil {
		return nil, fmt.Errorf("%sSECRETS: %w", config.Prefix, err)
	}
	return secrets, nil
}

// renewed returns the body as a new call with the same content.
func renewed(body []byte) ([]byte, error) {
	var call map[string]json.RawMessage
	if err := json.Unmarshal(body, &call); err != nil {
		return nil, errors.New("the body is not a JSON object; with -keep it is not changed")
	}
	part, field, value := "sms", "otp", ""
	if metadata, ok := call["metadata"]; ok && string(metadata) != "null" {
		part, field, value = "metadata", "uuid", providers.NewUUID()
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(call[part], &fields); err != nil || fields == nil {
		return nil, fmt.Errorf("%s is not an object; with -keep the body is not changed", part)
	}
	if value == "" {
		var old string
		if err := json.Unmarshal(fields[field], &old); err != nil || old == "" {
			return nil, fmt.Errorf("%s.%s is not a string; with -keep the body is not changed", part, field)
		}
		value = randomDigits(len(old))
	}
	fields[field], _ = json.Marshal(value) // strings and raw JSON can always be marshalled
	call[part], _ = json.Marshal(fields)
	return json.Marshal(call)
}

// signedHeaders returns the webhook-* headers, one per line.
func signedHeaders(secrets hook.Secrets, body []byte) []string {
	header := http.Header{}
	secrets.Sign(header, providers.NewUUID(), time.Now(), body)
	var lines []string
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		lines = append(lines, name+": "+header.Get(name))
	}
	return lines
}

// curlCommand returns a command for a POSIX shell.
func curlCommand(secrets hook.Secrets, url string, body []byte) string {
	lines := []string{"curl -i " + quoted(url), "-H 'content-type: application/json'"}
	for _, header := range signedHeaders(secrets, body) {
		lines = append(lines, "-H "+quoted(header))
	}
	lines = append(lines, "--data-raw "+quoted(string(body)))
	return strings.Join(lines, " \\\n  ")
}

// quoted returns a text as one word of a POSIX shell.
func quoted(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
