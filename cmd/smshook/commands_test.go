package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/providers/all"
	"github.com/smshook/smshook/providers/providertest"
)

// result is what a command has printed, and its exit code.
type result struct {
	code           int
	stdout, stderr string
}

func smshook(t *testing.T, stdin string, env []string, args ...string) result {
	var stdout, stderr bytes.Buffer
	sh := &shell{env: env, stdin: strings.NewReader(stdin), stdout: &stdout, stderr: &stderr}
	code := sh.run(t.Context(), args)
	return result{code, stdout.String(), stderr.String()}
}

func TestHelp(t *testing.T) {
	help := smshook(t, "", nil, "help")
	require.Equal(t, exitOK, help.code)
	require.Equal(t, result{exitUsage, "", "smshook: there is no command \"sned\"\n\n" + help.stdout}, smshook(t, "", nil, "sned"))
	for _, c := range commands() {
		require.Contains(t, help.stdout, "  "+c.name)
		r := smshook(t, "", nil, c.name, "-h")
		require.Equal(t, exitOK, r.code)
		require.Regexp(t, "^Usage: smshook "+c.name, r.stdout)
		require.Empty(t, r.stderr)
		r = smshook(t, "", nil, c.name, "-nonsense")
		require.Equal(t, exitUsage, r.code)
		require.Contains(t, r.stderr, "smshook "+c.name+": flag provided but not defined: -nonsense\n")
	}
	require.Contains(t, smshook(t, "", nil, "send").stderr, "want 1 argument(s), got 0; flags must be before them")
}

func TestServeReportsAllProblems(t *testing.T) {
	r := smshook(t, "", []string{"SMSHOOK_PROVIDERS=console,twilio"}, "serve")
	require.Equal(t, exitFail, r.code)
	require.Equal(t, `smshook serve: SMSHOOK_SECRETS: is missing: the secrets of the hook, in the form of Auth's own setting: v1,whsec_…; or set SMSHOOK_AUTH0_SECRETS for Auth0, or SMSHOOK_API_KEYS for the message API
smshook serve: SMSHOOK_PROVIDERS: console sends nothing and prints codes: it is only for `+"`smshook dev`"+`
smshook serve: TWILIO_ACCOUNT_SID: is missing: the account, AC and 32 hex digits
smshook serve: TWILIO_AUTH_TOKEN: is missing, and so is an API key (API_KEY and API_SECRET)
smshook serve: TWILIO_FROM: is missing, and so is MESSAGING_SERVICE_SID
`, r.stderr)
	r = smshook(t, "", []string{"SMSHOOK_PROVIDERS=twilio", "SMSHOOK_SECRETS=" + hookSecret, "TWILIO_FORM=x"}, "serve")
	require.Contains(t, r.stderr, "smshook serve: TWILIO_FORM: is not a setting; did you mean TWILIO_FROM?\n", "errors come with the warnings")
}

func TestServeWithoutACommand(t *testing.T) {
	twilio := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	p := starting(t, nil, serveEnv(twilio.URL, "TWILIO_FORM=x")...)
	seen, err := auth(t, hookSecret).Call(t.Context(), p.url, hook.Example())
	require.NoError(t, err)
	require.True(t, seen.OK())
	require.Contains(t, p.stderr.String(), `"message":"TWILIO_FORM: is not a setting; did you mean TWILIO_FROM?"`)

	addr := "SMSHOOK_ADDR=" + p.addr(t)
	require.Equal(t, result{}, smshook(t, "", []string{addr}, "healthcheck"))
	r := smshook(t, "", serveEnv(twilio.URL, addr), "serve")
	require.Equal(t, exitFail, r.code, "the port is taken")
	require.Contains(t, r.stderr, "address already in use")

	require.Equal(t, exitOK, p.stop())
	r = smshook(t, "", []string{addr}, "healthcheck")
	require.Equal(t, exitFail, r.code)
	require.Contains(t, r.stderr, "connection refused")
}

func TestSecretCommand(t *testing.T) {
	r := smshook(t, "", nil, "secret")
	require.Equal(t, exitOK, r.code)
	// What Auth itself asks of a secret (internal/conf of supabase/auth).
	require.Regexp(t, `^v1,whsec_[A-Za-z0-9+/=]{32,88}\n$`, r.stdout)
	require.NoError(t, new(hook.Secrets).UnmarshalText([]byte(r.stdout)))
	require.NotEqual(t, r.stdout, smshook(t, "", nil, "secret").stdout)
}

func TestVersionCommand(t *testing.T) {
	require.Regexp(t, `^smshook \S+ go1\.\S+ \w+/\w+\n$`, smshook(t, "", nil, "version").stdout)
	require.Equal(t, smshook(t, "", nil, "version"), smshook(t, "", nil, "--version"))
}

func TestDemoCommand(t *testing.T) {
	calls, err := filepath.Abs(calls)
	require.NoError(t, err)
	t.Chdir(t.TempDir()) // the program contains the calls
	r := smshook(t, "", nil, "demo")
	require.Equal(t, exitOK, r.code, r.stdout+r.stderr)
	require.Equal(t, r.stdout, smshook(t, "", nil, "demo", "-dir", calls).stdout)
	require.Contains(t, r.stdout, "to +15555219512 text Your code is 210432")
	require.Contains(t, r.stdout, "(no message)")
	require.Regexp(t, `\nall \d+ calls have the expected result\n$`, r.stdout)

	dir := t.TempDir()
	for _, name := range []string{"phone-change.json", "phone-change.golden"} {
		content, err := os.ReadFile(filepath.Join(calls, name))
		require.NoError(t, err)
		wrong := bytes.ReplaceAll(content, []byte("to    +15555219512"), []byte("to    +15555219511"))
		wrong = bytes.ReplaceAll(wrong, []byte("200 {}"), []byte("200 []"))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), wrong, 0o600))
	}
	r = smshook(t, "", nil, "demo", "-dir", dir)
	require.Equal(t, exitFail, r.code)
	require.Contains(t, r.stdout, "WRONG: expected on the phone: to +15555219511 ")
	require.Contains(t, r.stdout, "WRONG: expected answer: 200 []")
	require.Equal(t, "smshook demo: 1 of 1 calls have another result than expected\n", r.stderr)

	r = smshook(t, "", nil, "demo", "-dir", t.TempDir())
	require.Equal(t, exitFail, r.code)
	require.Contains(t, r.stderr, "there are no calls (*.json) in ")
}

func TestSignCommand(t *testing.T) {
	env := []string{"SMSHOOK_SECRETS=" + hookSecret}
	file, err := filepath.Abs(filepath.Join(calls, "otp-new-user.json"))
	require.NoError(t, err)
	t.Chdir(t.TempDir()) // a folder without a stored secret
	body, err := os.ReadFile(file)
	require.NoError(t, err)

	r := smshook(t, "", env, "sign", file)
	require.Equal(t, exitOK, r.code)
	header := http.Header{}
	for line := range strings.Lines(r.stdout) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		header.Set(name, value)
	}
	require.Len(t, header, 3)
	require.NoError(t, auth(t, hookSecret).Secrets.Verify(header, body), "the headers are for the unchanged file")

	r = smshook(t, "", []string{"SMSHOOK_SECRETS=" + hookSecret + "|" + hook.NewSecret()}, "sign", file)
	require.Regexp(t, `webhook-signature: v1,\S+=, v1,\S+=\n$`, r.stdout)

	for _, tt := range []struct {
		name, stdin string
		env, args   []string
		want        string
	}{
		{"no secret", "{}", nil, []string{"-"}, "SMSHOOK_SECRETS is not set, and `smshook dev` has stored no secret in this folder"},
		{"a bad secret", "{}", []string{"SMSHOOK_SECRETS=whsec_hunter2"}, []string{"-"}, "SMSHOOK_SECRETS: secret 1: want v1,whsec_… as in Auth's own setting"},
		{"no file", "", env, []string{"nonexistent.json"}, "open nonexistent.json: no such file or directory"},
		{"no JSON", "hello", env, []string{"-curl", "http://x", "-"}, "the body is not a JSON object; with -keep it is not changed"},
		{"no sms", `{"sms":7}`, env, []string{"-curl", "http://x", "-"}, "sms is not an object; with -keep the body is not changed"},
		{"null for sms", `{"metadata":null,"sms":null}`, env, []string{"-curl", "http://x", "-"}, "sms is not an object; with -keep the body is not changed"},
		{"no otp", `{"sms":{}}`, env, []string{"-curl", "http://x", "-"}, "sms.otp is not a string; with -keep the body is not changed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := smshook(t, tt.stdin, tt.env, append([]string{"sign"}, tt.args...)...)
			require.Equal(t, result{exitFail, "", "smshook sign: " + tt.want + "\n"}, r)
		})
	}
}

func TestSignWithWrongFlags(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-curl", "http://x", "-send", "http://x", "-"}, "want -curl or -send, not both"},
		{[]string{"-send", "ftp://x", "-"}, "want a URL such as http://localhost:8080/hooks/send-sms"},
		{[]string{"-curl", "localhost:8080", "-"}, "want a URL such as http://localhost:8080/hooks/send-sms"},
	} {
		r := smshook(t, "{}", nil, append([]string{"sign"}, tt.args...)...)
		require.Equal(t, result{exitUsage, "", "smshook sign: " + tt.want + "\n"}, r)
	}
}

func TestSignSends(t *testing.T) {
	twilio := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	p := starting(t, []string{"serve"}, serveEnv(twilio.URL)...)
	env := []string{"SMSHOOK_SECRETS=" + hookSecret}
	send := func(name string, more ...string) result {
		return smshook(t, "", env, append(append([]string{"sign", "-send", p.url}, more...), filepath.Join(calls, name))...)
	}
	r := send("otp-new-user.json")
	require.Equal(t, exitOK, r.code)
	require.Regexp(t, `^attempts  1 in \S+\nanswer    200 {}\nthe user  sees a success\n$`, r.stdout)

	r = send("refused-short-number.json")
	require.Equal(t, exitFail, r.code)
	require.Contains(t, r.stdout, `answer    200 {"error":{"http_code":422,"message":"This number cannot receive codes."}}`)
	require.Contains(t, r.stdout, "the user  sees 422 This number cannot receive codes.\n")

	before := len(twilio.Requests())
	require.Equal(t, 1, before)
	r = send("signup-phone-password.json", "-keep")
	require.Contains(t, r.stdout, "sees a success")
	require.Len(t, twilio.Requests(), 1)
	send("signup-phone-password.json", "-keep")
	require.Empty(t, twilio.Requests(), "and the same again is a repeat")

	refusing := string(providertest.Refusing(t))
	synctest.Test(t, func(t *testing.T) { // Auth waits between its attempts
		r := smshook(t, "", env, "sign", "-send", refusing, filepath.Join(calls, "otp-new-user.json"))
		require.Equal(t, exitFail, r.code)
		require.Regexp(t, `^attempts  3 in 4\S*s\n(?s).*cause     .*connection refused\n$`, r.stdout)
	})

	r = smshook(t, "", []string{"SMSHOOK_SECRETS=" + hook.NewSecret()}, "sign", "-send", p.url, filepath.Join(calls, "otp-new-user.json"))
	require.Equal(t, exitFail, r.code)
	require.Contains(t, r.stdout, "the user  sees 500 Hook requires authorization token\n")
}

// The new call has the same content, but another ID.
func TestRenewed(t *testing.T) {
	for _, name := range []string{"otp-new-user", "old-server-otp", "published-example"} {
		body, err := os.ReadFile(filepath.Join(calls, name+".json"))
		require.NoError(t, err)
		again, err := renewed(body)
		require.NoError(t, err)
		before, err := hook.Decode(body)
		require.NoError(t, err)
		after, err := hook.Decode(again)
		require.NoError(t, err)
		require.NotEqual(t, before.ID(body), after.ID(again))
		require.Equal(t, before.Phone().Reveal(), after.Phone().Reveal())
		require.Len(t, after.SMS.OTP.Reveal(), 6)
		require.Equal(t, before.Metadata != nil, before.SMS.OTP.Reveal() == after.SMS.OTP.Reveal())
		require.JSONEq(t, without(t, body), without(t, again))
	}
}

// without returns the call without the fields that renewed changes.
func without(t *testing.T, body []byte) string {
	var call map[string]map[string]any
	require.NoError(t, json.Unmarshal(body, &call))
	delete(call["metadata"], "uuid")
	delete(call["sms"], "otp")
	text, err := json.Marshal(call)
	require.NoError(t, err)
	return string(text)
}

// The curl commands are run by a real shell and a real curl, if there is one.
func TestCurlCommands(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is missing")
	}
	t.Chdir(t.TempDir())
	dev := starting(t, []string{"dev"}, "SMSHOOK_ADDR=127.0.0.1:0", "SMSHOOK_LOG_FORMAT=json")
	curl := func(text string) string {
		shown := regexp.MustCompile(`(?s)curl -i '.*?--data-raw '(?:[^']|'\\'')*'`).FindString(text)
		require.NotEmpty(t, shown, text)
		command := exec.Command("sh", "-c", shown)
		command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()} // without this machine's proxy and .curlrc
		answer, err := command.Output()
		require.NoError(t, err)
		return string(answer)
	}
	require.Contains(t, curl(dev.stdout.String()), "HTTP/1.1 200 OK")
	require.Contains(t, dev.stdout.String(), "to    +15555550100\n  text  Your code is 123456")

	// sign uses the secret that dev has stored in this folder.
	quoted := `{"metadata":{"uuid":"1"},"user":{"user_metadata":{"name":"O'Hara & $HOME \\\"x\\\""}},"sms":{"otp":"028687","phone":"15555550101"}}`
	signed := smshook(t, quoted, nil, "sign", "-curl", dev.url, "-")
	require.Equal(t, exitOK, signed.code, signed.stderr)
	require.Contains(t, curl(signed.stdout), "HTTP/1.1 200 OK")
	require.Contains(t, dev.stdout.String(), "to    +15555550101\n  text  Your code is 028687")
}

func TestDevStoresOneSecret(t *testing.T) {
	readmeFile, err := filepath.Abs("../../README.md")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	dev := func(env ...string) string {
		p := starting(t, []string{"dev"}, append(env, "SMSHOOK_ADDR=127.0.0.1:0", "SMSHOOK_LOG_FORMAT=json")...)
		require.Equal(t, exitOK, p.stop())
		return p.stdout.String()
	}
	secret := func(guide string) string {
		return regexp.MustCompile(`secrets = "(v1,whsec_\S+)"`).FindStringSubmatch(guide)[1]
	}
	first := dev()
	require.Contains(t, first, "The secret is new, and is stored in .smshook/secret.")
	readme, err := os.ReadFile(readmeFile)
	require.NoError(t, err)
	toml := regexp.MustCompile("(?s)```toml\n(.*?)```").FindSubmatch(readme)[1]
	block := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(string(toml), "")
	block = strings.NewReplacer("env(SMSHOOK_SECRETS)", secret(first), ":8080/", regexp.MustCompile(`internal(:\d+/)`).FindStringSubmatch(first)[1]).Replace(block)
	require.Contains(t, regexp.MustCompile(`(?m)^  `).ReplaceAllString(first, ""), block, "the README has the same block")
	for _, line := range []string{
		"GOTRUE_EXTERNAL_PHONE_ENABLED=true", "GOTRUE_HOOK_SEND_SMS_ENABLED=true",
		"GOTRUE_HOOK_SEND_SMS_URI=http://localhost:", "GOTRUE_HOOK_SEND_SMS_SECRETS='" + secret(first) + "'",
	} {
		require.Contains(t, first, line)
	}
	second := dev()
	require.Contains(t, second, "The secret is stored in .smshook/secret.")
	require.Equal(t, secret(first), secret(second))
	third := dev("SMSHOOK_SECRETS=" + hookSecret)
	require.Contains(t, third, "The secret is the one in SMSHOOK_SECRETS.")
	require.Equal(t, hookSecret, secret(third))

	ignored, err := os.ReadFile(".smshook/.gitignore")
	require.NoError(t, err)
	require.Equal(t, "*\n", string(ignored))
	info, err := os.Stat(devSecretFile)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestDevWithABrokenSecretFile(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir(".smshook", 0o700))
	require.NoError(t, os.WriteFile(devSecretFile, []byte("hunter2"), 0o600))
	for _, args := range [][]string{{"dev"}, {"sign", "-"}} {
		r := smshook(t, "{}", nil, args...)
		require.Equal(t, exitFail, r.code)
		require.Equal(t, "smshook "+args[0]+": .smshook/secret: secret 1: want v1,whsec_… as in Auth's own setting; remove the file to get a new secret\n", r.stderr)
	}
}

// If SMSHOOK_PROVIDERS is set, dev says that it sends messages.
func TestDevWithAProvider(t *testing.T) {
	twilio := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	p := starting(t, []string{"dev"}, serveEnv(twilio.URL, "SMSHOOK_LOG_FORMAT=json")...)
	require.Contains(t, p.stdout.String(), "smshook dev: SMSHOOK_PROVIDERS is set. Messages are really sent, through twilio.\n")
	require.NotContains(t, p.stdout.String(), "not sent")
}

// If dev can't store the secret, it prints it: the file system may be read-only, or .smshook may be a file.
func TestDevWithoutAPlaceForTheSecret(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile(".smshook", nil, 0o600))
	p := starting(t, []string{"dev"}, "SMSHOOK_ADDR=127.0.0.1:0", "SMSHOOK_LOG_FORMAT=json")
	require.Regexp(t, `could not be stored here\. To use it again, start with\n  -e SMSHOOK_SECRETS='v1,whsec_\S+'\n`, p.stdout.String())
}

func TestSendCommand(t *testing.T) {
	twilio := providertest.NewFake(t)
	env := serveEnv(twilio.URL, "SMSHOOK_SECRETS=", "SMSHOOK_PROVIDERS=first=twilio,twilio", "SMSHOOK_APP=Acme",
		"FIRST_ACCOUNT_SID=AC00000000000000000000000000000001", "FIRST_AUTH_TOKEN="+authToken, "FIRST_FROM=Acme", "FIRST_BASE_URL="+twilio.URL)
	twilio.Answer(
		providertest.Answer{Status: 503, Body: `{"code":20503,"message":"later"}`},
		providertest.Answer{Status: 201, Body: accepted},
	)
	r := smshook(t, "", env, "send", "+15555550100")
	require.Equal(t, exitOK, r.code, r.stderr)
	require.Regexp(t, `^first  \S+  temporary \(code 20503\): answer 503: later\ntwilio  \S+  accepted as \[SM00000000000000000000000000000001\]\naccepted\n$`, r.stdout)
	require.Regexp(t, `(?m)^Body=Your Acme code is \d{6}$`, twilio.Requests()[1].String())

	twilio.Answer(providertest.Answer{Status: 400, Body: `{"code":21211,"message":"bad"}`})
	r = smshook(t, "", env, "send", "-code", "0070", "+15555550100")
	require.Equal(t, exitFail, r.code)
	require.Regexp(t, `^first  \S+  recipient \(code 21211\): answer 400: bad\nbad_number\n$`, r.stdout)
	require.Contains(t, twilio.Requests()[0].String(), "Body=Your Acme code is 0070\n")

	require.Equal(t, result{exitUsage, "", "smshook send: -code: want 4 to 10 digits\n"}, smshook(t, "", env, "send", "-code", "1", "+15555550100"))
	r = smshook(t, "", env, "send", "07700900123")
	require.Equal(t, result{exitFail, "the number starts with 0: it is not in international form\nbad_number\n", ""}, r)
}

func TestTyped(t *testing.T) {
	for phone, want := range map[string]string{
		"+447700900123":             "+447700900123",
		"447700900123":              "447700900123",
		"+44 7700 900123":           "+447700900123",
		" +44\u00a0(0)7700–900.123": "+447700900123",
		"0044 7700/900123":          "+447700900123",
		"+1 (555) 555-0100":         "+15555550100",
		"07700 900123":              "07700900123",
		"+44 7700 CALL ME":          "+447700CALLME",
	} {
		require.Equal(t, want, typed(phone), phone)
	}
}

func TestCheckCommand(t *testing.T) {
	twilio := providertest.NewFake(t, providertest.Answer{Status: 200, Body: `{"messages":[]}`})
	env := serveEnv(twilio.URL, "SMSHOOK_PROVIDERS=twilio,away=twilio", "TWILIO_FORM=x", "SMSHOOK_MESSAGE=It’s {{ .Code }}",
		"AWAY_ACCOUNT_SID=AC00000000000000000000000000000001", "AWAY_AUTH_TOKEN="+authToken, "AWAY_FROM=Acme", "AWAY_BASE_URL="+string(providertest.Refusing(t)))
	r := smshook(t, "", env, "check")
	require.Equal(t, exitFail, r.code)
	require.Empty(t, r.stderr)
	require.Regexp(t, `^warning   SMSHOOK_MESSAGE: not in GSM-7, and a segment then has 70 characters and not 160: ’ \(U\+2019\)
warning   TWILIO_FORM: is not a setting; did you mean TWILIO_FROM\?
settings  ok
store     memory: a restart forgets limits, repeats and what was sent
text      \*: "It’s 123456", 1 segment\(s\), UCS-2
numbers   are checked: shape
`+regexp.QuoteMeta(defaultLimitLines())+`route     \*: twilio, away
instance  twilio: ok
instance  away: temporary: not reached: dial tcp \S+: connect: connection refused
receipts  off: they need SMSHOOK_PUBLIC_URL and SMSHOOK_RECEIPT_SECRET
$`, r.stdout)

	r = smshook(t, "", serveEnv(twilio.URL), "check")
	require.Equal(t, exitOK, r.code, r.stdout)
	twilio.Requests()
	r = smshook(t, "", serveEnv(twilio.URL, "SMSHOOK_PROVIDERS=mine=webhook,twilio", "SMSHOOK_ROUTES=IN, +44: twilio",
		"MINE_URL="+twilio.URL+"/send?to={{ .To }}&text={{ .Text }}", "MINE_METHOD=GET"), "check")
	require.Equal(t, exitOK, r.code, "credentials that can't be tried are no problem")
	require.Contains(t, r.stdout, "route     IN: twilio\nroute     +44: twilio\nroute     *: mine, twilio\n"+
		"instance  mine: not tried: this is only possible with a message (smshook send)\ninstance  twilio: ok\n")
	require.Contains(t, r.stdout, "warning   MINE_SUCCESS: any answer with such a status counts as a success")
	require.Len(t, twilio.Requests(), 1, "no message is sent")
	twilio.Answer(providertest.Answer{Status: 401, Body: `{"code":20003,"message":"Authenticate"}`})
	r = smshook(t, "", serveEnv(twilio.URL), "check")
	require.Equal(t, exitFail, r.code)
	require.Contains(t, r.stdout, "instance  twilio: account (code 20003): answer 401: Authenticate (tried with TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN)\n")
}

// check says what the operator must do for receipts, with the instance's names of the settings.
func TestCheckPrintsTheReceiptSetup(t *testing.T) {
	nowhere := string(providertest.Refusing(t))
	r := smshook(t, "", serveEnv(nowhere, "SMSHOOK_PROVIDERS=twilio,eu=twilio,na=twilio,wa=whatsapp,mine=webhook", "MINE_URL="+nowhere+"/?to={{ .To }}&text={{ .Text }}", "MINE_METHOD=GET",
		"EU_ACCOUNT_SID=AC00000000000000000000000000000001", "EU_API_KEY=SK1", "EU_API_SECRET=x", "EU_FROM=Acme", "EU_BASE_URL="+nowhere,
		"WA_PHONE_NUMBER_ID=106540352242922", "WA_ACCESS_TOKEN=EAAtoken", "WA_TEMPLATE=code", "WA_LANGUAGE=en", "WA_BASE_URL="+nowhere,
		"SMSHOOK_PUBLIC_URL=https://sms.example.com", "SMSHOOK_RECEIPT_SECRET=0123456789-0123456789-01",
		"NA_ACCOUNT_SID=AC00000000000000000000000000000001", "NA_API_KEY=SK1", "NA_API_SECRET=x", "NA_FROM=Acme", "NA_BASE_URL="+nowhere,
		"SMSHOOK_UNSIGNED_RECEIPTS=eu,wa"), "check")
	var receipts []string
	for line := range strings.Lines(r.stdout) {
		if strings.HasPrefix(line, "receipts") {
			receipts = append(receipts, strings.TrimSpace(line))
		}
	}
	require.Equal(t, []string{
		"receipts  twilio: the address is in each message; signed",
		"receipts  eu: the address is in each message; not signed: EU_AUTH_TOKEN is missing: Twilio signs with the account's auth token, also if an API key has sent the message",
		"receipts  na: refused, because no signature can be checked: NA_AUTH_TOKEN is missing: Twilio signs with the account's auth token, also if an API key has sent the message; " +
			"to accept them without one, put na into SMSHOOK_UNSIGNED_RECEIPTS",
		"receipts  wa: enter https://sms.example.com/receipts/wa/CQoMvyBo-QUcWb1oi6yexw in Meta's App Dashboard, under WhatsApp, Configuration: as callback URL, with WA_VERIFY_TOKEN as verify token; " +
			"then subscribe to the field messages (WA_VERIFY_TOKEN is not set yet: without it, Meta's check of the address fails); " +
			"not signed: WA_APP_SECRET, the app's secret in Meta's App Dashboard, is not set",
		"receipts  mine: none",
	}, receipts, r.stdout+r.stderr)
}

func TestCheckPrintsTheTexts(t *testing.T) {
	twilio := providertest.NewFake(t, providertest.Answer{Status: 200, Body: `{"status":"active"}`})
	r := smshook(t, "", serveEnv(twilio.URL, "SMSHOOK_APP=Acme", "SMSHOOK_DEFAULT_LOCALE=nl", "SMSHOOK_WEBOTP_DOMAIN=example.com", "SMSHOOK_APP_HASH=FA+9qCX9VSu",
		"SMSHOOK_MESSAGE_NL=Uw code is {{ .Code }}", "SMSHOOK_MESSAGE_PT_BR="+strings.Repeat("a", 110)+" {{ .Code }}"), "check")
	require.Equal(t, exitOK, r.code, r.stdout+r.stderr)
	require.Contains(t, r.stdout, defaultLimitLines())
	providertest.Golden(t, "testdata/check-texts.txt", strings.Replace(r.stdout, defaultLimitLines(), "limit     (one line for each)\n", 1))
}

// The README's tables of settings are generated.
func TestREADME(t *testing.T) {
	const file = "../../internal/config/README.md"
	readme, err := os.ReadFile(file)
	require.NoError(t, err)
	begin, end := "<!-- settings: go test ./cmd/smshook -run TestREADME -update -->\n\n", "<!-- settings end -->"
	before, rest, found := strings.Cut(string(readme), begin)
	require.True(t, found)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found)
	providertest.Golden(t, file, fmt.Sprint(before, begin, config.Markdown(config.Describe(all.Drivers())), end, after))
}
