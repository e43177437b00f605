package sqlite

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/smshook/smshook/internal/ledger"
)

// Count is described at [ledger.Ledger].
func (r *Reader) Count(ctx context.Context, q ledger.CountQuery) ([]ledger.Count, error) {
	if r.version < version {
		return nil, errOlder
	}
	now := ledger.At(r.clock())
	counter := ledger.NewCounter(q, now)
	at, err := r.db.BeginTx(ctx, nil) // all that is read is of one moment
	if err != nil {
		return nil, reason(err)
	}
	defer func() { _ = at.Rollback() }() // it has only read
	if err := count(ctx, at, q, counter, now); err != nil {
		return nil, reason(err)
	}
	return counter.Counts(), nil
}

// count counts the messages of a query: those whose state time can change, those in steps that are rolled up, and the others.
func count(ctx context.Context, at *sql.Tx, q ledger.CountQuery, counter *ledger.Counter, now ledger.Time) error {
	var rolledUp ledger.Time
	if err := at.QueryRowContext(ctx, "select until from rolled_up").Scan((*int64)(&rolledUp)); err != nil {
		return err
	}
	ranges := q.Ranges(now)
	for _, r := range ranges {
		single := r.Since
		if r.Span != 0 {
			if err := addRollup(ctx, at, q, counter, r); err != nil {
				return err
			}
			single = max(single, rolledUp)
		}
		if single >= r.Until {
			continue
		}
		if _, err := addMessages(ctx, at, counter, single, r.Until); err != nil {
			return err
		}
	}
	late, err := at.QueryContext(ctx, "select at, facts, n from rollup_late")
	if err != nil {
		return err
	}
	if _, err := addLate(late, counter, func(at ledger.Time) bool {
		return slices.ContainsFunc(ranges, func(r ledger.Range) bool { return r.Span != 0 && r.Since <= at && at < r.Until })
	}); err != nil {
		return err
	}
	return addChanging(ctx, at, q, counter)
}

// addRollup counts the messages of steps that are rolled up.
func addRollup(ctx context.Context, at *sql.Tx, q ledger.CountQuery, counter *ledger.Counter, r ledger.Range) error {
	columns, measures := "''", "(0)"
	dimensions := q.By.Names()
	if len(dimensions) > 0 {
		columns = strings.Join(dimensions, ", ")
	}
	if q.Times {
		measures = "(0, 1, 2)"
	}
	step := "?1"
	if q.Step != 0 {
		step = "?1 + (at - ?1) / ?2 * ?2"
	}
	conditions, values := "", []any{int64(q.Since), q.Step.Microseconds(), r.Span.Microseconds(), int64(r.Since), int64(r.Until)}
	for _, f := range []struct{ condition, value string }{
		{"country = ?", q.Country}, {"instance = ? and state <> 'failed'", q.Instance}, {"kind = ?", q.Kind.String()}, {"rule = ?", q.Rule}, {"state = ?", string(q.State)},
	} {
		if f.value != "" {
			conditions, values = conditions+" and "+f.condition, append(values, f.value)
		}
	}
	found, err := at.QueryContext(ctx, `select `+step+`, state, use, measure, bucket, sum(messages), sum(segments), `+columns+` from rollup
		where span = ?3 and measure in `+measures+` and at >= ?4 and at < ?5`+conditions+` group by 1, 2, 3, 4, 5, `+columns, values...)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		var c ledger.Count
		var kind, none string
		places := []any{(*int64)(&c.At), (*string)(&c.State), &c.Use, &c.Measure, &c.Bucket, &c.Messages, &c.Segments}
		for _, name := range dimensions {
			places = append(places, map[string]any{"country": &c.Country, "instance": &c.Instance, "channel": &c.Channel, "kind": &kind, "rule": &c.Rule}[name])
		}
		if len(dimensions) == 0 {
			places = append(places, &none)
		}
		if err := found.Scan(places...); err != nil {
			return errCorrupt
		}
		c.Kind, _ = ledger.ParseKind(kind)
		counter.AddCount(c)
	}
	return found.Err()
}

// addChanging counts the messages whose state time can change. There are few of them.
func addChanging(ctx context.Context, at *sql.Tx, q ledger.CountQuery, counter *ledger.Counter) error {
	for _, word := range []ledger.State{ledger.Queued, ledger.Sending} {
		found, err := at.QueryContext(ctx, "select id, received_at, mfa, state from messages where word = ? and received_at >= ?", string(word), int64(q.Since))
		if err != nil {
			return err
		}
		messages, err := scanMessages(found)
		if err != nil {
			return err
		}
		for i := range messages {
			counter.Add(&messages[i])
		}
	}
	return nil
}

// Count is described at [ledger.Ledger].
func (l *Ledger) Count(ctx context.Context, q ledger.CountQuery) ([]ledger.Count, error) {
	l.pending.last().wait(l.waitAtMost)
	counts, err := l.reader.Count(ctx, q)
	if err == nil || ctx.Err() != nil {
		return counts, err
	}
	counts, _ = l.memory.Count(ctx, q)
	return counts, ledger.ErrAway
}
