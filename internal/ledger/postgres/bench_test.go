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
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
	"github.com/smshook/smshook/internal/policy"
)

// BenchmarkStore is what a hook costs in the database: the right to send before the race, and the end of the race after it, with the
// five limits that are usual. Each call is of a user of its own; the last two limits are shared by all.
func BenchmarkStore(b *testing.B) {
	for _, tt := range []struct{ callers, replicas int }{{1, 1}, {50, 1}, {50, 2}} {
		b.Run(fmt.Sprint("callers=", tt.callers, "/replicas=", tt.replicas), func(b *testing.B) {
			d := pgtest.New(b, made)
			var stores []*postgres.Store
			for i := range tt.replicas {
				stores = append(stores, open(b, d, settings(time.Now)))
				_, _, err := stores[i].Begin(b.Context(), call(fmt.Sprint("first ", i), fmt.Sprint("first ", i)), "")
				require.NoError(b, err)
			}
			var next atomic.Int64
			var mu sync.Mutex
			var begins, ends []time.Duration
			var all sync.WaitGroup
			b.ResetTimer()
			for caller := range tt.callers {
				store := stores[caller%tt.replicas]
				all.Go(func() {
					for {
						i := next.Add(1)
						if i > int64(b.N) {
							return
						}
						began, begun, err := one(store, int(i))
						if err != nil {
							b.Error(err)
							return
						}
						mu.Lock()
						begins, ends = append(begins, began), append(ends, begun)
						mu.Unlock()
					}
				})
			}
			all.Wait()
			b.StopTimer()
			for name, times := range map[string][]time.Duration{"begin": begins, "end": ends} {
				slices.Sort(times)
				b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, name+"-p50-ms")
				b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, name+"-p99-ms")
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "hooks/s")
		})
	}
}

// one is one hook. It returns how long each half took.
func one(store ledger.Store, i int) (begin, end time.Duration, err error) {
	var charges []policy.Charge
	for _, rule := range []policy.Rule{policy.PerPhone, policy.PerUser, policy.PerIP, policy.PerCountry, policy.InTotal} {
		key := uint64(i)
		if rule >= policy.PerCountry {
			key = 1
		}
		charges = append(charges, policy.Charge{Rule: rule, Limit: policy.Limit{Most: 1_000_000, Per: time.Second}, Key: key})
	}
	id := fmt.Sprintf("4fe7b0a2-16c5-4a0e-8e04-%012d", i)
	c := call(id, fmt.Sprint("user ", i), charges...)
	began := time.Now()
	begun, _, err := store.Begin(context.Background(), c, "")
	if err != nil || !begun.Go {
		return 0, 0, fmt.Errorf("%+v %w", begun, err)
	}
	begin = time.Since(began)
	began = time.Now()
	_, _, err = store.End(context.Background(), accepted(id))
	return begin, time.Since(began), err
}
