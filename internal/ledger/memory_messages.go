package ledger

import (
	"context"
	"hash/maphash"
	"iter"
	"slices"
	"time"
)

// outOfOrder is how much later a message may have been received than one that was added after it.
const outOfOrder = time.Minute

// Messages is described at [Ledger].
func (m *Memory) Messages(_ context.Context, q Query) ([]Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	asked := asked{Query: q, user: maphash.String(m.seed, q.User), number: maphash.String(m.seed, q.Number)}
	var found []*record
	var enough Time // what was received before it has no place on the page
	for r := range m.among(q) {
		if len(found) >= q.PageSize() && r.ReceivedAt < enough.Add(-outOfOrder) || r.ReceivedAt < q.Since.Add(-outOfOrder) {
			break
		}
		if !asked.matches(r, now) {
			continue
		}
		if found = append(found, r); len(found) == q.PageSize() {
			enough = r.ReceivedAt
		}
	}
	slices.SortFunc(found, func(a, b *record) int {
		if a.Place().before(b.Place()) {
			return 1
		}
		return -1
	})
	var page []Message
	for _, r := range found[:min(len(found), q.PageSize())] {
		page = append(page, r.Shown())
	}
	return page, nil
}

// among returns the records that may be asked for, the newest first.
func (m *Memory) among(q Query) iter.Seq[*record] {
	switch {
	case q.ID != "":
		return func(yield func(*record) bool) {
			if r := m.messages.get(q.ID); r != nil {
				yield(r)
			}
		}
	case len(q.Names) > 0:
		var named []*record
		for _, n := range q.Names {
			if r := m.named(n); r != nil && !slices.Contains(named, r) {
				named = append(named, r)
			}
		}
		return slices.Values(named)
	}
	return m.messages.newest()
}

// asked is a query with the hashes of what records have hashes of.
type asked struct {
	Query
	user, number uint64
}

func (q asked) matches(r *record, now Time) bool {
	return (q.ID == "" || r.ID == q.ID) &&
		(q.User == "" || r.user == q.user) &&
		(q.Number == "" || r.number == q.number) &&
		(q.Country == "" || r.Country == q.Country) &&
		(q.Instance == "" || r.Instance == q.Instance) &&
		(q.Kind == 0 || r.Kind == q.Kind) &&
		(q.Rule == "" || r.Rule == q.Rule) &&
		r.ReceivedAt >= q.Since &&
		(q.Until == 0 || r.ReceivedAt < q.Until) &&
		(q.Before == Place{} || r.Place().before(q.Before)) &&
		(q.State == "" || r.State(now) == q.State)
}

// Shown returns the record without what nobody may see: its contents, and the names of instances, of which some contain the number.
func (m *Message) Shown() Message {
	shown := m.copy()
	shown.Contents = nil
	for i := range shown.Attempts {
		for j := range shown.Attempts[i].Parts {
			shown.Attempts[i].Parts[j].ID = ""
		}
	}
	return shown
}

// Refuse is described at [Ledger].
func (m *Memory) Refuse(_ context.Context, c Call, result Result, rule string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, err := m.find(c); err == nil && !r.Sending && !r.Settled() && len(r.Attempts) == 0 {
		m.refuse(r, result)
		r.Number, r.Rule, r.Why = c.Number, rule, Why(c)
		m.trim(c.ReceivedAt)
	}
	return nil
}
