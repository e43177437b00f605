package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"

	"github.com/smshook/smshook/internal/ledger"
)

// rollupSchema is what keeps counts of messages, see [ledger.Spans]. Messages that were received before rolled_up.until are in the rollup. A later
// change adds rows to rollup_change: the old facts with n = -1, the new facts with n = 1. They are added to the rollup with the next messages.
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
create table rollup_change (at integer not null, facts text not null, n integer not null);
create trigger messages_inserted after insert on messages when new.received_at < (select until from rolled_up) begin
	insert into rollup_change select new.received_at, new.facts, 1 where new.facts <> '';
end;
create trigger messages_updated after update of facts, received_at on messages
	when (old.facts is not new.facts or old.received_at <> new.received_at)
		and (old.received_at < (select until from rolled_up) or new.received_at < (select until from rolled_up)) begin
	insert into rollup_change select old.received_at, old.facts, -1 from rolled_up where old.received_at < until and old.facts <> '';
	insert into rollup_change select new.received_at, new.facts, 1 from rolled_up where new.received_at < until and new.facts <> '';
end;
create trigger messages_deleted after delete on messages when old.received_at < (select until from rolled_up) begin
	insert into rollup_change select old.received_at, old.facts, -1 where old.facts <> '';
end;
`

// factsOf returns the facts of a message as its row has them: nothing while it is queued or being sent, since time can change that state.
func factsOf(m *ledger.Message) string {
	f := m.Facts(0)
	if f.State == ledger.Queued || f.State == ledger.Sending {
		return ""
	}
	fields := []string{f.Country, f.Instance, f.Channel, f.Kind.String(), f.Rule, string(f.State)}
	for _, n := range []int{int(f.Use), int(f.Segments), int(f.DeliveryBucket), int(f.UseBucket)} {
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
		Use: ledger.Use(numbers[0]), Segments: uint8(numbers[1]), DeliveryBucket: int8(numbers[2]), UseBucket: int8(numbers[3]),
	}, nil
}

// rollUp rolls up messages that are old enough, a batch of them, and what has changed, and reports whether there is more.
func (r *rows) rollUp(ctx context.Context, now ledger.Time, batch int) (more bool, err error) {
	shortest := ledger.Spans[0]
	until := shortest.StepAt(now.Add(-ledger.RollUpAfter))
	due := func() (from int64, due bool, err error) {
		var changes int64
		err = r.conn.QueryRowContext(ctx, "select until, (select coalesce(max(rowid) - min(rowid) + 1, 0) from rollup_change) from rolled_up").Scan(&from, &changes)
		return from, until > ledger.Time(from) || changes >= int64(batch), err // few changes wait for the next messages
	}
	if _, due, err := due(); err != nil || !due {
		return false, err
	}
	err = r.in(ctx, func() error {
		from, due, err := due() // another process may have rolled them up meanwhile
		if err != nil || !due {
			return err
		}
		counter := ledger.NewCounter(ledger.CountQuery{Step: shortest.Length, By: ledger.AllDimensions, Times: true}, now)
		moreChanges, err := r.takeChanges(ctx, counter, batch)
		if err != nil {
			return err
		}
		counted, moreMessages, err := r.takeMessages(ctx, counter, ledger.Time(from), until, batch)
		if err != nil {
			return err
		}
		more = moreChanges || moreMessages
		if err := r.addCounts(ctx, counter.Counts(), now); err != nil {
			return err
		}
		_, err = r.conn.ExecContext(ctx, "update rolled_up set until = ?", int64(counted))
		return err
	})
	return more && err == nil, err
}

// takeChanges counts changes, the oldest first, and removes them.
func (r *rows) takeChanges(ctx context.Context, counter *ledger.Counter, batch int) (more bool, err error) {
	found, err := r.conn.QueryContext(ctx, "delete from rollup_change where rowid in (select rowid from rollup_change order by rowid limit ?) returning at, facts, n", batch)
	if err != nil {
		return false, err
	}
	n, err := addChanges(found, counter, func(ledger.Time) bool { return true })
	return n == batch, err
}

// addChanges counts rows of rollup_change, those at the times that are asked for, and returns how many rows there were.
func addChanges(found *sql.Rows, counter *ledger.Counter, asked func(ledger.Time) bool) (rows int, err error) {
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

// takeMessages counts up to batch messages received from `from` on, and before until. It returns the time up to which all messages are counted.
// Messages of one microsecond are never divided, so there may be more.
func (r *rows) takeMessages(ctx context.Context, counter *ledger.Counter, from, until ledger.Time, batch int) (counted ledger.Time, more bool, err error) {
	if until <= from {
		return from, false, nil
	}
	var next int64
	err = r.conn.QueryRowContext(ctx, "select received_at from messages where received_at >= ? and received_at < ? order by received_at limit 1 offset ?",
		int64(from), int64(until), batch).Scan(&next)
	switch {
	case err == nil:
		until, more = max(ledger.Time(next), from+1), true
	case !errors.Is(err, sql.ErrNoRows):
		return from, false, err
	}
	// Facts are written before rolled_up.until moves: after that, the trigger would note them as a change.
	if err := r.fillFacts(ctx, from, until); err != nil {
		return from, false, err
	}
	return until, more, addMessages(ctx, r.conn, counter, from, until)
}

// fillFacts gives facts to messages that version 1 has written.
func (r *rows) fillFacts(ctx context.Context, since, until ledger.Time) error {
	found, err := r.conn.QueryContext(ctx, "select id, received_at, mfa, state from messages where received_at >= ? and received_at < ? and facts is null", int64(since), int64(until))
	if err != nil {
		return err
	}
	messages, err := scanMessages(found)
	if err != nil || len(messages) == 0 {
		return err
	}
	fill, err := r.conn.PrepareContext(ctx, "update messages set facts = ? where id = ?")
	if err != nil {
		return err
	}
	defer fill.Close()
	for i := range messages {
		if _, err := fill.ExecContext(ctx, factsOf(&messages[i]), messages[i].ID); err != nil {
			return err
		}
	}
	return nil
}

// querier is a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, values ...any) (*sql.Rows, error)
}

// addMessages counts the messages that were received in a time, but for those that are queued or being sent.
func addMessages(ctx context.Context, db querier, counter *ledger.Counter, since, until ledger.Time) error {
	found, err := db.QueryContext(ctx, "select received_at, facts, case when facts is null then state end, mfa from messages where received_at >= ? and received_at < ?",
		int64(since), int64(until))
	if err != nil {
		return err
	}
	defer found.Close()
	parsed := map[string]ledger.Facts{} // many messages have the same
	for found.Next() {
		var at int64
		var facts, state sql.NullString
		var mfa bool
		if err := found.Scan(&at, &facts, &state, &mfa); err != nil {
			return errCorrupt
		}
		if !facts.Valid { // version 1 has written it
			m, err := decode("", ledger.Time(at), mfa, state.String)
			if err != nil {
				return err
			}
			facts.String = factsOf(&m)
		}
		if facts.String == "" {
			continue
		}
		f, known := parsed[facts.String]
		if !known {
			if f, err = parseFacts(facts.String); err != nil {
				return err
			}
			parsed[facts.String] = f
		}
		counter.AddFacts(ledger.Time(at), f, 1)
	}
	return found.Err()
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
		oldest := ledger.Time(0)
		if s.KeptFor() > 0 {
			oldest = now.Add(-s.KeptFor())
		}
		counter := ledger.NewCounter(ledger.CountQuery{Step: s.Length, By: ledger.AllDimensions}, now)
		for _, c := range counts {
			counter.AddCount(c)
		}
		counts = counter.Counts()
		for _, c := range counts {
			if c.At < oldest {
				continue
			}
			key := []any{s.Length.Microseconds(), int(c.Measure), int64(c.At), c.Country, c.Instance, c.Channel, c.Kind.String(), c.Rule, string(c.State), int(c.Use), int(c.Bucket)}
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
		// All measures are named, so that the primary key can be used.
		if _, err := r.conn.ExecContext(ctx, "delete from rollup where span = ? and measure in (0, 1, 2) and at < ?", s.Length.Microseconds(), int64(oldest)); err != nil {
			return err
		}
	}
	return nil
}
