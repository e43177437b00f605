package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

// Each setting takes effect in the whole program.
func TestSettingsTakeEffect(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	admin := listener.Addr().String()
	require.NoError(t, listener.Close())
	twilio, british := providertest.NewFake(t), providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	p := starting(t, []string{"serve"}, serveEnv(twilio.URL,
		"SMSHOOK_ADMIN_ADDR="+admin,
		"SMSHOOK_PROVIDERS=twilio,british=twilio",
		"SMSHOOK_ROUTES=GB: british; +33: twilio, british; *: twilio",
		"SMSHOOK_MESSAGE={{ .Code }} – {{ .App }}", "SMSHOOK_APP=Acme",
		"SMSHOOK_CODE_LIFE=45s", "SMSHOOK_UNKNOWN=fail", "SMSHOOK_RESEND_WINDOW=1h",
		"SMSHOOK_TEXT_NUMBER=no number", "SMSHOOK_TEXT_FAILED=no luck",
		"TWILIO_CODES=21211=account, 39999=recipient",
		"BRITISH_ACCOUNT_SID=AC00000000000000000000000000000001", "BRITISH_AUTH_TOKEN="+authToken,
		"BRITISH_MESSAGING_SERVICE_SID=MG00000000000000000000000000000000", "BRITISH_BASE_URL="+british.URL,
	)...)
	caller := auth(t, hookSecret)
	call := func(phone, smsType string) string {
		body := fmt.Appendf(nil, `{"metadata":{"uuid":"%s"},"user":{"id":"%s"},"sms":{"otp":"028687","phone":"%s","sms_type":"%s"}}`,
			providers.NewUUID(), providers.NewUUID(), phone, smsType)
		seen, err := caller.Call(t.Context(), p.url, body)
		require.NoError(t, err)
		return userLine(seen)
	}
	asked := func(fake *providertest.Fake) string {
		requests := fake.Requests()
		require.Len(t, requests, 1)
		_, form, _ := strings.Cut(requests[0].String(), "\n\n")
		return form
	}

	twilio.Answer(providertest.Answer{Status: 201, Body: accepted})
	require.Equal(t, "sees a success", call("15555550100", ""))
	require.Equal(t, "Body=028687 – Acme\nFrom=+15005550006\nTo=+15555550100\nValidityPeriod=45\n", asked(twilio))
	require.Equal(t, "sees a success", call("15555550100", "mfa"))
	require.Equal(t, "Body=028687 – Acme\nFrom=+15005550006\nTo=+15555550100\n", asked(twilio), "a second factor is valid for longer")
	require.Equal(t, "sees a success", call("447400123456", ""))
	require.Equal(t, "Body=028687 – Acme\nMessagingServiceSid=MG00000000000000000000000000000000\nTo=+447400123456\nValidityPeriod=45\n", asked(british))

	// A user who asks again, and has not signed in since, gets the code through the next instance. The route for +33 has two.
	again := func() string {
		body := fmt.Appendf(nil, `{"metadata":{"uuid":"%s"},"user":{"id":"a-user","confirmation_sent_at":"%s"},"sms":{"otp":"028687","phone":"33612345678"}}`,
			providers.NewUUID(), time.Now().Format(time.RFC3339Nano))
		seen, err := caller.Call(t.Context(), p.url, body)
		require.NoError(t, err)
		require.Equal(t, "sees a success", userLine(seen))
		return fmt.Sprint(len(twilio.Requests()), len(british.Requests()))
	}
	require.Equal(t, []string{"1 0", "0 1", "1 0"}, []string{again(), again(), again()})

	twilio.Answer(providertest.Answer{Status: 400, Body: `{"code":21211}`})
	require.Equal(t, "sees 422 no luck", call("15555550100", ""))
	twilio.Answer(providertest.Answer{Status: 400, Body: `{"code":39999}`})
	require.Equal(t, "sees 422 no number", call("15555550100", ""))
	twilio.Answer(providertest.Answer{Status: 201, Body: "<html>"})
	require.Equal(t, "sees 422 no luck", call("15555550100", ""))

	response, err := http.Get("http://" + admin + "/readyz")
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, `{"draining":false,"instances":[{"name":"twilio","state":"closed"},{"name":"british","state":"closed"}]}`, string(body))
	http.DefaultClient.CloseIdleConnections()
}

// A load balancer sees that the program is about to go before it goes, and calls that still come are answered.
func TestReadyzSaysNoBeforeTheEnd(t *testing.T) {
	twilio := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	p := lingering(t, linger, []string{"serve"}, serveEnv(twilio.URL)...)
	ready := strings.TrimSuffix(p.url, "/hooks/send-sms") + "/readyz"
	get := func() string {
		response, err := http.Get(ready)
		require.NoError(t, err)
		defer response.Body.Close()
		io.Copy(io.Discard, response.Body)
		return fmt.Sprint(response.StatusCode, " ", response.Close)
	}
	require.Equal(t, "200 false", get())
	ended := make(chan int, 1)
	go func() { ended <- p.stop() }()
	require.Eventually(t, func() bool { return get() == "503 true" }, linger, linger/100)
	body, err := os.ReadFile(filepath.Join(calls, "otp-new-user.json"))
	require.NoError(t, err)
	seen, err := auth(t, hookSecret).Call(t.Context(), p.url, body)
	require.NoError(t, err)
	require.True(t, seen.OK())
	require.Equal(t, exitOK, <-ended)
	http.DefaultClient.CloseIdleConnections()
}
