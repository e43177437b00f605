package main

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

// Records of a user and of a number are erased while serve runs, and a restart knows nothing of them.
func TestEraseMessages(t *testing.T) {
	t.Parallel()
	twilio := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	store := "SMSHOOK_STORE=sqlite:" + filepath.Join(t.TempDir(), "smshook.db")
	addr := freeAddr(t)
	env := serveEnv(twilio.URL, "SMSHOOK_ADDR="+addr, store, "SMSHOOK_LIMIT_PHONE=1/1h")
	caller := auth(t, hookSecret)
	const user, another = "6a0ed0a4-4d2b-4f3e-9a0d-7d3f8f0d1c11", "6a0ed0a4-4d2b-4f3e-9a0d-7d3f8f0d1c12"
	call := func(user, phone string) string {
		body := fmt.Appendf(nil, `{"metadata":{"uuid":"%s"},"user":{"id":"%s"},"sms":{"otp":"028687","phone":"%s"}}`, providers.NewUUID(), user, phone)
		seen, err := caller.Call(t.Context(), "http://"+addr+server.HookPath, body)
		require.NoError(t, err)
		return userLine(seen)
	}
	first := startProcess(t, env...)
	require.Equal(t, "sees a success", call(user, "15555550100"))
	require.Equal(t, "sees a success", call(another, "15555550101"))
	erase := func(who string) result { return smshook(t, "", []string{store}, "messages", "-erase", who) }
	require.Equal(t, result{exitOK, "1 messages are erased.\n", ""}, erase("6A0ED0A4-4d2b-4f3e-9a0d-7d3f8f0d1c11"))
	require.Equal(t, result{exitOK, "1 messages are erased.\n", ""}, erase("+1 555 555-0101"))
	require.Equal(t, result{exitOK, "0 messages are erased.\n", ""}, erase("+15555550101"))
	require.NoError(t, first.command.Process.Kill())
	_ = first.command.Wait() // it was killed
	startProcess(t, env...)
	require.Equal(t, "sees a success", call(another, "15555550101"), "its limit was erased too")
	require.Equal(t, "sees 429 Too many attempts. Please try again later.", call(another, "15555550100"), "the user was erased, and not the number")
}

func TestEraseRefuses(t *testing.T) {
	missing := "SMSHOOK_STORE=sqlite:" + filepath.Join(t.TempDir(), "smshook.db")
	const want = "-erase: want the id of a user, such as 6a0ed0a4-4d2b-4f3e-9a0d-7d3f8f0d1c11, or a number such as +447700900123"
	for _, tt := range []struct{ store, who, want string }{
		{missing, "447700900123", want},
		{missing, "", want},
		{missing, "+44", "the number has 2 digits, too few for a number with its calling code"},
		{missing, "+447700900123", "SMSHOOK_STORE: there is no file yet; serve makes it"},
		{"SMSHOOK_STORE=memory", "+447700900123", "SMSHOOK_STORE: is memory: it is in the process that serves, and forgets all at its end"},
		{"SMSHOOK_STORE=redis://x", "+447700900123", "SMSHOOK_STORE: want memory, sqlite:/data/smshook.db or postgres://…"},
	} {
		r := smshook(t, "", []string{tt.store}, "messages", "-erase", tt.who)
		require.Equal(t, result{exitFail, "", "smshook messages: " + tt.want + "\n"}, r)
	}
	r := smshook(t, "", []string{"SMSHOOK_STORE=postgres://smshook:s3cret@127.0.0.1:1/x"}, "messages", "-erase", "+447700900123")
	require.Equal(t, exitFail, r.code)
	require.Regexp(t, "^smshook messages: SMSHOOK_STORE: .*connection refused", r.stderr)
	require.NotContains(t, r.stderr, "s3cret")
}
