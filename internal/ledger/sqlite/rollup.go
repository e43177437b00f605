package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"

	"github.com/smshook/smshook/internal/ledger"
)

// rollupSchema is what keeps counts of messages, see [ledger.Spans]. The counts of messages that were received before rolled_up.until are in
// the rollup. What changes in these later is in rollup_late until it is added: what a message was is subtracted, and what it is is added.
const rollupSchema = `
create table rollup (
	span     integer not null, -- in microseconds
	measure  integer not null,
	at       integer not null, -- when the step begins
	country  text    not null,
	instance text    not null,
	channel  text    not null,
	kind     text    not null,
	rule     text    not null,
	state    text    not null,
	use      integer not null,
	bucket   integer not null,
	messages integer not null,
	segments integer not null,
	primary key (span, measure, at, country, instance, channel, kind, rule, state, use, bucket)
) without rowid;
create table rolled_up (until integer not null);
insert into rolled_up values (0);
create table rollup_late (at integer not null, facts text not null, n integer not null);
create trigger messages_inserted after insert on messages when new.received_at < (select until from rolled_up) begin
	insert into rollup_late select new.received_at, new.facts, 1 where new.facts <> '';
end;
create trigger messages_updated after update of facts, received_at on messages
	when (old.facts is not new.facts or old.received_at <> new.received_at)
		and (old.received_at < (select until from rolled_up) or new.received_at < (select until from rolled_up)) begin
	insert into rollup_late select old.received_at, old.facts, -1 from rolled_up where old.received_at < until and old.facts <> '';
	insert into rollup_late select new.received_at, new.facts, 1 from rolled_up where new.received_at < until and new.facts <> '';
end;
create trigger messages_deleted after delete on messages when old.received_at < (select until from rolled_up) begin
	insert into rollup_late select old.received_at, old.facts, -1 where old.facts <> '';
end;
`

// factsOf returns the facts of a message as its row has them: nothing as long as time can change its state.
func factsOf(m *ledger.Message) string {
	f := m.Facts(0)
	if f.State == ledger.Queued || f.State == ledger.Sending {
		return ""
	}
	numbers := []int{int(f.Use), int(f.Segments), int(f.ToDelivery), int(f.ToUse)}
	fields := []string{f.Country, f.Instance, f.Channel, f.Kind.String(), f.Rule, string(f.State)}
	for _, n := range numbers {
		fields = append(fields, strconv.Itoa(n))
	}
	return strings.Join(fields, separator)
}

// separator is in no field: ASCII's unit separator.
const separator = "\x1f"

func parseFacts(text string) (f ledger.Facts, err error) {
	fields := strings.Split(text, separator)
	if len(fields) != 10 {
		return f, errCorrupt
	}
	var numbers [4]int
	for i := range numbers {
		if numbers[i], err = strconv.Atoi(fields[6+i]); err != nil {
			return f, errCorrupt
		}
	}
	kind, _ := ledger.ParseKind(fields[3])
	return ledger.Facts{
		Country: fields[0], Instance: fields[1], Channel: fields[2], Kind: kind, Rule: fields[4], State: ledger.State(fields[5]),
		Use: ledger.Use(numbers[0]), Segments: uint8(numbers[1]), ToDelivery: int8(numbers[2]), ToUse: int8(numbers[3]),
	}, nil
}

// rollUpBatch is how many messages are rolled up in one transaction: writes wait for it.
const rollUpBatch = 5000

// rollUp rolls up messages that are old enough, a batch of them, and what is late, and reports whether there is more.
func (r *rows) rollUp(ctx context.Context, now ledger.Time, batch int) (more bool, err error) {
	shortest := ledger.Spans[0]
	var from ledger.Time
	if err := r.conn.QueryRowContext(ctx, "select until from rolled_up").Scan((*int64)(&from)); err != nil {
		return false, err
	}
	until := shortest.Step(now.Add(-ledger.RollUpAfter))
	if until <= from {
		return false, nil
	}
	err = r.in(ctx, func() error {
		counter := ledger.NewCounter(ledger.CountQuery{Step: shortest.Long, By: ledger.AllDimensions, Times: true}, now)
		late, err := r.takeLate(ctx, counter, batch)
		if err != nil {
			return err
		}
		if until, more, err = r.takeDue(ctx, counter, from, until, batch); err != nil {
			return err
		}
		more = more || late
		if err := r.addCounts(ctx, counter.Counts(), now); err != nil {
			return err
		}
		_, err = r.conn.ExecContext(ctx, "update rolled_up set until = ?", int64(until))
		return err
	})
	return more && err == nil, err
}

// takeLate counts what is late, and removes it.
func (r *rows) takeLate(ctx context.Context, counter *ledger.Counter, batch int) (more bool, err error) {
	found, err := r.conn.QueryContext(ctx, "delete from rollup_late where rowid in (select rowid from rollup_late order by rowid limit ?) returning at, facts, n", batch)
	if err != nil {
		return false, err
	}
	n, err := addLate(found, counter, func(ledger.Time) bool { return true })
	return n == batch, err
}

// addLate counts rows of rollup_late, those at the times that are asked for, and returns how many rows there were.
func addLate(found *sql.Rows, counter *ledger.Counter, asked func(ledger.Time) bool) (rows int, err error) {
	defer found.Close()
	for ; found.Next(); rows++ {
		var at int64
		var text string
		var n int
		if err := found.Scan(&at, &text, &n); err != nil {
			return rows, errCorrupt
		}
		f, err := parseFacts(text)
		if err != nil {
			return rows, err
		}
		if asked(ledger.Time(at)) {
			counter.AddFacts(ledger.Time(at), f, n)
		}
	}
	return rows, found.Err()
}

// takeDue counts the messages that were received in a time, or the first of these, and returns until when it has counted all.
func (r *rows) takeDue(ctx context.Context, counter *ledger.Counter, from, until ledger.Time, batch int) (counted ledger.Time, more bool, err error) {
	var next int64
	err = r.conn.QueryRowContext(ctx, "select received_at from messages where received_at >= ? and received_at < ? order by received_at limit 1 offset ?",
		int64(from), int64(until), batch).Scan(&next)
	switch {
	case err == nil:
		until, more = max(ledger.Time(next), from+1), true
	case !errors.Is(err, sql.ErrNoRows):
		return from, false, err
	}
	without, err := addMessages(ctx, r.conn, counter, from, until)
	if err != nil {
		return from, false, err
	}
	for n, facts := range without {
		if _, err := r.conn.ExecContext(ctx, "update messages set facts = ? where n = ?", facts, n); err != nil {
			return from, false, err
		}
	}
	return until, more, nil
}

// querier is a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, values ...any) (*sql.Rows, error)
}

// addMessages counts the messages that were received in a time, but for those whose state time can change. It returns the facts of those rows that
// have none, since an older version has written them.
func addMessages(ctx context.Context, from querier, counter *ledger.Counter, since, until ledger.Time) (without map[int64]string, err error) {
	found, err := from.QueryContext(ctx, "select received_at, coalesce(facts, '?') from messages where received_at >= ? and received_at < ?", int64(since), int64(until))
	if err != nil {
		return nil, err
	}
	defer found.Close()
	old := false
	parsed := map[string]ledger.Facts{} // many messages have the same
	for found.Next() {
		var at int64
		var text string
		if err := found.Scan(&at, &text); err != nil {
			return nil, errCorrupt
		}
		if text == "?" {
			old = true
			continue
		}
		if text == "" {
			continue
		}
		f, known := parsed[text]
		if !known {
			if f, err = parseFacts(text); err != nil {
				return nil, err
			}
			parsed[text] = f
		}
		counter.AddFacts(ledger.Time(at), f, 1)
	}
	if err := found.Err(); err != nil || !old {
		return nil, err
	}
	return addOldMessages(ctx, from, counter, since, until)
}

// addOldMessages counts those of them that an older version has written.
func addOldMessages(ctx context.Context, from querier, counter *ledger.Counter, since, until ledger.Time) (without map[int64]string, err error) {
	found, err := from.QueryContext(ctx, "select n, id, received_at, mfa, state from messages where received_at >= ? and received_at < ? and facts is null", int64(since), int64(until))
	if err != nil {
		return nil, err
	}
	defer found.Close()
	without = map[int64]string{}
	for found.Next() {
		var n, at int64
		var id, state string
		var mfa bool
		if err := found.Scan(&n, &id, &at, &mfa, &state); err != nil {
			return nil, errCorrupt
		}
		m, err := decode(id, ledger.Time(at), mfa, state)
		if err != nil {
			return nil, err
		}
		if without[n] = factsOf(&m); without[n] != "" {
			counter.AddFacts(m.ReceivedAt, m.Facts(0), 1)
		}
	}
	return without, found.Err()
}

// addCounts adds counts of the shortest span's steps to the rollup, and removes what is of no more use.
func (r *rows) addCounts(ctx context.Context, counts []ledger.Count, now ledger.Time) error {
	add, err := r.conn.PrepareContext(ctx, `insert into rollup values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		on conflict do update set messages = messages + excluded.messages, segments = segments + excluded.segments returning messages`)
	if err != nil {
		return err
	}
	defer add.Close()
	remove, err := r.conn.PrepareContext(ctx, `delete from rollup where span = ? and measure = ? and at = ? and country = ? and instance = ? and channel = ? and kind = ?
		and rule = ? and state = ? and use = ? and bucket = ?`)
	if err != nil {
		return err
	}
	defer remove.Close()
	for _, s := range ledger.Spans {
		counter := ledger.NewCounter(ledger.CountQuery{Step: s.Long, By: ledger.AllDimensions}, now)
		for _, c := range counts {
			counter.AddCount(c)
		}
		counts = counter.Counts()
		for _, c := range counts {
			if s.Outdated(c.At, now) {
				continue
			}
			key := []any{s.Long.Microseconds(), int(c.Measure), int64(c.At), c.Country, c.Instance, c.Channel, c.Kind.String(), c.Rule, string(c.State), int(c.Use), int(c.Bucket)}
			var left int
			if err := add.QueryRowContext(ctx, append(key, c.Messages, c.Segments)...).Scan(&left); err != nil {
				return err
			}
			if left == 0 {
				if _, err := remove.ExecContext(ctx, key...); err != nil {
					return err
				}
			}
		}
		if s.Keep == 0 {
			continue
		}
		if _, err := r.conn.ExecContext(ctx, "delete from rollup where span = ? and measure in (0, 1, 2) and at < ?",
			s.Long.Microseconds(), int64(now.Add(-s.Keep-s.Keep/8))); err != nil {
			return err
		}
	}
	return nil
}
