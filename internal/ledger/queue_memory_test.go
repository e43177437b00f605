package ledger_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/ledgertest"
)

func TestMemoryQueue(t *testing.T) {
	ledgertest.RunQueue(t, func(_ *testing.T, clock *ledgertest.Clock) ledgertest.Processes {
		q := ledger.NewMemoryQueue(clock.Now)
		return ledgertest.Processes{Start: func() ledger.Queue { return q }}
	})
}

// waitsFor is an item that is due after a time.
func waitsFor(id string, after time.Duration) ledger.Item {
	now := ledger.At(time.Now())
	return ledger.Item{ID: id, Topic: ledger.Scheduled, DueAt: now.Add(after), ExpiresAt: now.Add(time.Hour)}
}

func TestMemoryQueueWaitsNoLongerThanItMust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := ledger.NewMemoryQueue(time.Now)
		wait := func() time.Duration {
			begun := time.Now()
			q.Wait(t.Context(), []ledger.Topic{ledger.Scheduled})
			return time.Since(begun)
		}
		require.Equal(t, time.Second, wait(), "there is nothing")
		require.NoError(t, q.Put(t.Context(), waitsFor("a", 300*time.Millisecond)))
		require.Equal(t, 300*time.Millisecond, wait())
		require.Zero(t, wait(), "it is due")
		claimed, err := q.Claim(t.Context(), []ledger.Topic{ledger.Scheduled}, 1)
		require.NoError(t, err)
		time.AfterFunc(100*time.Millisecond, func() {
			_, _ = q.End(context.Background(), claimed[0], ledger.ItemEnd{Again: ledger.At(time.Now()).Add(time.Minute)})
		})
		require.Equal(t, 100*time.Millisecond, wait(), "something has changed")
		require.Equal(t, time.Second, wait(), "it is due in a minute")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		begun := time.Now()
		q.Wait(ctx, []ledger.Topic{ledger.Event})
		require.Equal(t, 50*time.Millisecond, time.Since(begun))
	})
}

func TestMemoryQueueIsBounded(t *testing.T) {
	q := ledger.NewMemoryQueue(time.Now)
	item := func(i int, body int) ledger.Item {
		item := waitsFor(fmt.Sprint(i), time.Hour)
		item.Body = make([]byte, body)
		return item
	}
	put := func(from, to, body int) error {
		for i := from; i < to; i++ {
			if err := q.Put(t.Context(), item(i, body)); err != nil {
				return err
			}
		}
		return nil
	}
	const large = 64 << 20 / ledger.MaxItemBody
	require.NoError(t, put(0, large, ledger.MaxItemBody))
	require.Equal(t, ledger.ErrQueueFull, put(large, large+1, 1))
	require.NoError(t, put(large, 1<<17, 0))
	require.Equal(t, ledger.ErrQueueFull, put(1<<17, 1<<17+1, 0))
	for i := range 2 {
		canceled, err := q.Cancel(t.Context(), fmt.Sprint(i), ledger.ItemEnd{})
		require.NoError(t, err)
		require.True(t, canceled)
	}
	require.NoError(t, put(1<<17, 1<<17+1, ledger.MaxItemBody))
}
