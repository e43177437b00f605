package ledger

import "time"

// Span is the length of the steps of one set of kept counts. Steps begin at whole multiples of Length since 1970, in UTC.
type Span struct {
	Length  time.Duration
	UsedFor time.Duration // how old a step may be whose counts are used; 0: as old as messages are
}

// Spans are the spans of all stores, the shortest first. Each divides the next. A store has counts for each: a change of the list needs a migration,
// since messages that are rolled up already would be missing in a new one.
var Spans = []Span{
	{time.Minute, 3 * time.Hour},
	{15 * time.Minute, 3 * 24 * time.Hour},
	{2 * time.Hour, 0},
	{24 * time.Hour, 0},
	{7 * 24 * time.Hour, 0},
}

// RollUpAfter is the age at which messages are added to the kept counts; most of them no longer change by then. It must be at least 10 minutes:
// Postgres notes no change of a message that is younger than 5 minutes (0006.sql), and transactions may still be open.
const RollUpAfter = 10 * time.Minute

// StepAt returns when the step begins that a time is in.
func (s Span) StepAt(at Time) Time { return at - at%Time(s.Length/time.Microsecond) }

// Outdated reports whether the counts of the step that begins at a time are not used any more.
func (s Span) Outdated(step, now Time) bool { return s.UsedFor != 0 && step < now.Add(-s.UsedFor) }

// KeptFor is how old a step may be whose counts are kept; 0: as old as messages are. That is longer than they are used: the clocks of those who add
// and of those who count may differ.
func (s Span) KeptFor() time.Duration { return s.UsedFor + s.UsedFor/8 }

// Period is a part of the time of a query. If Span is 0, its messages are counted one by one. Else its steps are whole, and each is within one
// step of the query.
type Period struct {
	Span         time.Duration
	Since, Until Time
}

// Periods divides the time of the query into parts that are counted from kept counts where there are some, in order. A query without an end ends with
// the next week, since the clocks of replicas may differ.
func (q CountQuery) Periods(now Time) (list []Period) {
	week := Spans[len(Spans)-1]
	until := q.Until
	if until == 0 {
		until = week.StepAt(now).Add(2 * week.Length)
	}
	for at := max(q.Since, 0); at < until; {
		p := q.next(at, until, now)
		if n := len(list); n > 0 && list[n-1].Span == p.Span {
			list[n-1].Until = p.Until
		} else {
			list = append(list, p)
		}
		at = p.Until
	}
	return list
}

// next returns one step of the longest span that fits at a time. If none fits, it returns the time up to the next step, to be counted one by one.
func (q CountQuery) next(at, until, now Time) Period {
	oneByOne := Period{0, at, until}
	for i := len(Spans) - 1; i >= 0; i-- {
		s := Spans[i]
		if q.Step != 0 && (q.Step%s.Length != 0 || s.StepAt(q.Since) != q.Since) {
			continue
		}
		begin := at
		if s.Outdated(at, now) {
			begin = now.Add(-s.UsedFor)
		}
		if s.StepAt(begin) != begin {
			begin = s.StepAt(begin).Add(s.Length)
		}
		switch end := begin.Add(s.Length); {
		case end > until:
		case begin == at:
			return Period{s.Length, at, end}
		default:
			oneByOne.Until = min(oneByOne.Until, begin)
		}
	}
	return oneByOne
}
