package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

const calling = `{"sid":"CA00000000000000000000000000000001","status":"queued"}`

// An SMS fails in each way there is, and a call follows. It waits for an SMS that is only slow.
func TestFaultsBeforeACall(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				phone := providertest.NewPipeFake(t, providertest.Answer{Status: 201, Body: calling, Delay: normalDelay})
				s := newStageWith(t, race.AcceptUnknown, []string{"B_CHANNEL=voice"}, f.fake(t), phone)
				seen := s.call(t, 1)
				require.Equal(t, ok, userLine(seen))
				requests := phone.Requests()
				require.Len(t, requests, 1)
				require.Contains(t, requests[0].String(), "/Calls.json")
				start := time.Duration(0)
				if f.silent {
					start = 2500 * time.Millisecond
				}
				require.Equal(t, start+normalDelay, seen.Took)
			})
		})
	}
}

// A hedged SMS would start after 1.5 s at the latest, and after 0.3 s once the instance is known to be quick. No phone rings for that.
func TestNoCallForASlowSMS(t *testing.T) {
	for _, known := range []int{0, 60} {
		for _, takes := range []time.Duration{400 * time.Millisecond, 1600 * time.Millisecond, 2400 * time.Millisecond} {
			t.Run(fmt.Sprintf("%v after %d messages", takes, known), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					sms := providertest.NewPipeFake(t, providertest.Answer{Status: 201, Body: accepted, Delay: 50 * time.Millisecond})
					phone := providertest.NewPipeFake(t, providertest.Answer{Status: 201, Body: calling})
					s := newStageWith(t, race.AcceptUnknown, []string{"B_CHANNEL=voice"}, sms, phone)
					for n := range known {
						s.call(t, n)
					}
					sms.Answer(providertest.Answer{Status: 201, Body: accepted, Delay: takes})
					seen := s.call(t, known)
					require.Equal(t, ok, userLine(seen))
					require.Equal(t, takes, seen.Took)
					require.Empty(t, phone.Requests())
				})
			})
		}
	}
}

// twilioReport sends a receipt in the form of Twilio, for the address that a request to Twilio had, and returns the status of the answer.
func twilioReport(t *testing.T, p *program, request providertest.Request, fields url.Values) int {
	t.Helper()
	sent, err := url.ParseQuery(request.Body)
	require.NoError(t, err)
	address, err := url.Parse(sent.Get("StatusCallback"))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(signedByTwilio(p.url, address.RequestURI(), address.String(), fields))
	require.NoError(t, err)
	response.Body.Close()
	return response.StatusCode
}

// The ways to the user: two SMS instances, and a call as the last.
func TestSMSThenACall(t *testing.T) {
	first := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	second := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	phone := providertest.NewFake(t, providertest.Answer{Status: 201, Body: calling})
	account := func(name, base string) []string {
		return []string{name + "_ACCOUNT_SID=AC00000000000000000000000000000000", name + "_AUTH_TOKEN=" + authToken, name + "_FROM=+15005550006", name + "_BASE_URL=" + base}
	}
	env := serveEnv(first.URL, "SMSHOOK_PROVIDERS=voice=twilio,twilio,second=twilio", "SMSHOOK_ROUTES=*: twilio, second, voice",
		"SMSHOOK_PUBLIC_URL="+publicURL, "SMSHOOK_RECEIPT_SECRET="+hookSecret, "SMSHOOK_CODE_LIFE=5m", "VOICE_CHANNEL=voice", "SMSHOOK_POLICY=observe")
	env = append(append(env, account("SECOND", second.URL)...), account("VOICE", phone.URL)...)
	p := starting(t, []string{"serve"}, env...)
	undelivered := url.Values{"MessageSid": {"SM00000000000000000000000000000001"}, "MessageStatus": {"undelivered"}, "ErrorCode": {"30008"}}
	completed := url.Values{"CallSid": {"CA00000000000000000000000000000001"}, "CallStatus": {"completed"}}
	ask := func(user int, code string) { // Auth had stored the code before
		t.Helper()
		body := fmt.Appendf(nil, `{"metadata":{"uuid":"%[1]s","time":"%[2]s"},"user":{"id":"user-%[3]d","confirmation_sent_at":"%[2]s"},"sms":{"otp":"%[4]s","phone":"1555555%04[3]d"}}`,
			providers.NewUUID(), time.Now().Format(time.RFC3339Nano), user, code)
		seen, err := auth(t, hookSecret).Call(t.Context(), p.url, body)
		require.NoError(t, err)
		require.Equal(t, ok, userLine(seen))
	}

	t.Run("receipts", func(t *testing.T) {
		ask(1, "577765")
		require.Equal(t, 200, twilioReport(t, p, first.Next(), undelivered))
		require.Equal(t, 200, twilioReport(t, p, second.Next(), undelivered))
		call := phone.Next()
		require.Contains(t, call.String(), "/Calls.json")
		require.Contains(t, call.String(), "5, 7, 7, 7, 6, 5")
		require.NotContains(t, call.Target, "577765")
		for range 3 {
			require.Equal(t, 200, twilioReport(t, p, call, completed))
		}
	})
	t.Run("the user asks again", func(t *testing.T) {
		ask(2, "100001")
		first.Next()
		ask(2, "100002")
		second.Next()
		ask(2, "100003")
		require.Contains(t, phone.Next().String(), "1, 0, 0, 0, 0, 3")
	})
	p.stop()
	require.Len(t, first.Requests(), 2)
	require.Len(t, second.Requests(), 2)
	require.Len(t, phone.Requests(), 2)
	log := p.stderr.String()
	require.Equal(t, 1, strings.Count(log, `"state":"sent"`), log)
	require.NotContains(t, log, `"state":"delivered"`, "a voicemail may have answered")
	for _, secret := range []string{"577765", "5, 7, 7, 7, 6, 5", "100003", "1, 0, 0, 0, 0, 3"} {
		require.NotContains(t, log, secret)
	}
}
