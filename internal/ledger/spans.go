package ledger

import "time"

// Span is a length of time for which a store keeps counts, so that messages need not be counted one by one. Its steps begin at whole multiples of
// it since 1970.
type Span struct {
	Long time.Duration
	Keep time.Duration // how long the counts of a step are used; 0: as long as its messages are kept
}

// Spans are those of the stores, from the shortest. Each divides the next one. Of a new one, a store would have no counts of what was before.
var Spans = []Span{
	{time.Minute, 3 * time.Hour},
	{15 * time.Minute, 3 * 24 * time.Hour},
	{2 * time.Hour, 21 * 24 * time.Hour},
	{24 * time.Hour, 0},
	{7 * 24 * time.Hour, 0},
}

// RollUpAfter is how old messages are when they are added to the kept counts: by then, most of them change no more.
const RollUpAfter = 10 * time.Minute

// Outdated reports whether the counts of a step are not used any more.
func (s Span) Outdated(step, now Time) bool { return s.Keep != 0 && step < now.Add(-s.Keep) }

// Step returns the beginning of the step that a time is in.
func (s Span) Step(at Time) Time { return at - at%Time(s.Long/time.Microsecond) }

// Range is a part of the time of a query. If Span is 0, its messages are counted one by one; else its steps are whole, and each is within
// one of the query's.
type Range struct {
	Span         time.Duration
	Since, Until Time
}

// Ranges divides the time of the query into as few parts as can be, in order. The time of a query without an end ends with the week.
func (q CountQuery) Ranges(now Time) (list []Range) {
	week := Spans[len(Spans)-1]
	until := q.Until
	if until == 0 {
		until = week.Step(now).Add(2 * week.Long) // the clocks of replicas may differ
	}
	for at := max(q.Since, 0); at < until; {
		r := q.next(at, until, now)
		if n := len(list); n > 0 && list[n-1].Span == r.Span {
			list[n-1].Until = r.Until
		} else {
			list = append(list, r)
		}
		at = r.Until
	}
	return list
}

// next returns the longest step that begins at a time; where there is none, the time until the next step of a span begins.
func (q CountQuery) next(at, until, now Time) Range {
	single := Range{0, at, until}
	for i := len(Spans) - 1; i >= 0; i-- {
		s := Spans[i]
		if q.Step != 0 && (q.Step%s.Long != 0 || s.Step(q.Since) != q.Since) {
			continue
		}
		begin := at
		if s.Outdated(at, now) {
			begin = now.Add(-s.Keep)
		}
		if s.Step(begin) != begin {
			begin = s.Step(begin).Add(s.Long)
		}
		switch end := begin.Add(s.Long); {
		case end > until:
		case begin == at:
			return Range{s.Long, at, end}
		default:
			single.Until = min(single.Until, begin)
		}
	}
	return single
}
