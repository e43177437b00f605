package ledger_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

func TestSpansDivideEachOther(t *testing.T) {
	for i, s := range ledger.Spans[1:] {
		require.Zero(t, s.Length%ledger.Spans[i].Length)
	}
}

func TestPeriods(t *testing.T) {
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
		want  []ledger.Period
	}{
		{"all", ledger.CountQuery{}, []ledger.Period{{week, 0, at("2026-04-02 00:00:00")}}},
		{"nothing", ledger.CountQuery{Since: now, Until: now}, nil},
		{"some seconds", ledger.CountQuery{Since: at("2026-03-19 10:05:10"), Until: at("2026-03-19 10:05:20")},
			[]ledger.Period{{0, at("2026-03-19 10:05:10"), at("2026-03-19 10:05:20")}}},
		{"an hour in minutes", ledger.CountQuery{Since: at("2026-03-19 09:08:00"), Until: at("2026-03-19 10:08:00"), Step: time.Minute},
			[]ledger.Period{{time.Minute, at("2026-03-19 09:08:00"), at("2026-03-19 10:08:00")}}},
		{"an hour", ledger.CountQuery{Since: at("2026-03-19 09:08:00"), Until: at("2026-03-19 10:08:00")}, []ledger.Period{
			{time.Minute, at("2026-03-19 09:08:00"), at("2026-03-19 09:15:00")},
			{15 * time.Minute, at("2026-03-19 09:15:00"), at("2026-03-19 10:00:00")},
			{time.Minute, at("2026-03-19 10:00:00"), at("2026-03-19 10:08:00")}}},
		{"an hour long ago", ledger.CountQuery{Since: at("2026-03-18 09:08:00"), Until: at("2026-03-18 10:08:00"), Step: time.Minute},
			[]ledger.Period{{0, at("2026-03-18 09:08:00"), at("2026-03-18 10:08:00")}}},
		{"steps that begin anywhere", ledger.CountQuery{Since: at("2026-03-19 09:08:01"), Until: at("2026-03-19 10:08:01"), Step: time.Minute},
			[]ledger.Period{{0, at("2026-03-19 09:08:01"), at("2026-03-19 10:08:01")}}},
		{"steps of seconds", ledger.CountQuery{Since: at("2026-03-19 09:08:00"), Until: at("2026-03-19 10:08:00"), Step: time.Second},
			[]ledger.Period{{0, at("2026-03-19 09:08:00"), at("2026-03-19 10:08:00")}}},
		{"steps of two spans", ledger.CountQuery{Since: at("2026-03-19 09:00:00"), Until: at("2026-03-19 10:08:00"), Step: 30 * time.Minute}, []ledger.Period{
			{15 * time.Minute, at("2026-03-19 09:00:00"), at("2026-03-19 10:00:00")},
			{time.Minute, at("2026-03-19 10:00:00"), at("2026-03-19 10:08:00")}}},
		{"three weeks", ledger.CountQuery{Since: at("2026-02-26 09:08:07")}, []ledger.Period{
			{0, at("2026-02-26 09:08:07"), at("2026-02-26 10:00:00")},
			{2 * time.Hour, at("2026-02-26 10:00:00"), at("2026-02-27 00:00:00")},
			{day, at("2026-02-27 00:00:00"), at("2026-03-05 00:00:00")},
			{week, at("2026-03-05 00:00:00"), at("2026-04-02 00:00:00")}}},
		{"long ago", ledger.CountQuery{Since: at("2026-01-31 21:00:00"), Until: at("2026-02-02 03:30:00")}, []ledger.Period{
			{0, at("2026-01-31 21:00:00"), at("2026-01-31 22:00:00")},
			{2 * time.Hour, at("2026-01-31 22:00:00"), at("2026-02-01 00:00:00")},
			{day, at("2026-02-01 00:00:00"), at("2026-02-02 00:00:00")},
			{2 * time.Hour, at("2026-02-02 00:00:00"), at("2026-02-02 02:00:00")},
			{0, at("2026-02-02 02:00:00"), at("2026-02-02 03:30:00")}}},
	} {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, tt.query.Periods(now)) })
	}
}

// The parts are the whole, whatever is asked for, and no step of theirs is in two of the query's.
func TestPeriodsAreWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	now := ledger.At(time.Date(2026, 3, 19, 10, 7, 30, 0, time.UTC))
	for range 20_000 {
		q := ledger.CountQuery{Since: now.Add(-time.Duration(r.Float64() * float64(60*24*time.Hour))), Until: now.Add(time.Hour - time.Duration(r.Float64()*float64(48*time.Hour)))}
		if r.IntN(2) == 0 {
			q.Since = ledger.Spans[r.IntN(len(ledger.Spans))].StepAt(q.Since)
		}
		q.Step = []time.Duration{0, time.Second, time.Minute, 5 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}[r.IntN(7)]
		at := q.Since
		for _, part := range q.Periods(now) {
			require.Equal(t, at, part.Since)
			require.Less(t, part.Since, part.Until)
			at = part.Until
			if part.Span == 0 {
				continue
			}
			span := ledger.Spans[slices.IndexFunc(ledger.Spans, func(s ledger.Span) bool { return s.Length == part.Span })]
			require.False(t, span.Outdated(part.Since, now))
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
	var many ledger.Buckets
	for range 10_000 {
		many.Add(ledger.Bucket(time.Duration(5*math.Exp(.6*r.NormFloat64())*1e9)), 1)
	}
	require.InEpsilon(t, 5, many.Median().Seconds(), .03, "of many it is nearly exact")
	b := ledger.Buckets{}
	b.Add(ledger.Bucket(3*time.Second), 2)
	b.Add(61, 5)
	b.Add(-1, 5)
	require.InEpsilon(t, 3, b.Median().Seconds(), .13)
	b.Add(60, 3)
	require.Equal(t, 80_000*time.Second, b.Median())
}

// What counts tell of messages, in numbers.
func TestCounter(t *testing.T) {
	const now = 1_000_000_000
	sent := ledger.Message{Country: "GB", Instance: "b", Kind: ledger.OTP, Segments: 2, ReceivedAt: 10_000_000, AskedAt: 10_000_000, Result: ledger.Accepted,
		Use: ledger.Used, UsedAt: 30_000_000, Attempts: []ledger.Attempt{{Instance: "a", State: ledger.AttemptFailed}, {Instance: "b", Channel: "sms", State: ledger.AttemptAccepted,
			Parts: []ledger.Part{{ID: "1", State: providers.StateDelivered, At: 12_500_000}}}}}
	other := sent
	other.ReceivedAt, other.AskedAt, other.UsedAt, other.Use = 12_000_000, 12_000_000, 0, ledger.Unused
	failed := ledger.Message{Country: "GB", Segments: 1, ReceivedAt: 12_999_999, Attempts: []ledger.Attempt{{Instance: "a", State: ledger.AttemptFailed}}}
	sending := failed
	sending.Sending, sending.ReceivedAt = true, 13_000_000
	queued := ledger.Message{Country: "FR", ReceivedAt: 13_000_000, Life: time.Hour}
	messages := []ledger.Message{sent, other, failed, sending, queued}
	group := func(at ledger.Time, state ledger.State) ledger.Group { return ledger.Group{At: at, State: state} }
	for _, tt := range []struct {
		name  string
		query ledger.CountQuery
		want  []ledger.Count
	}{
		{"all", ledger.CountQuery{}, []ledger.Count{
			{Group: ledger.Group{State: ledger.Delivered, Use: ledger.Used}, Messages: 1, Segments: 2},
			{Group: ledger.Group{State: ledger.Delivered, Use: ledger.Unused}, Messages: 1, Segments: 2},
			{Group: group(0, ledger.StateFailed), Messages: 1, Segments: 1},
			{Group: group(0, ledger.Sending), Messages: 1, Segments: 1},
			{Group: group(0, ledger.Queued), Messages: 1}}},
		{"in steps", ledger.CountQuery{Since: 11_000_000, Until: 13_000_001, Step: 2 * time.Second, State: ledger.StateFailed}, []ledger.Count{
			{Group: group(11_000_000, ledger.StateFailed), Messages: 1, Segments: 1}}},
		{"by instance", ledger.CountQuery{Country: "GB", By: ledger.ByInstance, Since: 12_500_000}, []ledger.Count{
			{Group: ledger.Group{At: 12_500_000, Instance: "a", State: ledger.StateFailed}, Messages: 1, Segments: 1},
			{Group: group(12_500_000, ledger.Sending), Messages: 1, Segments: 1}}},
		{"of an instance that has accepted none", ledger.CountQuery{Instance: "a"}, []ledger.Count{}},
		{"of an instance, with times", ledger.CountQuery{Instance: "b", Times: true, By: ledger.ByChannel}, []ledger.Count{
			{Group: ledger.Group{Channel: "sms", State: ledger.Delivered, Use: ledger.Used}, Messages: 1, Segments: 2},
			{Group: ledger.Group{Channel: "sms", State: ledger.Delivered, Use: ledger.Unused}, Messages: 1, Segments: 2},
			{Group: ledger.Group{Channel: "sms", State: ledger.Delivered, Measure: ledger.MeasureDelivery, Bucket: 15}, Messages: 1},
			{Group: ledger.Group{Channel: "sms", State: ledger.Delivered, Measure: ledger.MeasureDelivery, Bucket: 8}, Messages: 1},
			{Group: ledger.Group{Channel: "sms", State: ledger.Delivered, Measure: ledger.MeasureUse, Bucket: 24}, Messages: 1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := ledger.NewCounter(tt.query, now)
			for i := range messages {
				c.Add(&messages[i])
			}
			require.ElementsMatch(t, tt.want, c.Counts())
		})
	}
}
