package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

// With a file, a restart forgets nothing: a call that Auth repeats is sent once, limits hold, and a message that was lost is sent
// again.
func TestAFileIsRememberedOverARestart(t *testing.T) {
	for _, how := range []string{"SIGTERM", "kill -9"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			twilio := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
			second := providertest.NewFake(t, providertest.Answer{Status: 201, Body: strings.Replace(accepted, "01\"", "02\"", 1)})
			addr, path := freeAddr(t), filepath.Join(t.TempDir(), "smshook.db")
			env := append(serveEnv(twilio.URL, "SMSHOOK_ADDR="+addr, "SMSHOOK_STORE=sqlite:"+path, "SMSHOOK_LIMIT_PHONE=2/1h", "SMSHOOK_CODE_LIFE=5m",
				"SMSHOOK_PROVIDERS=twilio,second=twilio", "SMSHOOK_PUBLIC_URL="+publicURL, "SMSHOOK_RECEIPT_SECRET=0123456789-0123456789-01"),
				"SECOND_ACCOUNT_SID=AC00000000000000000000000000000001", "SECOND_AUTH_TOKEN="+authToken, "SECOND_FROM=+15005550006", "SECOND_BASE_URL="+second.URL)
			caller := auth(t, hookSecret)
			call := func(id, user string) string {
				body := fmt.Appendf(nil, `{"metadata":{"uuid":"%s"},"user":{"id":"%s"},"sms":{"otp":"028687","phone":"15555550100"}}`, id, user)
				seen, err := caller.Call(t.Context(), "http://"+addr+server.HookPath, body)
				require.NoError(t, err)
				return userLine(seen)
			}
			one, two := providers.NewUUID(), providers.NewUUID()
			first := startProcess(t, env...)
			require.Equal(t, "sees a success", call(one, "a"))
			require.Equal(t, "sees a success", call(two, "b"))
			sent := twilio.Requests()
			require.Len(t, sent, 2)
			form, err := url.ParseQuery(sent[0].Body)
			require.NoError(t, err)
			callback, err := url.Parse(form.Get("StatusCallback"))
			require.NoError(t, err)
			if how == "SIGTERM" {
				first.stop(t)
			} else {
				require.NoError(t, first.command.Process.Kill())
				_ = first.command.Wait() // it was killed
			}

			startProcess(t, env...)
			require.Equal(t, "sees a success", call(one, "a"))
			require.Empty(t, twilio.Requests(), "it is a repeat")
			require.Equal(t, "sees 429 Too many attempts. Please try again later.", call(providers.NewUUID(), "c"))
			require.Empty(t, twilio.Requests(), "the limit holds")

			receipt := new(soak).receipt("http://"+addr, callback.RequestURI(), "SM00000000000000000000000000000001", "undelivered", callback.String())
			response, err := caller.HTTP.Do(receipt)
			require.NoError(t, err)
			response.Body.Close()
			require.Equal(t, http.StatusOK, response.StatusCode)
			var again []providertest.Request
			require.Eventually(t, func() bool { again = append(again, second.Requests()...); return len(again) == 1 }, 10*time.Second, 10*time.Millisecond)
			require.Contains(t, again[0].Body, "028687", "the code of before the restart")
		})
	}
}

// A store that can't be opened is told with what to do about it, by serve and by check.
func TestAStoreThatCantBeOpened(t *testing.T) {
	folder := t.TempDir()
	foreign := filepath.Join(folder, "foreign.db")
	require.NoError(t, os.WriteFile(foreign, []byte(strings.Repeat("not a database ", 100)), 0o600))
	for store, want := range map[string]string{
		"sqlite:" + foreign:                        "SMSHOOK_STORE: the file is not one of smshook's; nothing in it was changed: name another file, or none that exists",
		"sqlite:" + folder + "/missing/smshook.db": "SMSHOOK_STORE: the folder of the file doesn't exist, or smshook may not write to it: mount a volume there that its user (65532 in the image) may write to",
	} {
		env := serveEnv("http://127.0.0.1:1", "SMSHOOK_STORE="+store)
		r := smshook(t, "", env, "serve")
		require.Equal(t, exitFail, r.code)
		require.Equal(t, "smshook serve: "+want+"\n", r.stderr)
		require.Contains(t, smshook(t, "", env, "check").stdout, "store     "+want+"\n")
	}
	r := smshook(t, "", serveEnv("http://127.0.0.1:1", "SMSHOOK_STORE=sqlite:"+folder+"/smshook.db"), "check")
	require.Contains(t, r.stdout, "store     sqlite: there is no file yet; serve makes it\n")
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, left, 1, "check makes no file")
}

// A database that can't be reached keeps serve from nothing: messages are sent, and the log and the metrics say why it is missing.
func TestServeWithoutItsDatabase(t *testing.T) {
	t.Parallel()
	twilio := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	addr, admin := freeAddr(t), freeAddr(t)
	env := serveEnv(twilio.URL, "SMSHOOK_ADDR="+addr, "SMSHOOK_ADMIN_ADDR="+admin, "SMSHOOK_STORE=postgres://smshook:s3cret@127.0.0.1:1/x")
	r := smshook(t, "", env, "check")
	require.Equal(t, exitFail, r.code)
	require.Regexp(t, `(?s)store     SMSHOOK_STORE: .*connection refused`, r.stdout)
	require.NotContains(t, r.stdout, "s3cret")

	startProcess(t, env...)
	caller := auth(t, hookSecret)
	body := fmt.Appendf(nil, `{"metadata":{"uuid":"%s"},"user":{"id":"a"},"sms":{"otp":"028687","phone":"15555550100"}}`, providers.NewUUID())
	seen, err := caller.Call(t.Context(), "http://"+addr+server.HookPath, body)
	require.NoError(t, err)
	require.Equal(t, "sees a success", userLine(seen))
	response, err := caller.HTTP.Get("http://" + admin + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	metrics, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	for _, line := range []string{"smshook_store_away 1", "smshook_store_written_afterwards_total 0", "smshook_store_dropped_total 0"} {
		require.Contains(t, string(metrics), "\n"+line+"\n")
	}
	require.Regexp(t, `(?m)^smshook_store_missed_total [1-9]`, string(metrics))
}
