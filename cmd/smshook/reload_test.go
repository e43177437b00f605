package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers/providertest"
)

// On SIGHUP, the program reads files again: secrets, credentials of instances, and texts. If one of them is invalid, nothing changes.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	twilio := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	newSecret := hook.NewSecret()
	env := append(serveEnv(twilio.URL), wholeProgram+"=1", "SMSHOOK_SECRETS=", "SMSHOOK_SECRETS_FILE="+write("secret", hookSecret), "TWILIO_AUTH_TOKEN=",
		"TWILIO_AUTH_TOKEN_FILE="+write("token", authToken), "SMSHOOK_BLOCKED_COUNTRIES_FILE="+write("countries", "GB"), "SMSHOOK_MESSAGES_DIR="+filepath.Dir(write("texts/en.txt", "Old {{ .Code }}")))
	command, stderr := exec.Command(os.Args[0], "serve"), new(buffer)
	command.Env, command.Stderr = env, stderr
	require.NoError(t, command.Start())
	t.Cleanup(func() { command.Process.Kill() })
	url := "http://" + (&program{stderr: stderr}).addr(t) + server.HookPath

	read := 0 // bytes of the log, so far
	hangUp := func() (line string) {
		require.NoError(t, command.Process.Signal(syscall.SIGHUP))
		require.Eventually(t, func() bool {
			for _, line = range strings.Split(stderr.String()[read:], "\n") {
				if strings.Contains(line, "reloaded") {
					read = strings.Index(stderr.String(), line) + len(line)
					return true
				}
			}
			return false
		}, 10*time.Second, 5*time.Millisecond)
		return line
	}
	// call makes a call with a secret. It returns the start of the token and of the text that the instance gets, or "refused".
	call := func(secret string) string {
		seen, err := auth(t, secret).Call(t.Context(), url, hook.Example())
		require.NoError(t, err)
		if !seen.OK() {
			return "refused"
		}
		sent := twilio.Next().String()
		_, token, _ := strings.Cut(sent, "AC00000000000000000000000000000000:")
		_, text, _ := strings.Cut(sent, "Body=")
		return token[:8] + " " + text[:3]
	}

	require.Equal(t, "0f1e2d3c Old", call(hookSecret))
	require.Equal(t, "refused", call(newSecret))
	write("secret", newSecret+"|"+hookSecret)
	write("token", "a-new-token-of-the-account")
	write("texts/en.txt", "New {{ .Code }}")
	require.Contains(t, hangUp(), `"restart_needed":false`)
	require.Contains(t, twilio.Next().String(), "GET ", "new credentials are tried")
	require.Equal(t, "a-new-to New", call(hookSecret))
	require.Equal(t, "a-new-to New", call(newSecret))

	write("secret", "v1,whsec_misplaced")
	write("texts/en.txt", "no code")
	line := hangUp()
	require.Contains(t, line, "not reloaded: the old settings stay")
	require.Contains(t, line, "SMSHOOK_SECRETS: ")
	require.Contains(t, line, "en.txt")
	require.NotContains(t, line, "misplaced")
	require.Equal(t, "a-new-to New", call(newSecret))

	write("secret", newSecret)
	write("texts/en.txt", "New {{ .Code }}")
	write("countries", "DE")
	require.Contains(t, hangUp(), `"restart_needed":true`)
	require.Equal(t, "a-new-to New", call(hookSecret), "a signature is valid for five minutes")
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	require.NoError(t, command.Wait())
}
