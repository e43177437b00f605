package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/web"
)

// The page sends each kind of call, and a test reads the message as JSON.
func TestInbox(t *testing.T) {
	t.Chdir(t.TempDir())
	dev := starting(t, []string{"dev", "-inbox", "127.0.0.1:0"}, "SMSHOOK_ADDR=127.0.0.1:0", "SMSHOOK_SECRETS="+hookSecret, "SMSHOOK_APP=Acme", "SMSHOOK_LOG_FORMAT=json")
	address := regexp.MustCompile(`The inbox is at (http://\S+)/\n`).FindStringSubmatch(dev.stdout.String())[1]
	request := func(method, path string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, address+path, nil)
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, string(body)
	}
	messages := func(query string) (list []web.InboxMessage) {
		status, body := request(http.MethodGet, "/messages?"+query)
		require.Equal(t, http.StatusOK, status, body)
		require.NoError(t, json.Unmarshal([]byte(body), &list))
		return list
	}
	require.Empty(t, messages(""))
	start := time.Now().Add(-time.Millisecond)
	type shown struct{ To, Kind, Fixture, Result string }
	var want []shown
	for _, c := range []shown{
		{"+15555219508", "sign-in", "otp-existing-user", "accepted"},
		{"+15555219510", "sign-up", "signup-phone-password", "accepted"},
		{"+15555219512", "phone change", "phone-change", "accepted"},
		{"+15555219512", "reauthentication", "reauthenticate", "accepted"},
		{"+15555219514", "second factor", "mfa-challenge", "accepted"},
	} {
		status, body := request(http.MethodPost, "/calls/"+c.Fixture)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, c.Kind+": 200 {}, the user sees a success", strings.TrimSpace(body))
		want = append([]shown{c}, want...)
	}
	var got []shown
	for _, m := range messages("since=" + url.QueryEscape(start.UTC().Format(time.RFC3339Nano))) {
		require.Regexp(t, `^[0-9]{6}$`, m.Code)
		require.Equal(t, "Your Acme code is "+m.Code, m.Text)
		require.Equal(t, []any{1, "GSM-7"}, []any{m.Segments, m.Encoding})
		got = append(got, shown{m.To, m.Kind, m.Fixture, m.Result})
	}
	require.Equal(t, want, got)

	status, _ := request(http.MethodDelete, "/messages")
	require.Equal(t, http.StatusNoContent, status)
	require.Empty(t, messages(""))

	// A test that waits gets the message of a call that comes later. The plus may be one of a form.
	go func() {
		_, _ = auth(t, hookSecret).Call(t.Context(), dev.url, hook.Example())
	}()
	found := messages("to=+15555550100&wait=30s")
	require.Len(t, found, 1)
	require.Equal(t, []string{"+15555550100", "123456", "otp", ""}, []string{found[0].To, found[0].Code, found[0].Kind, found[0].Fixture})
	require.Empty(t, messages("to=15555550101&wait=1ms"))

	for path, problem := range map[string]string{
		"/messages?wait=1h":    "wait: want a duration from 0s to 1m, such as 10s\n",
		"/messages?since=now":  "since: want a time such as 2026-01-31T12:00:00Z\n",
		"/messages?to=alice":   "to: want a number such as +15555550100\n",
		"/messages?number=+44": "there are only to, since and wait\n",
	} {
		status, body := request(http.MethodGet, path)
		require.Equal(t, []any{http.StatusBadRequest, problem}, []any{status, body})
	}
}

func TestInboxAddressInUse(t *testing.T) {
	dev := smshook(t, "", []string{"SMSHOOK_ADDR=127.0.0.1:0", "SMSHOOK_SECRETS=" + hookSecret}, "dev", "-inbox", "203.0.113.1:1")
	require.Equal(t, exitFail, dev.code)
	require.Equal(t, "smshook dev: -inbox: can't listen there; want a free address such as 127.0.0.1:8026\n", dev.stderr)
}
