package ledgertest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
)

// BenchmarkMessages asks for pages of 50 of a million messages of 90 days, in which all that is asked for is.
func BenchmarkMessages(b *testing.B, messages func(context.Context, ledger.Query) ([]ledger.Message, error)) {
	now := time.Now()
	ago := func(days int) ledger.Time { return ledger.At(now.AddDate(0, 0, -days)) }
	first, err := messages(b.Context(), ledger.Query{Limit: 1})
	require.NoError(b, err)
	for _, bb := range []struct {
		name  string
		query ledger.Query
		none  bool
	}{
		{"all", ledger.Query{}, false},
		{"of long ago", ledger.Query{Before: ledger.Place{ReceivedAt: ago(60)}}, false},
		{"id", ledger.Query{ID: first[0].ID}, false},
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
		{"country, instance and kind", ledger.Query{Country: "GB", Instance: "a", Kind: ledger.OTP}, false},
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
