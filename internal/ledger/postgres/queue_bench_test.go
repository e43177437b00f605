package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/policy"
)

// all limits are on, and none is used up.
var allLimits = policy.Limits{Phone: plenty, User: plenty, IP: plenty, Prefix: plenty, Country: plenty, Total: plenty, All: plenty}

var plenty = policy.Limit{Most: 1_000_000, Per: time.Second}

func report(b *testing.B, name string, times []time.Duration) {
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, name+"-p50-ms")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, name+"-p99-ms")
}

// fill makes so many messages that were sent before, and that are due in an hour.
func (h hooked) fill(b *testing.B, messages int) {
	_, err := h.admin.Exec(b.Context(), "alter table smshook.message disable trigger inserted") // it would take longer than a worker is taken for alive
	require.NoError(b, err)
	const batch = 50_000
	for from := 1; from < messages; from += batch {
		_, err := h.admin.Exec(b.Context(), fmt.Sprintf(`insert into smshook.message (id, version, flow, mfa, user_key, number_key, sign_in, known, number, country, range, received_at,
				asked_at, life, owner, proven, kind, segments, state, result)
			select 'old ' || i, 1, i, false, i, i, 1, 1, '+4477*****123', 'GB', '', i, i, 60000000, 0, false, 'otp', 1, 'accepted', 'accepted' from generate_series(%d, %d) i`,
			from, from+batch-1))
		require.NoError(b, err)
	}
	_, err = h.admin.Exec(b.Context(), "alter table smshook.message enable trigger inserted")
	require.NoError(b, err)
	_, err = h.admin.Exec(b.Context(), fmt.Sprintf(`insert into smshook.outbox (id, topic, priority, due_at, expires_at, put_at, body)
		select 'later ' || i, 'message', i %% 3, smshook.micros() + 3600000000, smshook.micros() + 7200000000, 0, 'x' from generate_series(1, %d) i`, messages/10))
	require.NoError(b, err)
}

// BenchmarkSendSMS is what the hook costs Auth, with all limits on: the call alone, in a transaction.
func BenchmarkSendSMS(b *testing.B) {
	for _, messages := range []int{0, 1_000_000} {
		for _, callers := range []int{1, 20} {
			b.Run(fmt.Sprintf("messages=%d/callers=%d", messages, callers), func(b *testing.B) {
				h := newHooked(b, allLimits)
				h.fill(b, messages)
				var next atomic.Int64
				var mu sync.Mutex
				var times []time.Duration
				var all sync.WaitGroup
				b.ResetTimer()
				for range callers {
					conn := connectTB(b, h.URL("supabase_auth_admin", ""))
					all.Go(func() {
						for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
							tx, err := conn.Begin(context.Background())
							if err != nil {
								b.Error(err)
								return
							}
							e := newEvent(int(i), set("metadata.ip_address", fmt.Sprintf("203.0.%d.%d", i/250%250, i%250)), set("sms.phone", fmt.Sprint(447700000000+i))).text()
							began := time.Now()
							if answer := sendSMS(b, conn, e); answer != put {
								b.Error(answer)
							}
							took := time.Since(began)
							if err := tx.Commit(context.Background()); err != nil {
								b.Error(err)
							}
							mu.Lock()
							times = append(times, took)
							mu.Unlock()
						}
					})
				}
				all.Wait()
				b.StopTimer()
				report(b, "call", times)
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
			})
		}
	}
}

// BenchmarkCommitToClaim is how long an item waits for an idle worker, from when Auth's commit has returned.
func BenchmarkCommitToClaim(b *testing.B) {
	for _, mode := range []string{"listening", "polling"} {
		b.Run(mode, func(b *testing.B) {
			h := newHooked(b, allLimits)
			store := h.store
			if mode == "polling" {
				var err error
				store, err = postgres.Open(h.Pooler(b, "transaction", "smshook", password), settings(time.Now))
				require.NoError(b, err)
				b.Cleanup(store.Close)
			}
			q, topics := store.Queue(), []ledger.Topic{ledger.Hooked}
			claimed := make(chan time.Time, 1)
			ctx, stop := context.WithCancel(b.Context())
			var worker sync.WaitGroup
			worker.Go(func() {
				for ctx.Err() == nil {
					items, err := q.Claim(ctx, topics, 10)
					for range items {
						claimed <- time.Now()
					}
					if err == nil && len(items) == 0 {
						q.Wait(ctx, topics)
					}
					for _, i := range items {
						_, _ = q.End(ctx, i, ledger.ItemEnd{})
					}
				}
			})
			time.Sleep(2 * time.Second) // until it listens
			var times []time.Duration
			b.ResetTimer()
			for i := range b.N {
				tx, err := h.auth.Begin(b.Context())
				require.NoError(b, err)
				require.Equal(b, put, sendSMS(b, h.auth, newEvent(i, set("metadata.ip_address", "")).text()))
				require.NoError(b, tx.Commit(b.Context()))
				committed := time.Now()
				times = append(times, max(0, (<-claimed).Sub(committed)))
				time.Sleep(time.Duration(i*7919%31) * time.Millisecond)
			}
			b.StopTimer()
			report(b, "wait", times)
			stop()
			worker.Wait()
		})
	}
}

// BenchmarkClaim is how many items a worker claims and ends, as many at once as a worker has slots.
func BenchmarkClaim(b *testing.B) {
	for _, messages := range []int{0, 1_000_000} {
		b.Run(fmt.Sprintf("messages=%d", messages), func(b *testing.B) {
			h := newHooked(b, policy.Limits{})
			h.fill(b, messages)
			h.Exec(b, fmt.Sprintf(`insert into smshook.outbox (id, topic, priority, flow, due_at, expires_at, put_at, body)
				select 'item ' || i, 'hook', 1, i::text, 1, smshook.micros() + 60000000, smshook.micros(), '{"sms":{"otp":"1","phone":"44"}}' from generate_series(1, %d) i`, b.N))
			q := h.store.Queue()
			done := 0
			b.ResetTimer()
			for done < b.N {
				items, err := q.Claim(b.Context(), []ledger.Topic{ledger.Hooked}, 64)
				require.NoError(b, err)
				var all sync.WaitGroup
				for _, c := range items {
					all.Go(func() {
						if _, err := q.End(context.Background(), c, ledger.ItemEnd{}); err != nil {
							b.Error(err)
						}
					})
				}
				all.Wait()
				done += len(items)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "items/s")
		})
	}
}
