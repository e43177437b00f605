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
	tx, err := r.db.BeginTx(ctx, nil) // all that is read is of one moment
	if err != nil {
		return nil, reason(err)
	}
	defer func() { _ = tx.Rollback() }() // it has only read
	if err := count(ctx, tx, q, counter, now); err != nil {
		return nil, reason(err)
	}
	return counter.Counts(), nil
}

// count counts the messages of a query: those in steps that are rolled up, the others one by one, what has changed, and those that are queued or
// being sent.
func count(ctx context.Context, tx *sql.Tx, q ledger.CountQuery, counter *ledger.Counter, now ledger.Time) error {
	var rolledUp ledger.Time
	if err := tx.QueryRowContext(ctx, "select until from rolled_up").Scan((*int64)(&rolledUp)); err != nil {
		return err
	}
	periods := q.Periods(now)
	for _, p := range periods {
		from := p.Since
		if p.Span != 0 {
			if err := addRollup(ctx, tx, q, counter, p); err != nil {
				return err
			}
			from = max(from, rolledUp)
		}
		if from >= p.Until {
			continue
		}
		if err := addMessages(ctx, tx, counter, from, p.Until); err != nil {
			return err
		}
	}
	changes, err := tx.QueryContext(ctx, "select at, facts, n from rollup_change")
	if err != nil {
		return err
	}
	if _, err := addChanges(changes, counter, func(at ledger.Time) bool {
		return slices.ContainsFunc(periods, func(p ledger.Period) bool { return p.Span != 0 && p.Since <= at && at < p.Until })
	}); err != nil {
		return err
	}
	return addUnderWay(ctx, tx, q, counter)
}

// addRollup counts the messages of steps that are rolled up. Columns that aren't asked for are empty.
func addRollup(ctx context.Context, tx *sql.Tx, q ledger.CountQuery, counter *ledger.Counter, p ledger.Period) error {
	step, measures := "?1", "(0)"
	if q.Step != 0 {
		step = "?1 + (at - ?1) / ?2 * ?2"
	}
	if q.Times {
		measures = "(0, 1, 2)"
	}
	var columns []string
	for _, name := range ledger.AllDimensions.Names() {
		if !slices.Contains(q.By.Names(), name) {
			name = "''"
		}
		columns = append(columns, name)
	}
	conditions, values := "", []any{int64(q.Since), q.Step.Microseconds(), p.Span.Microseconds(), int64(p.Since), int64(p.Until)}
	for _, f := range []struct{ condition, value string }{
		{"country = ?", q.Country}, {"instance = ? and state <> 'failed'", q.Instance}, {"kind = ?", q.Kind.String()}, {"rule = ?", q.Rule}, {"state = ?", string(q.State)},
	} {
		if f.value != "" {
			conditions, values = conditions+" and "+f.condition, append(values, f.value)
		}
	}
	found, err := tx.QueryContext(ctx, `select `+step+`, `+strings.Join(columns, ", ")+`, state, use, measure, bucket, sum(messages), sum(segments) from rollup
		where span = ?3 and measure in `+measures+` and at >= ?4 and at < ?5`+conditions+` group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10`, values...)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		var c ledger.Count
		var kind string
		if err := found.Scan((*int64)(&c.At), &c.Country, &c.Instance, &c.Channel, &kind, &c.Rule, (*string)(&c.State), &c.Use, &c.Measure, &c.Bucket, &c.Messages, &c.Segments); err != nil {
			return errCorrupt
		}
		c.Kind, _ = ledger.ParseKind(kind)
		counter.AddCount(c)
	}
	return found.Err()
}

// addUnderWay counts the messages that are queued or being sent. There are few of them.
func addUnderWay(ctx context.Context, tx *sql.Tx, q ledger.CountQuery, counter *ledger.Counter) error {
	for _, word := range []ledger.State{ledger.Queued, ledger.Sending} {
		found, err := tx.QueryContext(ctx, "select id, received_at, mfa, state from messages where word = ? and received_at >= ?", string(word), int64(q.Since))
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
