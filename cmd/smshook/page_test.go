package main

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/providers/providertest"
)

func fetched(t *testing.T, client *http.Client, r *http.Request) (status int, body string) {
	answer, err := client.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text)
}

func get(t *testing.T, url string) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	return r
}

func post(t *testing.T, address string, form url.Values) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// What the whole program sends is on the page, and of what is secret nothing.
func TestPage(t *testing.T) {
	twilio := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	admin := freeAddr(t)
	server := starting(t, []string{"serve"}, serveEnv(twilio.URL, "SMSHOOK_ADMIN_ADDR="+admin, "SMSHOOK_POLICY=observe")...)
	caller := auth(t, hookSecret)
	seen, err := caller.Call(t.Context(), server.url, hook.Example())
	require.NoError(t, err)
	require.True(t, seen.OK())

	all := ""
	for path, want := range map[string]string{
		"/": "Nothing needs you", "/messages": "+1555****100", "/delivery": "twilio", "/protection": "Nothing was refused",
		"/texts": "Your code is 123456", "/setup": "SMSHOOK_PROVIDERS",
	} {
		status, body := fetched(t, http.DefaultClient, get(t, "http://"+admin+path))
		require.Equal(t, http.StatusOK, status, path)
		require.Contains(t, body, want, path)
		all += body
	}
	_, body := fetched(t, http.DefaultClient, post(t, "http://"+admin+"/search", url.Values{"q": {"+1 (555) 555-0100"}}))
	require.Contains(t, body, "+1555****100")
	all += body
	_, body = fetched(t, http.DefaultClient, post(t, "http://"+admin+"/search", url.Values{"q": {"SM00000000000000000000000000000001"}}))
	require.Contains(t, body, "twilio accepted it", "found by the provider's ID")
	all += body
	for _, secret := range []string{"5550100", hookSecret, authToken} {
		require.NotContains(t, all, secret)
	}
	for _, probe := range []string{"/metrics", "/readyz", "/healthz"} {
		status, _ := fetched(t, http.DefaultClient, get(t, "http://"+admin+probe))
		require.Equal(t, http.StatusOK, status, probe)
	}

	// A test message is what a call of Auth would be.
	_, body = fetched(t, http.DefaultClient, post(t, "http://"+admin+"/setup/draft", url.Values{"number": {"+44 7700 900123"}}))
	require.Contains(t, body, "Your code is 123456")
	twilio.Requests()
	_, body = fetched(t, http.DefaultClient, post(t, "http://"+admin+"/setup/send", url.Values{"number": {"+447700900123"}, "sure": {"yes"}}))
	require.Contains(t, body, "accepted as SM00000000000000000000000000000001")
	require.Len(t, twilio.Requests(), 1)
	require.NotContains(t, server.stderr.String(), "5550100")
}

// Where others can reach the address, there is no page without a password. Probes and metrics are as before.
func TestPageForOthers(t *testing.T) {
	twilio := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	admin := freeAddr(t)
	_, port, err := net.SplitHostPort(admin)
	require.NoError(t, err)
	base := "http://127.0.0.1:" + port
	p := starting(t, []string{"serve"}, serveEnv(twilio.URL, "SMSHOOK_ADMIN_ADDR=:"+port)...)
	status, body := fetched(t, http.DefaultClient, get(t, base+"/"))
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, body, "no such path; there are /healthz, /readyz and /metrics")
	status, _ = fetched(t, http.DefaultClient, get(t, base+"/metrics"))
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, p.stderr.String(), "the operator's page is off")
	require.Equal(t, exitOK, p.stop())

	starting(t, []string{"serve"}, serveEnv(twilio.URL, "SMSHOOK_ADMIN_ADDR=:"+port, "SMSHOOK_ADMIN_PASSWORD=a long password", "SMSHOOK_METRICS_TOKEN=a long token")...)
	status, body = fetched(t, http.DefaultClient, get(t, base+"/messages"))
	require.Equal(t, http.StatusUnauthorized, status)
	require.Contains(t, body, "Password of the operator")
	status, _ = fetched(t, http.DefaultClient, get(t, base+"/metrics"))
	require.Equal(t, http.StatusUnauthorized, status)
	asking := get(t, base+"/metrics")
	asking.Header.Set("Authorization", "Bearer a long token")
	status, _ = fetched(t, http.DefaultClient, asking)
	require.Equal(t, http.StatusOK, status)
}
