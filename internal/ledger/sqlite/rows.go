package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/policy"
)

// rows writes and reads the rows of a file. It is used by one goroutine at a time.
type rows struct {
	conn   *sql.Conn
	sealer *ledger.Sealer

	insert, update, seal, wipe, count, name *sql.Stmt

	hashing hashing
}

func newRows(ctx context.Context, conn *sql.Conn, h hashing, sealer *ledger.Sealer) (*rows, error) {
	r := &rows{conn: conn, hashing: h, sealer: sealer}
	for _, s := range []struct {
		to  **sql.Stmt
		sql string
	}{
		{&r.insert, `insert into messages (id, received_at, user, number, mfa, last_sign_in, stored, expires_at, country, instance, kind, rule, word, state, facts)
			values (?1, ?2, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?3, ?4, ?5, ?6, ?7, ?8)
			on conflict (id) do update set received_at = ?2, last_sign_in = ?12, stored = ?13, expires_at = ?14,
				instance = ?3, kind = ?4, rule = ?5, word = ?6, state = ?7, facts = ?8`},
		{&r.update, `update messages set instance = ?3, kind = ?4, rule = ?5, word = ?6, state = ?7, facts = ?8 where id = ?1`},
		{&r.name, `insert or ignore into names select ?2, n from messages where id = ?1`},
		{&r.seal, `insert into contents (id, expires_at, sealed) values (?, ?, ?)
			on conflict (id) do update set expires_at = excluded.expires_at, sealed = excluded.sealed`},
		{&r.wipe, `delete from contents where id = ?`},
		{&r.count, `insert into counters (rule, key, until) values (?, ?, ?) on conflict (rule, key) do update set until = max(until, excluded.until)`},
	} {
		statement, err := conn.PrepareContext(ctx, s.sql)
		if err != nil {
			return nil, err
		}
		*s.to = statement
	}
	return r, nil
}

// in runs a function in a transaction.
func (r *rows) in(ctx context.Context, run func() error) error {
	if _, err := r.conn.ExecContext(ctx, "begin immediate"); err != nil {
		return err
	}
	err := run()
	if err == nil {
		_, err = r.conn.ExecContext(ctx, "commit")
	}
	if err != nil {
		_, _ = r.conn.ExecContext(ctx, "rollback") // SQLite itself has rolled back after some errors
	}
	return err
}

// message writes a message. The marks are those of a message that has no row yet.
func (r *rows) message(ctx context.Context, m ledger.Message, marks *marks) error {
	text, err := encode(m)
	if err != nil {
		return err
	}
	values := []any{m.ID, int64(m.ReceivedAt), m.Instance, m.Kind.String(), m.Rule, string(m.State(0)), text, factsOf(&m)}
	if marks != nil {
		values = append(values, marks.user, marks.number, marks.mfa, marks.lastSignIn, marks.stored, int64(m.ExpiresAt()), m.Country)
		_, err = r.insert.ExecContext(ctx, values...)
	} else {
		_, err = r.update.ExecContext(ctx, values...)
	}
	if err != nil {
		return err
	}
	for _, a := range m.Attempts {
		for _, p := range a.Parts {
			if _, err := r.name.ExecContext(ctx, m.ID, r.hashing.name(ledger.Name{Instance: a.Instance, ID: p.ID})); err != nil {
				return err
			}
		}
	}
	switch {
	case m.Contents == nil:
		_, err = r.wipe.ExecContext(ctx, m.ID)
	case marks != nil:
		_, err = r.seal.ExecContext(ctx, m.ID, int64(m.ExpiresAt()), r.sealer.Seal(*m.Contents))
	}
	return err
}

// counter writes until when a counter's limit is used up.
func (r *rows) counter(ctx context.Context, rule policy.Rule, key uint64, until time.Time) error {
	_, err := r.count.ExecContext(ctx, rule.String(), int64(key), until.UnixNano())
	return err
}

// removeExpired removes what is over, in small batches, and reports how many contents were wiped and whether there is more.
func (r *rows) removeExpired(ctx context.Context, now time.Time, keep time.Duration) (wiped int64, more bool, err error) {
	const batch = 1000
	at := ledger.At(now)
	for i, s := range []struct {
		sql    string
		before int64
	}{
		{`delete from contents where id in (select id from contents where expires_at <= ? limit ?)`, int64(at)},
		{`delete from counters where (rule, key) in (select rule, key from counters where until <= ? limit ?)`, now.UnixNano()},
		{`delete from names where message in (select n from messages where received_at <= ? order by received_at, id limit ?)`, int64(at.Add(-keep))},
		{`delete from messages where n in (select n from messages where received_at <= ? order by received_at, id limit ?)`, int64(at.Add(-keep))},
	} {
		result, err := r.conn.ExecContext(ctx, s.sql, s.before, batch)
		if err != nil {
			return wiped, false, err
		}
		removed, err := result.RowsAffected()
		if err != nil {
			return wiped, false, err
		}
		if i == 0 {
			wiped = removed
		}
		more = more || removed == batch
	}
	return wiped, more, nil
}

// restore gives the newest messages that were received since then to a function, the oldest of them first. Contents that were sealed with another
// key are left out: then the message can't be sent again, and all else is known of it.
func (r *rows) restore(ctx context.Context, since, now ledger.Time, give func(ledger.Restored)) (unopened int, err error) {
	found, err := r.conn.QueryContext(ctx, `select m.id, received_at, user, number, mfa, last_sign_in, stored, state, sealed
		from (select * from messages where received_at > ? order by received_at desc, id desc limit ?) m
		left join contents c on c.id = m.id and c.expires_at > ? order by received_at, m.id`, int64(since), ledger.MaxMessages, int64(now))
	if err != nil {
		return 0, err
	}
	defer found.Close()
	for found.Next() {
		var id, text string
		var receivedAt int64
		var m marks
		var sealed []byte
		if err := found.Scan(&id, &receivedAt, &m.user, &m.number, &m.mfa, &m.lastSignIn, &m.stored, &text, &sealed); err != nil {
			return unopened, errCorrupt
		}
		message, err := decode(id, ledger.Time(receivedAt), m.mfa, text)
		if err != nil {
			return unopened, err
		}
		if sealed != nil {
			if contents, err := r.sealer.Open(id, sealed); err == nil {
				message.Contents = &contents
			} else {
				unopened++
			}
		}
		give(m.restored(message))
	}
	return unopened, found.Err()
}

// restoreSeen gives the calls since then to a function whose messages are too many to be restored, the oldest first.
func (r *rows) restoreSeen(ctx context.Context, since ledger.Time, give func(id string, at ledger.Time)) error {
	found, err := r.conn.QueryContext(ctx, `select id, received_at
		from (select id, received_at from messages where received_at > ? order by received_at desc, id desc limit -1 offset ?)
		order by received_at, id`, int64(since), ledger.MaxMessages)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		var id string
		var at int64
		if err := found.Scan(&id, &at); err != nil {
			return errCorrupt
		}
		give(id, ledger.Time(at))
	}
	return found.Err()
}

// restoreCounters gives the counters to a function that are not over.
func (r *rows) restoreCounters(ctx context.Context, now time.Time, give func(rule policy.Rule, key uint64, until time.Time)) error {
	rules := map[string]policy.Rule{}
	for _, limit := range (policy.Limits{}).List() {
		rules[limit.Rule.String()] = limit.Rule
	}
	found, err := r.conn.QueryContext(ctx, `select rule, key, until from counters where until > ?`, now.UnixNano())
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		var name string
		var key, until int64
		if err := found.Scan(&name, &key, &until); err != nil {
			return errCorrupt
		}
		if rule, known := rules[name]; known {
			give(rule, uint64(key), time.Unix(0, until))
		}
	}
	return found.Err()
}
