package server

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/message"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// If the policy refuses a message, the answer to the user doesn't name the rule, and the log does. The user in the call decides
// which limits apply.
func TestPolicyRefusals(t *testing.T) {
	s, written := newServer(t, accepts)
	texts, err := message.Load(message.Settings{}, nil)
	require.NoError(t, err)
	limits := policy.Limits{Phone: policy.Limit{Most: 2, Per: time.Hour}, IP: policy.Limit{Most: 1, Per: time.Hour}}
	var blocked policy.Prefixes
	require.NoError(t, blocked.UnmarshalText([]byte("+882")))
	s.Dispatcher = dispatch.New(
		dispatch.Settings{
			CallerWaits: hook.AuthWaits, Budget: 4 * time.Second, Concurrency: 10, Texts: texts,
			Policy: policy.Settings{Limits: limits, Lists: policy.Lists{BlockedPrefixes: blocked}},
		},
		ledger.NewMemory(ledger.Settings{CallerWaits: hook.AuthWaits, MaxWaiting: 10}, policy.NewMemory(), time.Now),
		[]*race.Instance{race.NewInstance("pigeon", instance(accepts), nil, 10)},
		&race.Runner{Patience: time.Second, Ended: func(race.Attempt) {}},
		dispatch.Events{},
	)
	body := func(ip, user, phone, more string) string {
		return `{"metadata":{"uuid":"` + providers.NewUUID() + `","ip_address":"` + ip + `"},"user":{"id":"` + user + `"` + more + `},"sms":{"otp":"028687","phone":"` + phone + `"}}`
	}
	old := func(body string) string { // before v2.187.0
		_, rest, _ := strings.Cut(body, "},")
		return "{" + rest
	}
	const confirmed = `,"phone":"447400123456","phone_confirmed_at":"2026-01-01T00:00:00Z"`
	for _, tt := range []struct{ name, body, want, log string }{
		{"the first of an address", body("203.0.113.7", "a", "447400123456", ""), `200 {}`, `"result":"accepted"`},
		{"a second of the address", body("203.0.113.7", "b", "447400999999", ""), `200 {"error":{"http_code":429,"message":"too many"}}`,
			`"result":"too_many","phone":"+4474*****999","calling_code":44,"reason":"refused by limit_ip (1/1h), again in 1h"`},
		{"a second of the address, for a user with a valid code", body("203.0.113.7", "a", "447400123456", ""), `200 {"error":{"http_code":429,"message":"just sent"}}`, `"result":"just_sent"`},
		{"a user who has confirmed the number", body("203.0.113.7", "c", "447400123456", confirmed), `200 {}`, `"result":"accepted"`},
		{"a user who changes the number", body("203.0.113.7", "c", "447400999998", confirmed), `200 {"error":{"http_code":429,"message":"too many"}}`, `limit_ip`},
		{"a private address", body("10.0.0.1", "d", "447400123456", ""), `200 {}`, `"result":"accepted"`},
		{"the third for one number; the call of its own account isn't counted", body("10.0.0.1", "e", "447400123456", ""), `200 {"error":{"http_code":429,"message":"too many"}}`, `limit_phone`},
		{"from an old server", old(body("", "f", "447400123456", "")), `429 {"error":{"http_code":429,"message":"too many"}}`, `limit_phone`},
		{"a blocked prefix", body("10.0.0.1", "g", "88213123456", ""), `200 {"error":{"http_code":422,"message":"bad number"}}`, `"reason":"refused by blocked_prefixes"`},
		{"a blocked prefix, of an old server", old(body("", "h", "88213123456", "")), `422 {"error":{"http_code":422,"message":"bad number"}}`, `refused by blocked_prefixes`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			written.Reset()
			got := answer(s.Handler(), signed(s, tt.body))
			status, _, _ := strings.Cut(got, " ")
			require.Equal(t, tt.want, status+got[strings.LastIndex(got, "] ")+1:], got)
			require.Contains(t, written.String(), tt.log)
			require.NotContains(t, written.String(), "203.0.113.7")
		})
	}
}
