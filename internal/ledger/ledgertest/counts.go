package ledgertest

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

// countQueries are queries for times of all lengths, whole steps or not.
func countQueries(now ledger.Time) (list []ledger.CountQuery) {
	const all = ledger.AllDimensions
	week := ledger.Spans[len(ledger.Spans)-1]
	for _, s := range ledger.Spans {
		until := s.StepAt(now).Add(s.Length)
		list = append(list,
			ledger.CountQuery{Since: until.Add(-96 * s.Length), Until: until, Step: s.Length, By: all},
			ledger.CountQuery{Since: until.Add(-5 * s.Length), Until: until, Step: 5 * s.Length, By: ledger.ByCountry | ledger.ByRule},
			ledger.CountQuery{Since: now.Add(-3*s.Length - s.Length/3), Until: now.Add(-s.Length / 2), By: all, Times: true},
			ledger.CountQuery{Since: now.Add(-10*s.Length - time.Second), Until: now.Add(time.Second), Step: s.Length})
	}
	return append(list,
		ledger.CountQuery{By: all, Times: true},
		ledger.CountQuery{},
		ledger.CountQuery{Since: week.StepAt(now).Add(-2 * week.Length), Step: week.Length, Times: true},
		ledger.CountQuery{By: ledger.ByInstance, Country: "GB", Times: true},
		ledger.CountQuery{By: ledger.ByChannel, Instance: "a", Times: true},
		ledger.CountQuery{By: ledger.ByKind, Kind: ledger.OTP},
		ledger.CountQuery{State: ledger.Delivered, Times: true},
		ledger.CountQuery{State: ledger.Expired, By: all},
		ledger.CountQuery{State: ledger.Queued},
		ledger.CountQuery{State: ledger.Sending, By: ledger.ByInstance, Instance: "a"},
		ledger.CountQuery{Rule: "limit_phone", By: ledger.ByCountry},
		ledger.CountQuery{Country: "' or true --"},
		ledger.CountQuery{Rule: `\' or true --`},
		ledger.CountQuery{Since: now.Add(time.Hour), Until: now.Add(2 * time.Hour)},
		ledger.CountQuery{Since: now, Until: now})
}

// RequireCounts requires that a store counts what is in its messages, whatever is asked for.
func RequireCounts(t testing.TB, messages []ledger.Message, now ledger.Time, count func(context.Context, ledger.CountQuery) ([]ledger.Count, error)) {
	t.Helper()
	for i, q := range countQueries(now) {
		counter := ledger.NewCounter(q, now)
		for m := range messages {
			counter.Add(&messages[m])
		}
		got, err := count(t.Context(), q)
		require.NoError(t, err)
		off := map[ledger.Group][2]ledger.Count{} // what is counted, and what should be
		for _, c := range got {
			require.NotContains(t, off, c.Group, "query %d: a group comes twice", i)
			off[c.Group] = [2]ledger.Count{c}
		}
		for _, c := range counter.Counts() {
			off[c.Group] = [2]ledger.Count{off[c.Group][0], c}
		}
		maps.DeleteFunc(off, func(_ ledger.Group, c [2]ledger.Count) bool { return c[0] == c[1] })
		require.Empty(t, off, "query %d: %+v", i, q)
	}
}

// counted checks that the ledger counts what is in its messages.
func (d *desk) counted() {
	d.Helper()
	RequireCounts(d, d.messages(ledger.Query{}), ledger.At(d.clock.Now()), d.Count)
}

// countsInTime counts messages as they grow old, and change when they are.
func countsInTime(d *desk) {
	check := func() {
		d.Helper()
		d.sweep()
		d.counted()
	}
	n := 0
	send := func(change ...func(*ledger.Call)) string {
		n++
		id := fmt.Sprint(n)
		d.send(d.call(id, append(change, func(c *ledger.Call) { c.Flow.User = id })...), "a", "SM"+id)
		return "SM" + id
	}
	french := func(c *ledger.Call) { c.Country, c.Kind = "FR", ledger.OTP }
	early, other := send(), send(french)
	check()
	d.clock.Move(11 * time.Minute)
	check()
	d.report("a", "", early, providers.StateDelivered, 0)
	check()
	for _, after := range []time.Duration{time.Minute, 14 * time.Minute, 3 * time.Hour, 25 * time.Hour, 80 * time.Hour, 8 * 24 * time.Hour, 15 * 24 * time.Hour} {
		last := send(french)
		d.clock.Move(after)
		check()
		d.report("a", "", last, providers.StateUndelivered, providers.Recipient)
		require.NoError(d, d.Refuse(d.Context(), d.call(fmt.Sprint("refused ", n)), ledger.BadNumber, "blocked_countries"))
		check()
	}
	d.report("a", "", other, providers.StateRead, 0)
	check()
}
