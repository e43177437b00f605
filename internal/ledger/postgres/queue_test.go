package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/ledgertest"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
	"github.com/smshook/smshook/internal/policy"
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
			Kill: func(q ledger.Queue) {
				killed := q.(clockedQueue).clocked.Store
				killed.Close()
				// However busy the machine is, the database has noticed it.
				d.Exec(t, fmt.Sprintf("update smshook.replica set locked = true where id = %[1]d; select pg_advisory_lock(20821, %[1]d)", killed.Me()))
			},
		}
	})
}

// What Auth commits is heard of at once, or else asked for often: a transaction pooler drops notifications silently.
func TestWait(t *testing.T) {
	for mode, notified := range map[string]bool{"": true, "session": true, "transaction": false} {
		t.Run("pooler="+mode, func(t *testing.T) {
			h := newHooked(t, policy.Limits{})
			store := h.store
			if mode != "" {
				var err error
				store, err = postgres.Open(h.Pooler(t, mode, "smshook", password), settings(time.Now))
				require.NoError(t, err)
				t.Cleanup(store.Close)
			}
			q, topics := store.Queue(), []ledger.Topic{ledger.Hooked}
			begun := time.Now()
			for time.Since(begun) < 3*time.Second && !store.Notified() {
				_, err := q.Claim(t.Context(), topics, 1)
				require.NoError(t, err)
				q.Wait(t.Context(), topics)
			}
			require.Equal(t, notified, store.Notified())
			for i := range 5 {
				claimed := make(chan string)
				go func() {
					for {
						items, err := q.Claim(t.Context(), topics, 1)
						if err != nil || len(items) > 0 {
							claimed <- fmt.Sprint(len(items), err)
							return
						}
						q.Wait(t.Context(), topics)
					}
				}()
				time.Sleep(20 * time.Millisecond)
				require.Equal(t, put, sendSMS(t, h.auth, newEvent(i).text()))
				require.Equal(t, "1 <nil>", <-claimed)
			}
		})
	}
}

// Of transactions that commit at about the same time, one notifies. No item is left for long.
func TestCommitsAtOnceAreAllClaimed(t *testing.T) {
	h := newHooked(t, policy.Limits{})
	const callers, each = 8, 20
	var all sync.WaitGroup
	for c := range callers {
		conn := connectTB(t, h.URL("supabase_auth_admin", ""))
		all.Go(func() {
			for i := range each {
				if answer, err := stored(context.Background(), conn, newEvent(c*each+i).text()); answer != put || err != nil {
					t.Error(answer, err)
				}
			}
		})
	}
	topics := []ledger.Topic{ledger.Hooked}
	for left := callers * each; left > 0; {
		items, err := h.store.Queue().Claim(t.Context(), topics, 10)
		require.NoError(t, err)
		if left -= len(items); len(items) == 0 {
			h.store.Queue().Wait(t.Context(), topics)
		}
	}
	all.Wait()
	require.Empty(t, h.claim(t))
}
