package postgres

import (
	"context"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

// Count is described at [ledger.Ledger].
func (s *Store) Count(ctx context.Context, q ledger.CountQuery) ([]ledger.Count, error) {
	question := struct {
		Since int64 `json:"since"`
		Until int64 `json:"until"`
		Step  int64 `json:"step"`
	}{int64(q.Since), int64(q.Until), int64(q.Step / time.Microsecond)}
	var groups []struct {
		At                                        int64
		Country, Instance, Kind, Rule, State, Use string
		Messages, Segments                        int
	}
	if err := s.ask(ctx, "count", question, &groups); err != nil {
		return nil, err
	}
	counts := make([]ledger.Count, 0, len(groups))
	for _, g := range groups {
		kind, _ := ledger.ParseKind(g.Kind)
		use, _ := ledger.ParseUse(g.Use)
		counts = append(counts, ledger.Count{Messages: g.Messages, Segments: g.Segments, Group: ledger.Group{
			At: ledger.Time(g.At), Country: g.Country, Instance: g.Instance, Kind: kind, Rule: g.Rule, State: ledger.State(g.State), Use: use,
		}})
	}
	return counts, nil
}
