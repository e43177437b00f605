package postgres_test

import (
	"context"
	"testing"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/ledgertest"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
)

// clockedQueue moves the clock of the database before each question to where the clock of the test is.
type clockedQueue struct {
	*postgres.Queue
	clocked clocked
}

func (q clockedQueue) Put(ctx context.Context, items ...ledger.Item) error {
	q.clocked.set()
	return q.Queue.Put(ctx, items...)
}

func (q clockedQueue) Claim(ctx context.Context, topics []ledger.Topic, most int) ([]ledger.Claimed, error) {
	q.clocked.set()
	return q.Queue.Claim(ctx, topics, most)
}

func (q clockedQueue) End(ctx context.Context, c ledger.Claimed, e ledger.ItemEnd) (bool, error) {
	q.clocked.set()
	return q.Queue.End(ctx, c, e)
}

func (q clockedQueue) Cancel(ctx context.Context, id string, e ledger.ItemEnd) (bool, error) {
	q.clocked.set()
	return q.Queue.Cancel(ctx, id, e)
}

func (q clockedQueue) Item(ctx context.Context, id string) (ledger.Item, ledger.ItemState, bool, error) {
	q.clocked.set()
	return q.Queue.Item(ctx, id)
}

func (q clockedQueue) Depth(ctx context.Context) (map[ledger.Topic]ledger.Depth, error) {
	q.clocked.set()
	return q.Queue.Depth(ctx)
}

func TestQueue(t *testing.T) {
	d := pgtest.New(t, migrated)
	ledgertest.RunQueue(t, func(t *testing.T, clock *ledgertest.Clock) ledgertest.Processes {
		d.Exec(t, "truncate smshook.outbox, smshook.replica; update smshook.test_clock set at = null")
		return ledgertest.Processes{
			Several: true,
			Start: func() ledger.Queue {
				store := open(t, d, settings(clock.Now))
				return clockedQueue{store.Queue(), withClock(t, d, store, clock)}
			},
			Kill: func(q ledger.Queue) { q.(clockedQueue).clocked.Close() },
		}
	})
}
