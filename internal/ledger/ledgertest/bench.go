package ledgertest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
)

// BenchmarkMessages asks for pages of 50 of a million messages of 90 days, in which all that is asked for is.
func BenchmarkMessages(b *testing.B, messages func(context.Context, ledger.Query) ([]ledger.Message, error)) {
	now := time.Now()
	ago := func(days int) ledger.Time { return ledger.At(now.AddDate(0, 0, -days)) }
	newest, err := messages(b.Context(), ledger.Query{Limit: 50})
	require.NoError(b, err)
	sent := newest[slices.IndexFunc(newest, func(m ledger.Message) bool { return m.Country == "GB" && m.Instance != "" })]
	for _, bb := range []struct {
		name  string
		query ledger.Query
		none  bool
	}{
		{"all", ledger.Query{}, false},
		{"of long ago", ledger.Query{Before: ledger.Place{ReceivedAt: ago(60)}}, false},
		{"id", ledger.Query{ID: sent.ID}, false},
		{"no such name", ledger.Query{Names: []ledger.Name{{Instance: "a", ID: "SM1"}}}, true},
		{"no such number", ledger.Query{Number: "447700900123"}, true},
		{"no such user", ledger.Query{User: "nobody"}, true},
		{"most common country", ledger.Query{Country: "GB"}, false},
		{"rare country", ledger.Query{Country: "MT"}, false},
		{"country that is not there", ledger.Query{Country: "FR"}, true},
		{"rare instance", ledger.Query{Instance: "webhook"}, false},
		{"rare kind", ledger.Query{Kind: ledger.MFA}, false},
		{"rule", ledger.Query{Rule: "limit_phone"}, false},
		{"rare state", ledger.Query{State: ledger.StateFailed}, false},
		{"state that is not there", ledger.Query{State: ledger.Read}, true},
		{"queued", ledger.Query{State: ledger.Queued}, true},
		{"state, country and time", ledger.Query{State: ledger.Undelivered, Country: "GB", Since: ago(60), Until: ago(30)}, false},
		{"country, instance and kind", ledger.Query{Country: "GB", Instance: sent.Instance, Kind: ledger.OTP}, false},
		{"country and instance that never meet", ledger.Query{Country: "GB", Instance: "webhook"}, true},
		{"a thousand", ledger.Query{Limit: 1000}, false},
	} {
		b.Run(bb.name, func(b *testing.B) {
			q := bb.query
			if q.Limit == 0 {
				q.Limit = 50
			}
			for b.Loop() {
				page, err := messages(b.Context(), q)
				require.NoError(b, err)
				require.Equal(b, bb.none, len(page) == 0)
			}
		})
	}
}

// BenchmarkCounts counts a million messages of some days: as the page does, and as `smshook messages -by` does.
func BenchmarkCounts(b *testing.B, days int, count func(context.Context, ledger.CountQuery) ([]ledger.Count, error)) {
	now := time.Now()
	window := func(long, step time.Duration) ledger.CountQuery {
		until := now.Truncate(step).Add(step)
		return ledger.CountQuery{Since: ledger.At(until.Add(-long)), Until: ledger.At(until), Step: step}
	}
	const day = 24 * time.Hour
	since := func(ago time.Duration) ledger.Time { return ledger.At(now.Add(-ago)) }
	const tables, both = ledger.ByCountry | ledger.ByInstance | ledger.ByRule, ledger.ByCountry | ledger.ByInstance
	of := func(q ledger.CountQuery, by ledger.Dimensions) ledger.CountQuery {
		q.Step, q.By, q.Times = 0, by, true
		return q
	}
	for _, bb := range []struct {
		name  string
		query ledger.CountQuery
	}{
		{"chart of an hour", window(time.Hour, time.Minute)},
		{"chart of a day", window(day, 15*time.Minute)},
		{"chart of a week", window(7*day, 2*time.Hour)},
		{"tables of an hour", of(window(time.Hour, time.Minute), tables)},
		{"tables of a day", of(window(day, 15*time.Minute), tables)},
		{"tables of a week", of(window(7*day, 2*time.Hour), tables)},
		{"by country and instance, a day", ledger.CountQuery{Since: since(day), By: both, Times: true}},
		{"by country and instance, 7 days", ledger.CountQuery{Since: since(7 * day), By: both, Times: true}},
		{"by country and instance, 30 days", ledger.CountQuery{Since: since(30 * day), By: both, Times: true}},
		{"by country and instance, some days", ledger.CountQuery{Since: since(time.Duration(days) * day * 6 / 10), Until: since(time.Duration(days) * day * 4 / 10), By: both, Times: true}},
		{"by country and instance, all", ledger.CountQuery{By: both, Times: true}},
		{"by kind, delivered", ledger.CountQuery{By: ledger.ByKind, State: ledger.Delivered, Times: true}},
		{"by everything, all", ledger.CountQuery{By: ledger.AllDimensions, Times: true}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			for b.Loop() {
				counts, err := count(b.Context(), bb.query)
				require.NoError(b, err)
				require.NotEmpty(b, counts)
			}
		})
	}
}
