package sqlite

import (
	"context"
	"time"
)

// WaitLong makes operations wait as long as the disk takes: on a busy machine that may be more than in earnest.
func WaitLong() { waitAtMost = 20 * time.Second }

// Synchronous returns SQLite's setting of the ledger's own connection: 1 is NORMAL, 2 is FULL.
func (l *Ledger) Synchronous() (setting int, err error) {
	err = l.rows.conn.QueryRowContext(context.Background(), "pragma synchronous").Scan(&setting)
	return setting, err
}
