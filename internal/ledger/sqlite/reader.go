package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

// Reader reads the messages that a file remembers. It changes nothing, and another process may write the file meanwhile. It may be used
// concurrently.
type Reader struct {
	db      *sql.DB
	hashing hashing
	version int // of the file's schema
	clock   func() time.Time
}

// OpenReader opens a file for reading. The error is safe to log.
func OpenReader(path string) (*Reader, error) {
	if err := mustExist(path); err != nil {
		return nil, err
	}
	return read(path, time.Now)
}

func read(path string, clock func() time.Time) (*Reader, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, errFolder
	}
	settings := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)", "query_only(on)", "temp_store(memory)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: absolute, RawQuery: settings.Encode()}).String())
	if err != nil {
		return nil, reason(err)
	}
	db.SetMaxOpenConns(2) // each has a cache of its own
	r := &Reader{db: db, clock: clock}
	if err := db.QueryRow("select key from hashing").Scan((*[]byte)(&r.hashing)); err != nil {
		return nil, errors.Join(reason(err), db.Close())
	}
	if r.version, err = versionOf(context.Background(), db); err != nil {
		return nil, errors.Join(reason(err), db.Close())
	}
	return r, nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.db.Close() }

// Messages is described at [ledger.Ledger].
func (r *Reader) Messages(ctx context.Context, q ledger.Query) ([]ledger.Message, error) {
	where, values := r.where(q)
	found, err := r.db.QueryContext(ctx, `select id, received_at, mfa, state from messages where `+where+` order by received_at desc, id desc limit ?`,
		append(values, q.PageSize())...)
	if err != nil {
		return nil, reason(err)
	}
	page, err := scanMessages(found)
	if err != nil {
		return nil, reason(err)
	}
	for i := range page {
		page[i] = page[i].Shown()
	}
	return page, nil
}

// scanMessages reads rows of id, received_at, mfa and state.
func scanMessages(found *sql.Rows) (messages []ledger.Message, err error) {
	defer found.Close()
	for found.Next() {
		var id, text string
		var receivedAt int64
		var mfa bool
		if err := found.Scan(&id, &receivedAt, &mfa, &text); err != nil {
			return nil, errCorrupt
		}
		m, err := decode(id, ledger.Time(receivedAt), mfa, text)
		if err != nil {
			return nil, err
		}
		messages = append(messages, m)
	}
	return messages, found.Err()
}

// where returns the conditions of a query. Those that are not asked for aren't there, so that an index can be chosen by those that are.
func (r *Reader) where(q ledger.Query) (conditions string, values []any) {
	list := []string{"true"}
	add := func(asked bool, condition string, with ...any) {
		if asked {
			list, values = append(list, condition), append(values, with...)
		}
	}
	now := int64(ledger.At(r.clock()))
	add(q.ID != "", "id = ?", q.ID)
	add(q.Number != "", "number = ?", r.hashing.of("number", q.Number))
	add(q.User != "", "user = ?", r.hashing.of("user", q.User))
	add(q.Country != "", "country = ?", q.Country)
	add(q.Instance != "", "instance = ?", q.Instance)
	add(q.Kind != 0, "kind = ?", q.Kind.String())
	add(q.Rule != "", "rule = ? and rule <> ''", q.Rule)
	add(q.Since != 0, "received_at >= ?", int64(q.Since))
	add(q.Until != 0, "received_at < ?", int64(q.Until))
	add(q.Before != ledger.Place{}, "(received_at, id) < (?, ?)", int64(q.Before.ReceivedAt), q.Before.ID)
	switch q.State {
	case ledger.Queued, ledger.Expired: // the word knows no time
		compared := "expires_at > ?"
		if q.State == ledger.Expired {
			compared = "expires_at <= ?"
		}
		add(true, "word = ? and "+compared, string(ledger.Queued), now)
	default:
		add(q.State != "", "word = ?", string(q.State))
	}
	if len(q.Names) > 0 {
		marks := strings.Repeat(", ?", len(q.Names))[2:]
		list = append(list, "n in (select message from names where key in ("+marks+"))")
		for _, n := range q.Names {
			values = append(values, r.hashing.name(n))
		}
	}
	return strings.Join(list, " and "), values
}

// Messages is described at [ledger.Ledger].
func (l *Ledger) Messages(ctx context.Context, q ledger.Query) ([]ledger.Message, error) {
	l.pending.last().wait(l.waitAtMost)
	page, err := l.reader.Messages(ctx, q)
	if err == nil || ctx.Err() != nil {
		return page, err
	}
	page, _ = l.memory.Messages(ctx, l.hashing.hideQuery(q))
	return page, ledger.ErrAway
}

// Refuse is described at [ledger.Ledger].
func (l *Ledger) Refuse(ctx context.Context, c ledger.Call, result ledger.Result, rule string) error {
	marks := l.hashing.marks(c)
	err := l.memory.Refuse(ctx, marks.hide(c), result, rule)
	l.pending.add(place{id: c.Message.ID}, &marks)
	return err
}
