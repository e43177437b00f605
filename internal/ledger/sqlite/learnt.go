package sqlite

import (
	"context"
	"database/sql"
	"errors"
)

// learntSchema is the table of what was learnt from messages: see package insight.
const learntSchema = `
create table learnt (
	name text primary key,
	body blob not null
) without rowid;
`

// KeepLearnt keeps what was learnt, in place of what was kept under the name before.
func (l *Ledger) KeepLearnt(ctx context.Context, name string, body []byte) error {
	return l.do(ctx, func(ctx context.Context) error {
		_, err := l.rows.conn.ExecContext(ctx, "insert or replace into learnt (name, body) values (?, ?)", name, body)
		return err
	}, nil)
}

// Learnt returns what was kept last under a name; nothing if nothing was.
func (l *Ledger) Learnt(ctx context.Context, name string) (body []byte, err error) {
	err = l.do(ctx, func(ctx context.Context) error {
		err := l.rows.conn.QueryRowContext(ctx, "select body from learnt where name = ?", name).Scan(&body)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	}, nil)
	return body, err
}
