package dispatch

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/insight"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

// flagged returns a guard that refuses the prefix of the test's number.
func flagged(t *testing.T, observe bool) *Guard {
	g := insight.NewGuard(insight.Settings{})
	for i := range 10 {
		s := insight.Subject{Number: 447_400_120_000 + uint64(i), Country: "GB"}
		g.Result(insight.Result{Tag: g.Tag(s, insight.Verdict{}), Country: "GB", SentAt: time.Now(), Outcome: insight.Unused}, time.Now())
		time.Sleep(10 * time.Minute)
	}
	require.Equal(t, insight.Refuse, g.Look(insight.Subject{Number: 447_400_123_456, Country: "GB"}, time.Now()).Way)
	return &Guard{Guard: g, Observe: observe}
}

func TestGuard(t *testing.T) {
	const why = `of about \d+ codes to this number range, 0 were used$`
	for _, tt := range []struct {
		name    string
		observe bool
		change  func(*Request)
		want    Result
		verdict policy.Rule
		reason  string
	}{
		{"it refuses", false, nil, TooMany, policy.Guard, `^refused by the guard \(\+44740012\), next trial in \d.*s: ` + why},
		{"it only observes", true, nil, Accepted, policy.Guard, `^not refused by the guard \(\+44740012\) since it only observes: ` + why},
		{"the account's own number", false, func(r *Request) { r.Proven = true }, Accepted, policy.None, ""},
		{"another caller", false, func(r *Request) { r.Kind = ledger.Other }, Accepted, policy.None, ""},
		{"another prefix", false, func(r *Request) { r.Phone = providers.NewSecret("447400133456") }, Accepted, policy.None, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := new(pigeon)
				s := limited(policy.Limits{Total: policy.Limit{Most: 1, Per: time.Hour}})
				s.Guard = flagged(t, tt.observe)
				d := dispatcher(s, p)
				r := numbered("1", tt.change)
				for range 2 { // a repeat has the same answer
					outcome := d.Send(t.Context(), r)
					require.Equal(t, tt.want, outcome.Result)
					if outcome.Reason == errRepeat { //nolint:errorlint // it is never wrapped
						continue
					}
					require.Equal(t, tt.verdict, outcome.Verdict.Rule)
					if tt.reason == "" {
						require.NoError(t, outcome.Reason)
						continue
					}
					require.Regexp(t, tt.reason, outcome.Reason.Error())
					if outcome.Verdict.Rule == policy.Guard {
						require.Equal(t, "+4474********", outcome.Masked(), "the log has the range beside it")
					}
				}
				if tt.want == TooMany {
					require.Zero(t, p.sent())
					page, err := d.ledger.Messages(t.Context(), ledger.Query{})
					require.NoError(t, err)
					require.Len(t, page, 1)
					require.Equal(t, []string{"guard", "+4474********"}, []string{page[0].Rule, page[0].Number}, "number and range together don't tell the number")
					require.Regexp(t, `^\+44740012: `+why, page[0].Why)
					other := numbered("2", func(r *Request) { r.Phone, r.User = providers.NewSecret("447400133456"), "another" })
					require.Equal(t, Accepted, d.Send(t.Context(), other).Result, "what the guard refuses is charged to no limit")
				}
			})
		})
	}
}

// What the guard has to know of a message is in the message's record.
func TestTheRecordHasTheGuardsTag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Settings{Guard: &Guard{Guard: insight.NewGuard(insight.Settings{})}}
		d := dispatcher(s, new(pigeon))
		r := numbered("1", nil)
		require.Equal(t, Accepted, d.Send(t.Context(), r).Result)
		messages, err := d.ledger.Messages(t.Context(), ledger.Query{})
		require.NoError(t, err)
		require.Len(t, messages, 1)
		require.Equal(t, s.Guard.Tag(insight.Subject{Number: 447_400_123_456, Country: "GB", Account: "a-user"}, insight.Verdict{}), messages[0].Range)
	})
}

func TestTheGuardsMemoryOfRequestsIsBounded(t *testing.T) {
	d := dispatcher(Settings{Guard: &Guard{Guard: insight.NewGuard(insight.Settings{}), Observe: true}}, new(pigeon))
	number, err := d.settings.PhoneCheck.Parse("447400123456")
	require.NoError(t, err)
	for i := range maxGuarded + 10 {
		d.askGuard(numbered(fmt.Sprint(i), nil), number)
	}
	require.Len(t, d.guards.byID, maxGuarded)
	require.Len(t, d.guards.order, maxGuarded)
}
