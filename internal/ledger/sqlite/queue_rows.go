package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

// queueSchema is the table of [Queue]. An item is behind others while it isn't the first of its serial. due is the earlier of due_at and
// expires_at. The claims of a process end with it, so state 1 is only found while the process lives.
const queueSchema = `
create table items (
	n          integer primary key,
	id         text    not null unique,
	topic      text    not null,
	serial     text    not null,
	flow       text    not null,
	priority   integer not null,
	due        integer not null,
	due_at     integer not null,
	expires_at integer not null,
	put_at     integer not null,
	state      integer not null,
	behind     integer not null,
	overtaken  integer not null,
	tries      integer not null,
	claim      integer not null,
	forget_at  integer not null,
	body       blob
);
create index items_waiting on items (topic, priority, due) where state = 0 and behind = 0;
create index items_behind on items (topic, due) where state = 0 and behind = 1;
create index items_serial on items (serial, n) where serial <> '' and state < 2;
create index items_flow on items (flow) where flow <> '' and state < 2;
create index items_forget_at on items (forget_at) where state >= 2;
`

// queueRows writes and reads the rows of a [Queue], inside of a transaction. It is used by one goroutine at a time.
type queueRows struct {
	put, overtake, forget           *sql.Stmt
	priority, due, claim            *sql.Stmt
	again, keep, remove, next, free *sql.Stmt
	cancelable, item                *sql.Stmt
	count, countBehind              *sql.Stmt
}

const itemColumns = `n, id, topic, serial, flow, priority, due_at, expires_at, put_at, overtaken, tries, body`

func newQueueRows(ctx context.Context, conn *sql.Conn) (*queueRows, error) {
	r := &queueRows{}
	for _, s := range []struct {
		to  **sql.Stmt
		sql string
	}{
		{&r.put, `insert into items (id, topic, serial, flow, priority, due, due_at, expires_at, put_at, body,
				behind, state, overtaken, tries, claim, forget_at)
			values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,
				?3 <> '' and exists (select 1 from items where serial = ?3 and serial <> '' and state < 2), 0, 0, 0, 0, 0)
			on conflict (id) do nothing`},
		{&r.overtake, `update items set overtaken = 1 where flow = ?1 and flow <> '' and state < 2 and id <> ?2`},
		{&r.forget, `delete from items where id = ? and state >= 2 and forget_at <= ?`},
		{&r.priority, `select min(priority) from items where topic = ? and state = 0 and behind = 0 and priority > ?`},
		{&r.due, `select n, due from items where topic = ? and priority = ? and state = 0 and behind = 0 order by due, n limit ?`},
		{&r.claim, `update items set state = 1, tries = tries + 1, claim = ? where n = ? returning ` + itemColumns},
		{&r.again, `update items set state = 0, due_at = ?1, due = min(?1, expires_at) where id = ?2 and claim = ?3 and state = 1`},
		{&r.keep, `update items set state = ?, forget_at = ?, body = ? where id = ?`},
		{&r.remove, `delete from items where id = ?`},
		{&r.next, `select n, topic, due from items where serial = ? and serial <> '' and state < 2 order by n limit 1`},
		{&r.free, `update items set behind = 0 where n = ?`},
		{&r.cancelable, `select topic, serial from items where id = ? and state = ? and (state = 0 or claim = ?)`},
		{&r.item, `select state, ` + itemColumns + ` from items where id = ? and not (state >= 2 and forget_at <= ?)`},
		{&r.count, `select topic, sum(due <= ?1), sum(due > ?1), min(due) from items indexed by items_waiting
			where state = 0 and behind = 0 group by topic`},
		{&r.countBehind, `select topic, sum(due <= ?1), sum(due > ?1), min(due) from items indexed by items_behind
			where state = 0 and behind = 1 group by topic`},
	} {
		statement, err := conn.PrepareContext(ctx, s.sql)
		if err != nil {
			return nil, err
		}
		*s.to = statement
	}
	return r, nil
}

// changes runs a statement, and reports whether it has changed a row.
func changes(ctx context.Context, s *sql.Stmt, values ...any) (bool, error) {
	result, err := s.ExecContext(ctx, values...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// add adds an item, unless its ID is there already. It returns how many items there are more now.
func (r *queueRows) add(ctx context.Context, i ledger.Item, now ledger.Time) (more int, err error) {
	forgotten, err := changes(ctx, r.forget, i.ID, int64(now))
	if err != nil {
		return 0, err
	}
	added, err := changes(ctx, r.put, i.ID, string(i.Topic), i.Serial, i.Flow, i.Priority, int64(i.Due()), int64(i.DueAt), int64(i.ExpiresAt),
		int64(now), i.Body)
	if err != nil || !added {
		return 0, err
	}
	if i.Flow != "" {
		_, err = r.overtake.ExecContext(ctx, i.Flow, i.ID)
	}
	if forgotten {
		return 0, err
	}
	return 1, err
}

// candidate is an item that waits and isn't behind another.
type candidate struct {
	n        int64
	priority int
	due      ledger.Time
}

// candidates returns the most urgent items of a topic that are due, and when the next of the others is due: 0 if there are too many
// to tell, or [never].
func (r *queueRows) candidates(ctx context.Context, topic ledger.Topic, now ledger.Time, most int) (due []candidate, next ledger.Time, err error) {
	next = never
	for priority := -1 << 8; ; {
		var lowest sql.NullInt64
		if err := r.priority.QueryRowContext(ctx, string(topic), priority).Scan(&lowest); err != nil {
			return nil, 0, err
		}
		if !lowest.Valid {
			return due, next, nil
		}
		priority = int(lowest.Int64)
		found, err := r.ofPriority(ctx, topic, priority, now, most+1)
		if err != nil {
			return nil, 0, err
		}
		for _, c := range found {
			switch {
			case c.due > now:
				next = min(next, c.due)
			case len(due) == most:
				return due, 0, nil
			default:
				due = append(due, c)
			}
		}
	}
}

// ofPriority returns the items of a priority that are due, at most so many, and the first that isn't.
func (r *queueRows) ofPriority(ctx context.Context, topic ledger.Topic, priority int, now ledger.Time, most int) (found []candidate, err error) {
	rows, err := r.due.QueryContext(ctx, string(topic), priority, most)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		c := candidate{priority: priority}
		if err := rows.Scan(&c.n, &c.due); err != nil {
			return nil, err
		}
		if found = append(found, c); c.due > now {
			break
		}
	}
	return found, rows.Err()
}

// take claims items that are due, and says when the next one of each topic is due.
func (r *queueRows) take(
	ctx context.Context, topics []ledger.Topic, now ledger.Time, most int, claim int64,
) (claimed []ledger.Claimed, next map[ledger.Topic]ledger.Time, err error) {
	next = map[ledger.Topic]ledger.Time{}
	var all []candidate
	for _, topic := range topics {
		found, after, err := r.candidates(ctx, topic, now, most)
		if err != nil {
			return nil, nil, err
		}
		all, next[topic] = append(all, found...), after
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.due, b.due), cmp.Compare(a.n, b.n))
	})
	if len(all) > most {
		all = all[:most]
		clear(next) // items of any of the topics may be left
	}
	for _, c := range all {
		item, _, err := scanItem(r.claim.QueryRowContext(ctx, claim, c.n), nil)
		if err != nil {
			return nil, nil, err
		}
		item.Claim = claim
		item.Tries--
		claimed = append(claimed, item)
	}
	return claimed, next, nil
}

// scanItem reads the columns of an item, after those of first.
func scanItem(row *sql.Row, first any) (c ledger.Claimed, n int64, err error) {
	var topic string
	targets := []any{&n, &c.ID, &topic, &c.Serial, &c.Flow, &c.Priority, &c.DueAt, &c.ExpiresAt, &c.PutAt, &c.Overtaken, &c.Tries, &c.Body}
	if first != nil {
		targets = append([]any{first}, targets...)
	}
	err = row.Scan(targets...)
	c.Topic = ledger.Topic(topic)
	return c, n, err
}

// depth counts the items that wait.
func (r *queueRows) depth(ctx context.Context, now ledger.Time) (map[ledger.Topic]ledger.Depth, error) {
	all := map[ledger.Topic]ledger.Depth{}
	for _, statement := range []*sql.Stmt{r.count, r.countBehind} {
		rows, err := statement.QueryContext(ctx, int64(now))
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			var topic string
			var waiting, later int
			var oldest ledger.Time
			if err := rows.Scan(&topic, &waiting, &later, &oldest); err != nil {
				return nil, err
			}
			d := all[ledger.Topic(topic)]
			d.Waiting += waiting
			d.Later += later
			d.Oldest = max(d.Oldest, now.Sub(oldest))
			all[ledger.Topic(topic)] = d
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// reclaim lets the items be claimed again that were claimed when the process ended, and counts all items.
func (r *queueRows) reclaim(ctx context.Context, conn *sql.Conn) (items int, err error) {
	if _, err := conn.ExecContext(ctx, "update items set state = 0 where state = 1"); err != nil {
		return 0, err
	}
	err = conn.QueryRowContext(ctx, "select count(*) from items").Scan(&items)
	return items, err
}

// forgetEnded removes a batch of items that were kept long enough. It returns how many.
func forgetEnded(ctx context.Context, conn *sql.Conn, now time.Time, batch int) (int, error) {
	result, err := conn.ExecContext(ctx, `delete from items where n in (select n from items where state >= 2 and forget_at <= ? limit ?)`,
		int64(ledger.At(now)), batch)
	if err != nil {
		return 0, err
	}
	removed, err := result.RowsAffected()
	return int(removed), err
}
