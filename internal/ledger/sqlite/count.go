package sqlite

import (
	"context"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

// count counts what [ledger.Group] has. A message that no instance accepted counts for the last one that was asked.
const count = `select (received_at - ?1) / ?3 * ?3 + ?1,
	case when word = ?5 and expires_at <= ?4 then ?6 else word end,
	case when instance = '' and word = ?7 then coalesce(json_extract(state, '$.attempts[#-1].instance'), '') else instance end,
	country, kind, rule, use, count(*), sum(segments)
	from messages where received_at >= ?1 and received_at < ?2 group by 1, 2, 3, 4, 5, 6, 7`

// Count is described at [ledger.Ledger].
func (r *Reader) Count(ctx context.Context, q ledger.CountQuery) ([]ledger.Count, error) {
	rows, err := r.db.QueryContext(ctx, count, int64(q.Since), int64(q.Until), int64(q.Step/time.Microsecond), int64(ledger.At(r.clock())),
		string(ledger.Queued), string(ledger.Expired), string(ledger.StateFailed))
	if err != nil {
		return nil, reason(err)
	}
	defer rows.Close()
	var counts []ledger.Count
	for rows.Next() {
		var c ledger.Count
		var at int64
		var state, kind string
		if err := rows.Scan(&at, &state, &c.Instance, &c.Country, &kind, &c.Rule, &c.Use, &c.Messages, &c.Segments); err != nil {
			return nil, errCorrupt
		}
		c.At, c.State = ledger.Time(at), ledger.State(state)
		c.Kind, _ = ledger.ParseKind(kind)
		counts = append(counts, c)
	}
	if err := rows.Err(); err != nil {
		return nil, reason(err)
	}
	return counts, nil
}

// Count is described at [ledger.Ledger].
func (l *Ledger) Count(ctx context.Context, q ledger.CountQuery) ([]ledger.Count, error) {
	if last := l.pending.last(); last != nil {
		last.wait(l.waitAtMost)
	}
	counts, err := l.reader.Count(ctx, q)
	if err == nil || ctx.Err() != nil {
		return counts, err
	}
	counts, _ = l.memory.Count(ctx, q)
	return counts, ledger.ErrAway
}
