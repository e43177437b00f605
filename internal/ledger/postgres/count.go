package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

type countQuestion struct {
	Since    int64        `json:"since"`
	Until    int64        `json:"until"`
	Step     int64        `json:"step"`
	Periods  []period     `json:"periods"`
	By       []string     `json:"by"`
	Times    bool         `json:"times"`
	Country  string       `json:"country,omitempty"`
	Instance string       `json:"instance,omitempty"`
	Kind     string       `json:"kind,omitempty"`
	Rule     string       `json:"rule,omitempty"`
	State    ledger.State `json:"state,omitempty"`
}

type period struct {
	Span  int64 `json:"span"`
	Since int64 `json:"since"`
	Until int64 `json:"until"`
}

// Count is described at [ledger.Ledger].
func (s *Store) Count(ctx context.Context, q ledger.CountQuery) ([]ledger.Count, error) {
	if strings.Contains(q.Country+q.Instance+q.Rule, nul) {
		return nil, nil
	}
	question := countQuestion{
		Since: int64(q.Since), Step: q.Step.Microseconds(), By: append([]string{}, q.By.Names()...), // an empty list, not null
		Times:   q.Times,
		Country: q.Country, Instance: q.Instance, Kind: q.Kind.String(), Rule: q.Rule, State: q.State,
	}
	for _, p := range q.Periods(s.now()) {
		question.Periods = append(question.Periods, period{p.Span.Microseconds(), int64(p.Since), int64(p.Until)})
		question.Until = int64(p.Until) // the end of the last one
	}
	if question.Periods == nil {
		return nil, nil
	}
	var groups []struct {
		At                                                 int64
		Country, Instance, Channel, Kind, Rule, State, Use string
		Measure, Bucket                                    int8
		Messages, Segments                                 int
	}
	if err := s.ask(ctx, "count_groups", question, &groups); err != nil {
		return nil, err
	}
	counts := make([]ledger.Count, 0, len(groups))
	for _, g := range groups {
		kind, _ := ledger.ParseKind(g.Kind)
		use, _ := ledger.ParseUse(g.Use)
		counts = append(counts, ledger.Count{Messages: g.Messages, Segments: g.Segments, Group: ledger.Group{
			At: ledger.Time(g.At), Country: g.Country, Instance: g.Instance, Channel: g.Channel, Kind: kind, Rule: g.Rule, State: ledger.State(g.State), Use: use,
			Measure: ledger.Measure(g.Measure), Bucket: g.Bucket,
		}})
	}
	return counts, nil
}

type rollUpQuestion struct {
	Spans []rollUpSpan `json:"spans"`
	After int64        `json:"after"`
	Batch int          `json:"batch"`
}

type rollUpSpan struct {
	Length  int64 `json:"length"`
	KeptFor int64 `json:"kept_for"`
}

// Between leastRollUp and mostRollUp messages are rolled up in one exchange: fewer if the database is slow. Exchanges follow each other for
// rollUpTime, and the rest is left for the next sweep.
const (
	leastRollUp = 31
	mostRollUp  = 1000
	rollUpTime  = 200 * time.Millisecond
)

// rollUp adds messages to the kept counts that are old enough, and reports whether there are more. Counts are right without it, and slow: so an error
// is told, and is none of the sweep, after which the database would count as away.
func (s *Store) rollUp(ctx context.Context) (more bool) {
	batch := s.rollUpBatch.Load()
	if batch == 0 {
		batch = mostRollUp
	}
	more, err := s.rollUpBatches(ctx, int(batch))
	s.rollUpBatch.Store(min(2*batch, mostRollUp))
	if err != nil && !errors.Is(err, context.Canceled) {
		s.rollUpBatch.Store(max(batch/4, leastRollUp))
		more = true
	}
	s.noteRollingUp(err)
	return more
}

// noteRollingUp tells the operator when it changes whether messages can be rolled up.
func (s *Store) noteRollingUp(err error) {
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	s.mu.Lock()
	changed := s.rollingUp != problem
	s.rollingUp = problem
	s.mu.Unlock()
	if changed && s.settings.RollingUp != nil {
		s.settings.RollingUp(problem)
	}
}

func (s *Store) rollUpBatches(ctx context.Context, batch int) (more bool, err error) {
	q := rollUpQuestion{After: ledger.RollUpAfter.Microseconds(), Batch: batch}
	for _, span := range ledger.Spans {
		q.Spans = append(q.Spans, rollUpSpan{span.Length.Microseconds(), span.KeptFor().Microseconds()})
	}
	for begun := time.Now(); ; {
		var a struct{ More bool }
		err := s.ask(ctx, "roll_up", q, &a)
		if err != nil || !a.More || time.Since(begun) > rollUpTime {
			return a.More, err
		}
	}
}
