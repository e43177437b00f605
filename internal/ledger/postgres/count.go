package postgres

import (
	"context"
	"strings"

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
