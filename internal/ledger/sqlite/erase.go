package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/policy"
)

// eraseBatch is how many messages are erased in one transaction: a process that serves has to wait for it.
const eraseBatch = 500

// ErrNoFile is the error of a file that does not exist.
var ErrNoFile = errors.New("there is no file yet; serve makes it")

// Erase erases all records of an account or a number from a file, with their contents and counters, and returns how many messages that
// were. A process that has the file open goes on with it, and may still have in its memory what is erased, see [ledger.Settings.Keep]. The
// error says what an operator has to do, and is safe to log; what was erased before it stays erased.
func Erase(ctx context.Context, path string, e ledger.Erasure) (erased int, err error) {
	if err := mustExist(path); err != nil {
		return 0, err
	}
	db, conn, err := connect(ctx, path, true)
	if err != nil {
		return 0, reason(err)
	}
	erased, err = erase(ctx, conn, e)
	if err := errors.Join(err, conn.Close(), db.Close()); err != nil {
		return erased, reason(err)
	}
	return erased, nil
}

func erase(ctx context.Context, conn *sql.Conn, e ledger.Erasure) (erased int, err error) {
	var h hashing
	if err := conn.QueryRowContext(ctx, "select key from hashing").Scan((*[]byte)(&h)); err != nil {
		return 0, err
	}
	column, key := "user", h.of("user", e.User)
	if e.Number != "" {
		column, key = "number", h.of("number", e.Number)
	}
	r := &rows{conn: conn}
	for {
		ids, err := idsOf(ctx, conn, column, key) // found before the file is locked: the table is searched
		if err != nil {
			return erased, err
		}
		if len(ids) == 0 {
			return erased, eraseCounters(ctx, r, h, e.Charges)
		}
		err = r.in(ctx, func() error {
			for _, id := range ids {
				for _, statement := range []string{
					"delete from contents where id = ?",
					"delete from names where message = (select n from messages where id = ?)",
					"delete from messages where id = ?",
				} {
					if _, err := conn.ExecContext(ctx, statement, id); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return erased, err
		}
		erased += len(ids)
	}
}

// idsOf returns the IDs of some messages of an account or a number.
func idsOf(ctx context.Context, conn *sql.Conn, column string, key int64) (ids []string, err error) {
	found, err := conn.QueryContext(ctx, "select id from messages where "+column+" = ? limit ?", key, eraseBatch)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		var id string
		if err := found.Scan(&id); err != nil {
			return nil, errCorrupt
		}
		ids = append(ids, id)
	}
	return ids, found.Err()
}

// eraseCounters erases counters, and empties the file's log: it has the pages of before.
func eraseCounters(ctx context.Context, r *rows, h hashing, charges []policy.Charge) error {
	err := r.in(ctx, func() error {
		for _, c := range charges {
			if _, err := r.conn.ExecContext(ctx, "delete from counters where rule = ? and key = ?", c.Rule.String(), int64(h.key(c))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = r.conn.ExecContext(ctx, "pragma wal_checkpoint(truncate)")
	return err
}
