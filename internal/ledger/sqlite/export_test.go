package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

// WaitLong makes operations wait as long as the disk takes: on a busy machine that may be more than in earnest.
func WaitLong() { waitAtMost = 20 * time.Second }

// Synchronous returns SQLite's setting of the ledger's own connection: 1 is NORMAL, 2 is FULL.
func (l *Ledger) Synchronous() (setting int, err error) {
	err = l.rows.conn.QueryRowContext(context.Background(), "pragma synchronous").Scan(&setting)
	return setting, err
}

// RollUp rolls up all messages of a file that are old enough.
func RollUp(ctx context.Context, path string, now time.Time) error {
	db, conn, err := connect(ctx, path, false)
	if err != nil {
		return err
	}
	r := &rows{conn: conn}
	for more := true; more && err == nil; {
		more, err = r.rollUp(ctx, ledger.At(now), rollUpBatch)
	}
	return errors.Join(err, conn.Close(), db.Close())
}
