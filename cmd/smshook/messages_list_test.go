package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

// Messages are listed while serve runs.
func TestListMessages(t *testing.T) {
	t.Parallel()
	twilio := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	store := "SMSHOOK_STORE=sqlite:" + filepath.Join(t.TempDir(), "smshook.db")
	addr := freeAddr(t)
	caller := auth(t, hookSecret)
	const user = "6a0ed0a4-4d2b-4f3e-9a0d-7d3f8f0d1c11"
	call := func(phone, more string) (id string) {
		id = providers.NewUUID()
		body := fmt.Appendf(nil, `{"metadata":{"uuid":"%s","time":"%s"},"user":{"id":"%s","phone":"%s"%s},"sms":{"otp":"028687","phone":"%[4]s"}}`,
			id, time.Now().UTC().Format(time.RFC3339Nano), user, phone, more)
		_, err := caller.Call(t.Context(), "http://"+addr+server.HookPath, body)
		require.NoError(t, err)
		return id
	}
	startProcess(t, serveEnv(twilio.URL, "SMSHOOK_ADDR="+addr, store, "SMSHOOK_LIMIT_USER=1/1h", "SMSHOOK_BLOCKED_COUNTRIES=KZ")...)
	sent := time.Now().UTC()
	first := call("447400123456", "")
	second := call("447400123456", fmt.Sprintf(`,"phone_confirmed_at":"%s","confirmation_sent_at":"%s","last_sign_in_at":"x"`,
		time.Now().UTC().Add(time.Second).Format(time.RFC3339Nano), sent.Format(time.RFC3339Nano)))
	third := call("77011234567", "")
	list := func(args ...string) string {
		r := smshook(t, "", []string{store}, append([]string{"messages"}, args...)...)
		require.Equal(t, exitOK, r.code, r.stderr)
		return r.stdout
	}
	require.Eventually(t, func() bool { return strings.Contains(list(first), "code      used") }, 10*time.Second, 100*time.Millisecond)
	// What is not the same each time is left out.
	shape := func(text string) string {
		for id, name := range map[string]string{first: "FIRST", second: "SECOND", third: "THIRD"} {
			text = strings.ReplaceAll(text, id, name)
		}
		text = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?`).ReplaceAllString(text, "TIME")
		text = regexp.MustCompile(`[+-]\d+\.\d+s`).ReplaceAllString(text, "AFTER")
		return regexp.MustCompile(` +`).ReplaceAllString(text, " ")
	}
	require.Equal(t, `RECEIVED (UTC) STATE CODE NUMBER COUNTRY INSTANCE KIND ID
TIME refused blocked_countries - +7701****567 KZ - otp THIRD
TIME refused limit_user - +4474*****456 GB - - SECOND
TIME accepted used +4474*****456 GB twilio otp FIRST
`, shape(list()))
	require.Equal(t, `message FIRST
number +4474*****456, GB, not proven to be the user's
kind otp, 1 segments, valid until TIME
state accepted
code used

TIME AFTER received
TIME AFTER twilio (sms) is asked
TIME AFTER twilio (sms) accepts
TIME AFTER the caller is told that it was sent
TIME AFTER the code is used
`, shape(list(first)))
	for args, want := range map[string]string{
		"-number +447400123456": "SECOND FIRST", "-number 00447400123456 -limit 1": "SECOND", "-user " + user: "THIRD SECOND FIRST", "-country kz": "THIRD",
		"-instance twilio": "FIRST", "-kind otp": "THIRD FIRST", "-state refused": "THIRD SECOND", "-rule limit_user": "SECOND", "-since 1h": "THIRD SECOND FIRST",
		"-until 1h": "", "-until 2026-01-01": "", "-user another": "", "twilio:SM00000000000000000000000000000000": "",
	} {
		var ids []string
		for line := range strings.Lines(list(append([]string{"-json"}, strings.Fields(args)...)...)) {
			var m struct{ ID string }
			require.NoError(t, json.Unmarshal([]byte(line), &m))
			ids = append(ids, shape(m.ID))
		}
		require.Equal(t, want, strings.Join(ids, " "), args)
	}
	rows, err := csv.NewReader(strings.NewReader(list("-csv"))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 4)
	require.Equal(t, []string{"+4474*****456", "GB", "twilio", "sms", "otp", "false", "1", "accepted", "accepted", "", "used", "1", ""}, rows[3][2:15])
	require.Equal(t, "COUNTRY INSTANCE MESSAGES SENT DELIVERED USED UNUSED CONVERSION MEDIAN DELIVERY MEDIAN USE\n"+
		"GB - 1 0 0 0 0 - - -\nGB twilio 1 1 0 1 0 100.0 % - 1.0 s\nKZ - 1 0 0 0 0 - - -\n",
		regexp.MustCompile(`1\.\d s`).ReplaceAllString(shape(list("-by", "country,instance")), "1.0 s"))
	require.Equal(t, "No messages.\n", list("-country", "FR"))
}

func TestListMessagesRefuses(t *testing.T) {
	missing := "SMSHOOK_STORE=sqlite:" + filepath.Join(t.TempDir(), "smshook.db")
	for _, tt := range []struct{ store, args, want string }{
		{missing, "", "SMSHOOK_STORE: there is no file yet; serve makes it"},
		{"SMSHOOK_STORE=memory", "", "SMSHOOK_STORE: is memory: only the process that serves can read that; name a file or a database, and what is sent from then on can be read here"},
		{missing, "-number 0770", "-number: want a whole number such as +447700900123"},
		{missing, "-state gone", "-state: want one of queued, sending, accepted, sent, delivered, read, undelivered, failed, refused, expired"},
		{missing, "-kind sms", "-kind: want one of otp, phone_change, reauthentication, mfa, message"},
		{missing, "-since yesterday", "-since: want how long ago, such as 24h or 30m, or a time in UTC, such as 2026-01-31 or 2026-01-31T12:00:00Z"},
		{missing, "-limit -1", "-limit: want a number of messages"},
		{missing, "-csv -json", "want one of -json and -csv, and -by without -csv"},
		{missing, "-erase x -json", "-erase goes with no other flag and no ID"},
	} {
		r := smshook(t, "", []string{tt.store}, append([]string{"messages"}, strings.Fields(tt.args)...)...)
		require.Equal(t, result{exitFail, "", "smshook messages: " + tt.want + "\n"}, r)
	}
}

func TestWay(t *testing.T) {
	at := func(s float64) ledger.Time {
		return ledger.At(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)).Add(time.Duration(s * 1e9))
	}
	m := ledger.Message{
		ID: "a message", Number: "+4477*****123", Country: "GB", Kind: ledger.MFA, Proven: true, Segments: 2, ReceivedAt: at(0), AskedAt: at(0), AnsweredAt: at(3), Life: time.Minute,
		Result: ledger.Accepted, Instance: "b", Use: ledger.Used, UsedAt: at(30), Rule: "limit_phone",
		Attempts: []ledger.Attempt{
			{Instance: "a", Channel: "voice", BegunAt: at(0.001), EndedAt: at(2), State: ledger.AttemptFailed, Kind: providers.Account, Code: "20003"},
			{Instance: "b", Channel: "sms", BegunAt: at(2), EndedAt: at(3), State: ledger.AttemptAccepted, Kind: providers.Temporary, Code: "30003", Parts: []ledger.Part{
				{ID: "x", State: providers.StateDelivered, At: at(9)}, {ID: "y", State: providers.StateUndelivered, At: at(8)},
			}},
		},
	}
	require.Equal(t, `message   a message
number    +4477*****123, GB, proven to be the user's
kind      mfa, 2 segments, valid until 2026-01-02 03:05:05
state     undelivered, observed by limit_phone
code      used

2026-01-02 03:04:05.000     +0.000s  received
2026-01-02 03:04:05.001     +0.001s  a (voice) is asked
2026-01-02 03:04:07.000     +2.000s  a (voice) fails: account, code 20003
2026-01-02 03:04:07.000     +2.000s  b (sms) is asked
2026-01-02 03:04:08.000     +3.000s  b (sms) accepts
2026-01-02 03:04:08.000     +3.000s  the caller is told that it was sent
2026-01-02 03:04:13.000     +8.000s  b (sms) reports of part 2: undelivered, temporary, code 30003
2026-01-02 03:04:14.000     +9.000s  b (sms) reports of part 1: delivered
2026-01-02 03:04:35.000    +30.000s  the code is used
`, way(&m, at(40)))

	refused := ledger.Message{ID: "another", Number: "+4474*****999", Country: "GB", ReceivedAt: at(0), Life: time.Minute, Result: ledger.TooMany, Rule: "guard",
		Why: "+44740012: of about 4 codes to this number range, 0 were used"}
	require.Contains(t, way(&refused, at(40)), "\nstate     refused: guard, +44740012: of about 4 codes to this number range, 0 were used\n")
}
