package postgres

import (
	"context"
	"strings"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

// userID returns the ID of one of Auth's users, which is a UUID. Those of other callers are stored as hashes only.
func userID(user string) string {
	if providers.UUID.MatchString(user) {
		return user
	}
	return ""
}

// query is a question for messages, as smshook.messages takes it. What is missing is not asked for.
type query struct {
	ID        string  `json:"id,omitempty"`
	Names     []int64 `json:"names,omitempty"`
	NumberKey *int64  `json:"number_key,omitempty"`
	User      *int64  `json:"user,omitempty"`
	State     string  `json:"state,omitempty"`
	Country   string  `json:"country,omitempty"`
	Instance  string  `json:"instance,omitempty"`
	Kind      string  `json:"kind,omitempty"`
	Rule      string  `json:"rule,omitempty"`
	Since     int64   `json:"since,omitempty"`
	Until     int64   `json:"until,omitempty"`
	BeforeAt  int64   `json:"before_at,omitempty"`
	BeforeID  string  `json:"before_id,omitempty"`
	Limit     int     `json:"limit"`
}

// nul is in no text in Postgres.
const nul = "\x00"

// Messages is described at [ledger.Ledger].
func (s *Store) Messages(ctx context.Context, q ledger.Query) ([]ledger.Message, error) {
	if strings.Contains(q.ID+q.Country+q.Instance+q.Rule+q.Before.ID, nul) {
		return nil, nil
	}
	h, err := s.hasher(ctx)
	if err != nil {
		return nil, err
	}
	question := query{
		ID: q.ID, State: string(q.State), Country: q.Country, Instance: q.Instance, Kind: q.Kind.String(), Rule: q.Rule,
		Since: int64(q.Since), Until: int64(q.Until), BeforeAt: int64(q.Before.ReceivedAt), BeforeID: q.Before.ID, Limit: q.PageSize(),
	}
	if q.Number != "" {
		key := h.hash("number", q.Number)
		question.NumberKey = &key
	}
	if q.User != "" {
		key := h.hash("user", q.User)
		question.User = &key
	}
	for _, n := range q.Names {
		question.Names = append(question.Names, h.name(n.Instance, n.ID))
	}
	var rows []record
	if err := s.ask(ctx, "messages", question, &rows); err != nil {
		return nil, err
	}
	var page []ledger.Message
	for _, r := range rows {
		m, err := s.message(r)
		if err != nil {
			return nil, err
		}
		page = append(page, m.Shown())
	}
	return page, nil
}

// Refuse is described at [ledger.Ledger].
func (s *Store) Refuse(ctx context.Context, c ledger.Call, result ledger.Result, rule string) error {
	h, err := s.hasher(ctx)
	if err != nil {
		return err
	}
	q := struct {
		call
		Result string `json:"result"`
		Rule   string `json:"rule"`
		Why    string `json:"why"`
	}{s.call(h, c), result.String(), rule, ledger.Why(c)}
	q.Sealed = nil
	return s.ask(ctx, "refuse", q, &struct{}{})
}
