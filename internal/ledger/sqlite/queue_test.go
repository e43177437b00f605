package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

var messages = []ledger.Topic{ledger.Scheduled}

// soonDue is an item as the message API puts it, with a body of about the size of a sealed text.
func soonDue(id string, at ledger.Time) ledger.Item {
	return ledger.Item{ID: id, Topic: ledger.Scheduled, Priority: 2, DueAt: at, ExpiresAt: at.Add(time.Hour), Body: make([]byte, 400)}
}

func TestTheQueueHasRoom(t *testing.T) {
	l, _ := opened(t, filepath.Join(t.TempDir(), "smshook.db"))
	q := l.Queue()
	q.room = 3
	now := ledger.At(time.Now())
	put := func(ids ...string) error {
		var items []ledger.Item
		for _, id := range ids {
			items = append(items, soonDue(id, now))
		}
		return q.Put(t.Context(), items...)
	}
	require.NoError(t, put("1", "2"))
	require.Equal(t, ledger.ErrQueueFull, put("3", "4"))
	require.NoError(t, put("3"))
	require.Equal(t, ledger.ErrQueueFull, put("4"))
	claimed, err := q.Claim(t.Context(), messages, 2)
	require.NoError(t, err)
	for i, keep := range []time.Duration{0, time.Millisecond} {
		held, err := q.End(t.Context(), claimed[i], ledger.ItemEnd{Keep: keep})
		require.NoError(t, err)
		require.True(t, held)
	}
	require.NoError(t, put("4"))
	require.Eventually(t, func() bool { return put("5") == nil }, 10*time.Second, 50*time.Millisecond, "what was kept is forgotten")
	require.Equal(t, ledger.ErrQueueFull, put("6"))
	require.NoError(t, l.Close())
}

// While the disk hangs, an operation returns as soon as its context ends. What it would have claimed isn't lost.
func TestACallerThatLeavesTheQueue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smshook.db")
	l, _ := opened(t, path)
	q := l.Queue()
	now := ledger.At(time.Now())
	require.NoError(t, q.Put(t.Context(), soonDue("1", now)))
	release := hold(t, path)
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		begun := time.Now()
		claimed, err := q.Claim(ctx, messages, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Empty(t, claimed)
		require.Less(t, time.Since(begun), 3*time.Second)
		cancel()
	}
	release()
	require.Eventually(t, func() bool {
		claimed, err := q.Claim(t.Context(), messages, 1)
		return err == nil && len(claimed) == 1
	}, 10*time.Second, 20*time.Millisecond)
	require.NoError(t, l.Close())
	require.Equal(t, errEnded, q.Put(t.Context(), soonDue("2", now)))
}

// A disk that is full refuses a Put, and says why. When there is room again, all goes on.
func TestAQueueOnADiskThatIsFull(t *testing.T) {
	l, _ := opened(t, filepath.Join(t.TempDir(), "smshook.db"))
	q := l.Queue()
	limit := func(pages int) {
		require.NoError(t, l.do(t.Context(), func(ctx context.Context) error {
			_, err := l.rows.conn.ExecContext(ctx, fmt.Sprintf("pragma max_page_count = %d", pages))
			return err
		}, nil))
	}
	limit(1)
	now := ledger.At(time.Now())
	var put []string
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		id := fmt.Sprint(i)
		if err = q.Put(t.Context(), soonDue(id, now)); err == nil {
			put = append(put, id)
		}
	}
	require.Equal(t, errFull, err)
	require.Equal(t, errFull, q.Put(t.Context(), soonDue("next", now)), "it isn't tried again for a second")
	require.Eventually(t, func() bool {
		_, _, found, err := q.Item(t.Context(), "next")
		return err == nil && !found
	}, 10*time.Second, 50*time.Millisecond)
	limit(1 << 20)
	require.NoError(t, q.Put(t.Context(), soonDue("last", now)))
	claimed, err := q.Claim(t.Context(), messages, ledger.MaxClaim)
	require.NoError(t, err)
	require.Len(t, claimed, len(put)+1)
	require.NoError(t, l.Close())
}

// BenchmarkQueue measures what callers of the message API wait for, and a worker's three operations for each item.
func BenchmarkQueue(b *testing.B) {
	for _, callers := range []int{1, 50} {
		b.Run(fmt.Sprintf("put, %d callers", callers), func(b *testing.B) {
			q := benchQueue(b)
			now := ledger.At(time.Now())
			var n atomic.Int64
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
						if err := q.Put(context.Background(), soonDue(fmt.Sprint(i), now)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "put/s")
		})
	}
	b.Run("100,000 due in one second", func(b *testing.B) {
		for b.Loop() {
			q := benchQueue(b)
			due := ledger.At(time.Now())
			const items = 100_000
			begun := time.Now()
			for i := 0; i < items; i += ledger.MaxPut {
				var some []ledger.Item
				for n := range ledger.MaxPut {
					some = append(some, soonDue(fmt.Sprint(i+n), due))
				}
				require.NoError(b, q.Put(b.Context(), some...))
			}
			put := time.Since(begun)
			begun = time.Now()
			drain(b, q, items)
			b.ReportMetric(put.Seconds(), "s-put")
			b.ReportMetric(time.Since(begun).Seconds(), "s-claim-end")
			b.ReportMetric(resident(b), "MB-resident")
		}
	})
}

// drain claims and ends all items as a worker with 100 slots does.
func drain(b *testing.B, q ledger.Queue, items int) {
	slots := make(chan ledger.Claimed, 100)
	var all sync.WaitGroup
	for range cap(slots) {
		all.Go(func() {
			for c := range slots {
				if held, err := q.End(context.Background(), c, ledger.ItemEnd{}); err != nil || !held {
					b.Error(held, err)
				}
			}
		})
	}
	for items > 0 {
		claimed, err := q.Claim(b.Context(), messages, 100)
		require.NoError(b, err)
		items -= len(claimed)
		for _, c := range claimed {
			slots <- c
		}
	}
	close(slots)
	all.Wait()
}

func benchQueue(b *testing.B) *Queue {
	b.Helper()
	l, err := Open(Options{Path: filepath.Join(b.TempDir(), "smshook.db"), Keep: time.Hour, Sealer: ledger.NewSealer(providers.NewSecret("x")),
		Counter: policy.NewMemory(), Clock: time.Now, Report: func(error, uint64) {}})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, l.Close()) })
	return l.Queue()
}

// resident is the memory of the process, in MB.
func resident(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("no /proc on ", runtime.GOOS)
	}
	var kilobytes float64
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kilobytes); err == nil {
			break
		}
	}
	return kilobytes / 1024
}
