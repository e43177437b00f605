package ledger_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
)

func TestSpansDivideEachOther(t *testing.T) {
	for i, s := range ledger.Spans[1:] {
		require.Zero(t, s.Long%ledger.Spans[i].Long)
	}
}

func TestRanges(t *testing.T) {
	at := func(text string) ledger.Time {
		when, err := time.Parse("2006-01-02 15:04:05", text)
		require.NoError(t, err)
		return ledger.At(when)
	}
	const day, week = 24 * time.Hour, 7 * 24 * time.Hour
	now := at("2026-03-19 10:07:30") // a Thursday, with which weeks begin
	for _, tt := range []struct {
		name  string
		query ledger.CountQuery
		want  []ledger.Range
	}{
		{"all", ledger.CountQuery{}, []ledger.Range{{week, 0, at("2026-04-02 00:00:00")}}},
		{"nothing", ledger.CountQuery{Since: now, Until: now}, nil},
		{"some seconds", ledger.CountQuery{Since: at("2026-03-19 10:05:10"), Until: at("2026-03-19 10:05:20")},
			[]ledger.Range{{0, at("2026-03-19 10:05:10"), at("2026-03-19 10:05:20")}}},
		{"an hour in minutes", ledger.CountQuery{Since: at("2026-03-19 09:08:00"), Until: at("2026-03-19 10:08:00"), Step: time.Minute},
			[]ledger.Range{{time.Minute, at("2026-03-19 09:08:00"), at("2026-03-19 10:08:00")}}},
		{"an hour", ledger.CountQuery{Since: at("2026-03-19 09:08:00"), Until: at("2026-03-19 10:08:00")}, []ledger.Range{
			{time.Minute, at("2026-03-19 09:08:00"), at("2026-03-19 09:15:00")},
			{15 * time.Minute, at("2026-03-19 09:15:00"), at("2026-03-19 10:00:00")},
			{time.Minute, at("2026-03-19 10:00:00"), at("2026-03-19 10:08:00")}}},
		{"an hour long ago", ledger.CountQuery{Since: at("2026-03-18 09:08:00"), Until: at("2026-03-18 10:08:00"), Step: time.Minute},
			[]ledger.Range{{0, at("2026-03-18 09:08:00"), at("2026-03-18 10:08:00")}}},
		{"steps that begin anywhere", ledger.CountQuery{Since: at("2026-03-19 09:08:01"), Until: at("2026-03-19 10:08:01"), Step: time.Minute},
			[]ledger.Range{{0, at("2026-03-19 09:08:01"), at("2026-03-19 10:08:01")}}},
		{"steps of seconds", ledger.CountQuery{Since: at("2026-03-19 09:08:00"), Until: at("2026-03-19 10:08:00"), Step: time.Second},
			[]ledger.Range{{0, at("2026-03-19 09:08:00"), at("2026-03-19 10:08:00")}}},
		{"steps of two spans", ledger.CountQuery{Since: at("2026-03-19 09:00:00"), Until: at("2026-03-19 10:08:00"), Step: 30 * time.Minute}, []ledger.Range{
			{15 * time.Minute, at("2026-03-19 09:00:00"), at("2026-03-19 10:00:00")},
			{time.Minute, at("2026-03-19 10:00:00"), at("2026-03-19 10:08:00")}}},
		{"three weeks", ledger.CountQuery{Since: at("2026-02-26 09:08:07")}, []ledger.Range{
			{0, at("2026-02-26 09:08:07"), at("2026-02-26 12:00:00")},
			{2 * time.Hour, at("2026-02-26 12:00:00"), at("2026-02-27 00:00:00")},
			{day, at("2026-02-27 00:00:00"), at("2026-03-05 00:00:00")},
			{week, at("2026-03-05 00:00:00"), at("2026-04-02 00:00:00")}}},
		{"since a time that is not kept any more", ledger.CountQuery{Since: at("2026-01-31 23:00:00"), Until: at("2026-02-02 01:00:00")}, []ledger.Range{
			{0, at("2026-01-31 23:00:00"), at("2026-02-01 00:00:00")},
			{day, at("2026-02-01 00:00:00"), at("2026-02-02 00:00:00")},
			{0, at("2026-02-02 00:00:00"), at("2026-02-02 01:00:00")}}},
	} {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, tt.query.Ranges(now)) })
	}
}

// The parts are the whole, whatever is asked for, and no step of theirs is in two of the query's.
func TestRangesAreWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	now := ledger.At(time.Now())
	for range 20_000 {
		q := ledger.CountQuery{Since: now.Add(-time.Duration(r.Float64() * float64(60*24*time.Hour))), Until: now.Add(time.Hour - time.Duration(r.Float64()*float64(48*time.Hour)))}
		if r.IntN(2) == 0 {
			q.Since = ledger.Spans[r.IntN(5)].Step(q.Since)
		}
		q.Step = []time.Duration{0, time.Second, time.Minute, 5 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}[r.IntN(7)]
		at := q.Since
		for _, part := range q.Ranges(now) {
			require.Equal(t, at, part.Since)
			require.Less(t, part.Since, part.Until)
			at = part.Until
			if part.Span == 0 {
				continue
			}
			require.Zero(t, part.Since.Time().UnixMicro()%part.Span.Microseconds())
			require.Zero(t, part.Until.Time().UnixMicro()%part.Span.Microseconds())
			if q.Step != 0 {
				require.Zero(t, q.Step%part.Span)
				require.Zero(t, part.Since.Sub(q.Since)%part.Span)
			}
		}
		if q.Since < q.Until {
			require.Equal(t, q.Until, at)
		}
	}
}

func TestBucket(t *testing.T) {
	for took, want := range map[time.Duration]int8{
		-time.Second: 0, 0: 0, 99 * time.Millisecond: 0, 100 * time.Millisecond: 1, 124 * time.Millisecond: 1, time.Second - 1: 10, time.Second: 11,
		5 * time.Second: 18, 80_000 * time.Second: 60, 1000 * time.Hour: 60,
	} {
		require.Equal(t, want, ledger.Bucket(took), took)
	}
}

func TestMedian(t *testing.T) {
	var none ledger.Buckets
	require.Equal(t, time.Duration(-1), none.Median())
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		var b ledger.Buckets
		around := time.Duration(float64(200*time.Millisecond) + r.Float64()*float64(time.Hour))
		var all []time.Duration
		for range 1 + 2*r.IntN(50) {
			took := time.Duration(float64(around) * (.5 + r.Float64()))
			all = append(all, took)
			b.Add(ledger.Bucket(took), 1)
		}
		slices.Sort(all)
		require.InEpsilon(t, all[len(all)/2].Seconds(), b.Median().Seconds(), .27, "it is in the same bucket")
	}
	b := ledger.Buckets{}
	b.Add(ledger.Bucket(3*time.Second), 2)
	b.Add(61, 5)
	b.Add(-1, 5)
	require.InEpsilon(t, 3, b.Median().Seconds(), .13)
	b.Add(60, 3)
	require.Equal(t, 80_000*time.Second, b.Median())
}
