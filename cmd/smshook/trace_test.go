package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

func TestCheckTracesANumber(t *testing.T) {
	twilio := providertest.NewFake(t)
	env := serveEnv(twilio.URL, "SMSHOOK_PROVIDERS=twilio,british=twilio", "SMSHOOK_ROUTES=GB: british", "SMSHOOK_BLOCKED_COUNTRIES=IN",
		"SMSHOOK_BLOCKED_TYPES=premium_rate", "SMSHOOK_LIMIT_IP=100/1h",
		"BRITISH_ACCOUNT_SID=AC00000000000000000000000000000001", "BRITISH_AUTH_TOKEN="+authToken, "BRITISH_FROM=Acme")
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"-phone +447400123456 -ip 203.0.113.7", exitOK, `number    +4474*****456, calling code +44, country GB, type mobile
verdict   allowed
route     british
`},
		{"-phone 15555550100 -ip 10.0.0.1", exitOK, `number    +1555****100, calling code +1, country unknown, type unknown
ip        not a public address: LIMIT_IP doesn't count it
verdict   allowed
route     twilio, british
`},
		{"-phone +919876543210 -ip 203.0.113.7", exitFail, `number    +9198*****210, calling code +91, country IN, type mobile
verdict   refused by blocked_countries
answer    422 "This number cannot receive codes."
`},
		{"-phone +449098790000 -ip 203.0.113.7", exitFail, `number    +4490*****000, calling code +44, country GB, type premium_rate
verdict   refused by blocked_types
answer    422 "This number cannot receive codes."
`},
		{"-phone 07400123456", exitFail, `verdict   refused: the number starts with 0: it is not in international form
answer    422 "This number cannot receive codes."
`},
	} {
		r := smshook(t, "", env, append([]string{"check"}, strings.Fields(tt.args)...)...)
		require.Equal(t, result{code: tt.code, stdout: tt.want}, r, tt.args)
	}
	for args, want := range map[string]string{
		"-phone +447400123456 -ip home": "smshook check: -ip: want an IP address such as 203.0.113.7\n",
		"-ip 203.0.113.7":               "smshook check: -ip: want a -phone too\n",
	} {
		require.Equal(t, result{code: exitUsage, stderr: want}, smshook(t, "", env, append([]string{"check"}, strings.Fields(args)...)...))
	}
	require.Empty(t, twilio.Requests(), "no request is made")
}

// For a number that is refused, check prints the answer that serve gives to Auth.
func TestCheckPrintsTheAnswerOfServe(t *testing.T) {
	twilio := providertest.NewFake(t)
	env := serveEnv(twilio.URL, "SMSHOOK_BLOCKED_COUNTRIES=IN", "SMSHOOK_TEXT_JUST_SENT=just sent", "SMSHOOK_TEXT_TOO_MANY=too many",
		"SMSHOOK_TEXT_NUMBER=bad number", "SMSHOOK_TEXT_FAILED=failed")
	p := starting(t, []string{"serve"}, env...)
	for _, number := range []string{"919876543210", "07400123456"} {
		body := fmt.Appendf(nil, `{"metadata":{"uuid":"%s"},"user":{"id":"a"},"sms":{"otp":"028687","phone":"%s"}}`, providers.NewUUID(), number)
		seen, err := auth(t, hookSecret).Call(t.Context(), p.url, body)
		require.NoError(t, err)
		printed := smshook(t, "", env, "check", "-phone", number)
		_, answer, _ := strings.Cut(printed.stdout, "\nanswer    ")
		require.Equal(t, fmt.Sprintf("%d %q\n", seen.Status, seen.Message), answer, printed.stderr)
		require.Equal(t, "422 \"bad number\"\n", answer)
	}
	require.Empty(t, twilio.Requests(), "nothing is sent")
}

// Each rule refuses what its setting says, in the whole program.
func TestPolicySettingsTakeEffect(t *testing.T) {
	const number, neighbour, other = "447400120001", "447400120002", "447400990001"
	type test struct {
		settings      []string
		first, second string
		user          string // who makes the second request; a makes the first
		want          string
	}
	tests := []test{
		{nil, number, neighbour, "b", "sees a success"},
		{nil, number, number, "a", "sees a success"},
		{[]string{"SMSHOOK_LIMIT_TOTAL=1/1h", "SMSHOOK_POLICY=observe"}, number, other, "b", "sees a success"},
		{[]string{"SMSHOOK_COUNTRIES=GB"}, number, "919876543210", "b", "sees 422 no number"},
		{[]string{"SMSHOOK_BLOCKED_COUNTRIES=IN", "SMSHOOK_POLICY=observe"}, number, "919876543210", "b", "sees 422 no number"},
		{[]string{"SMSHOOK_BLOCKED_PREFIXES=4474009"}, number, other, "b", "sees 422 no number"},
		{[]string{"SMSHOOK_BLOCKED_TYPES=premium_rate"}, number, "449098790000", "b", "sees 422 no number"},
		{[]string{"SMSHOOK_PHONE_CHECK=valid"}, number, "447700900123", "b", "sees 422 no number"},
	}
	for _, l := range (policy.Limits{}).List() { // each counts two messages of one account to one number
		tests = append(tests, test{[]string{"SMSHOOK_" + strings.ToUpper(l.Rule.String()) + "=1/1h"}, number, number, "a", "sees 429 later"})
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.settings, " "), func(t *testing.T) {
			t.Parallel()
			twilio := providertest.NewFake(t)
			p := starting(t, []string{"serve"}, serveEnv(twilio.URL, append(tt.settings, "SMSHOOK_TEXT_TOO_MANY=later", "SMSHOOK_TEXT_JUST_SENT=later", "SMSHOOK_TEXT_NUMBER=no number")...)...)
			caller := auth(t, hookSecret)
			call := func(user, phone string) string {
				twilio.Answer(providertest.Answer{Status: 201, Body: accepted})
				body := fmt.Appendf(nil, `{"metadata":{"uuid":"%s","ip_address":"203.0.113.7"},"user":{"id":"%s","confirmation_sent_at":"%s"},"sms":{"otp":"028687","phone":"%s"}}`,
					providers.NewUUID(), user, time.Now().Format(time.RFC3339Nano), phone) // without the time, no second code is sent to one user
				seen, err := caller.Call(t.Context(), p.url, body)
				require.NoError(t, err)
				return userLine(seen)
			}
			require.Equal(t, "sees a success", call("a", tt.first))
			require.Equal(t, tt.want, call(tt.user, tt.second))
		})
	}
}

// Developers often ask for many codes to one number.
func TestDevOnlyObserves(t *testing.T) {
	t.Chdir(t.TempDir())
	p := starting(t, []string{"dev"}, "SMSHOOK_ADDR=127.0.0.1:0", "SMSHOOK_SECRETS="+hookSecret, "SMSHOOK_LOG_FORMAT=json")
	caller := auth(t, hookSecret)
	for range 7 {
		body := fmt.Appendf(nil, `{"metadata":{"uuid":"%s"},"user":{"id":"%s"},"sms":{"otp":"028687","phone":"447400123456"}}`, providers.NewUUID(), providers.NewUUID())
		seen, err := caller.Call(t.Context(), p.url, body)
		require.NoError(t, err)
		require.Equal(t, "sees a success", userLine(seen))
	}
	p.stop() // then the log is complete
	require.Contains(t, p.stderr.String(), "not refused by limit_phone (5/10m) since the policy only observes")
}
