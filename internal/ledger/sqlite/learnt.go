package sqlite

import (
	"context"
	"database/sql"
	"errors"
)

// learntSchema is the table of what was learnt from messages: see package insight. A file that an older version has made gets it when it is opened.
const learntSchema = `
create table if not exists learnt (
	name text primary key,
	body blob not null
) without rowid;
`

// KeepLearnt keeps what was learnt, in place of what was kept under the name before.
func (l *Ledger) KeepLearnt(ctx context.Context, name string, body []byte) error {
	return l.do(ctx, func(ctx context.Context) error {
		return keepLearnt(ctx, l.rows.conn, name, body)
	}, nil)
}

// HashKey returns the random key that stays with the file.
func (l *Ledger) HashKey(context.Context) ([]byte, error) { return l.hashing, nil }

// Learnt returns what was kept last under a name; nothing if nothing was.
func (l *Ledger) Learnt(ctx context.Context, name string) (body []byte, err error) {
	err = l.do(ctx, func(ctx context.Context) error {
		body, err = learnt(ctx, l.rows.conn, name)
		return err
	}, nil)
	return body, err
}

// File is a file that another process may have open. It may not be used concurrently.
type File struct {
	db   *sql.DB
	conn *sql.Conn
}

// OpenFile opens a file for what was learnt alone. The error says what an operator has to do, and is safe to log.
func OpenFile(ctx context.Context, path string) (*File, error) {
	if err := mustExist(path); err != nil {
		return nil, err
	}
	db, conn, err := connect(ctx, path, true)
	if err != nil {
		return nil, reason(err)
	}
	if _, err := conn.ExecContext(ctx, learntSchema); err != nil {
		return nil, errors.Join(reason(err), conn.Close(), db.Close())
	}
	return &File{db, conn}, nil
}

// Close closes the file.
func (f *File) Close() error { return errors.Join(f.conn.Close(), f.db.Close()) }

// KeepLearnt is as that of [Ledger].
func (f *File) KeepLearnt(ctx context.Context, name string, body []byte) error {
	return reason(keepLearnt(ctx, f.conn, name, body))
}

// Learnt is as that of [Ledger].
func (f *File) Learnt(ctx context.Context, name string) ([]byte, error) {
	body, err := learnt(ctx, f.conn, name)
	return body, reason(err)
}

// HashKey is as that of [Ledger].
func (f *File) HashKey(ctx context.Context) (key []byte, err error) {
	err = f.conn.QueryRowContext(ctx, "select key from hashing").Scan(&key)
	return key, reason(err)
}

func keepLearnt(ctx context.Context, conn *sql.Conn, name string, body []byte) error {
	_, err := conn.ExecContext(ctx, "insert or replace into learnt (name, body) values (?, ?)", name, body)
	return err
}

func learnt(ctx context.Context, conn *sql.Conn, name string) (body []byte, err error) {
	err = conn.QueryRowContext(ctx, "select body from learnt where name = ?", name).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return body, err
}
