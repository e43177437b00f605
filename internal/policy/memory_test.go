package policy

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers/providertest"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func take(m *Memory, at time.Time, charges []Charge) (over int, after time.Duration) {
	over, after, _ = m.Take(context.Background(), at, charges)
	return over, after
}

func TestLimitsRefill(t *testing.T) {
	m := NewMemory()
	charge := []Charge{{PerPhone, Limit{5, 10 * time.Minute}, 1}}
	type step struct {
		at   time.Duration
		wait time.Duration // 0: allowed
	}
	for i, s := range []step{
		{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0},
		{0, 2 * time.Minute},
		{time.Minute, time.Minute},
		{2*time.Minute - 1, 1},
		{2 * time.Minute, 0},
		{2 * time.Minute, 2 * time.Minute},
		{6 * time.Minute, 0}, {6 * time.Minute, 0},
		{6 * time.Minute, 2 * time.Minute},
		{time.Hour, 0}, {time.Hour, 0}, {time.Hour, 0}, {time.Hour, 0}, {time.Hour, 0},
		{time.Hour, 2 * time.Minute},
		{time.Hour - time.Minute, 3 * time.Minute}, // a time before that of the last charge
	} {
		over, after := take(m, noon.Add(s.at), charge)
		require.Equal(t, []any{s.wait > 0, s.wait}, []any{over == 0, after}, "step %d", i)
	}
}

// If one charge exceeds its limit, none is made.
func TestAllChargesOrNone(t *testing.T) {
	m := NewMemory()
	phone := func(key uint64) Charge { return Charge{PerPhone, Limit{5, 10 * time.Minute}, key} }
	prefix, total := Charge{PerPrefix, Limit{2, time.Hour}, 1}, Charge{InTotal, Limit{3, time.Minute}, 0}
	take := func(charges ...Charge) (int, time.Duration) { return take(m, noon, charges) }
	for range 2 {
		over, _ := take(phone(1), prefix, total)
		require.Equal(t, -1, over)
	}
	for range 10 {
		over, after := take(phone(1), prefix, total)
		require.Equal(t, 1, over)
		require.Equal(t, 30*time.Minute, after)
	}
	over, _ := take(phone(2), total)
	require.Equal(t, -1, over, "messages that were refused are not counted in the total")
	over, after := take(phone(2), total)
	require.Equal(t, 1, over)
	require.Equal(t, 20*time.Second, after)
	over, after = take(phone(1), prefix, total)
	require.Equal(t, 1, over, "of two limits, the one with the longer wait")
	require.Equal(t, 30*time.Minute, after)
	for range 3 {
		over, _ = take(phone(1))
		require.Equal(t, -1, over)
	}
	over, _ = take(phone(1))
	require.Equal(t, 0, over)
}

// Of fifty messages at the same time, a limit of five allows exactly five, whatever other limits there are.
func TestLimitsAreExactUnderConcurrency(t *testing.T) {
	m := NewMemory()
	for round := range uint64(20) {
		var allowed atomic.Int64
		var wg sync.WaitGroup
		begin := make(chan struct{})
		for i := range uint64(50) {
			wg.Go(func() {
				<-begin
				over, _ := take(m, noon, []Charge{
					{PerPhone, Limit{1, time.Hour}, round*50 + i},
					{PerIP, Limit{100, time.Hour}, i},
					{PerPrefix, Limit{5, time.Hour}, round},
					{PerCountry, Limit{1000, time.Hour}, i % 3},
					{InTotal, Limit{100_000, time.Hour}, 0},
				})
				if over < 0 {
					allowed.Add(1)
				}
			})
		}
		close(begin)
		wg.Wait()
		require.EqualValues(t, 5, allowed.Load())
	}
	// Messages that were refused are not counted: exactly 20 rounds of five are counted in the total.
	total := []Charge{{InTotal, Limit{100_000, time.Hour}, 0}}
	for range 100_000 - 20*5 {
		over, _ := take(m, noon, total)
		require.Equal(t, -1, over)
	}
	over, _ := take(m, noon, total)
	require.Equal(t, 0, over)
}

func TestKeysThatUseUpMostAreKept(t *testing.T) {
	const perShard = 64
	m := newMemory(perShard * shards)
	charge := func(key uint64) []Charge { return []Charge{{PerPhone, Limit{5, 10 * time.Minute}, key}} }
	for range 5 {
		take(m, noon, charge(0)) // its limit is used up
	}
	const others = 100_000
	for key := range uint64(others) {
		over, _ := take(m, noon.Add(time.Second), charge(key+1))
		require.Equal(t, -1, over)
	}
	require.Equal(t, perShard*shards, m.keys())
	require.EqualValues(t, others+1-perShard*shards, m.Forgotten())
	over, _ := take(m, noon.Add(time.Second), charge(0))
	require.Equal(t, 0, over, "many other keys don't make it drop a key whose limit is used up")

	// Expired keys are dropped before others, and are not counted as forgotten.
	forgotten := m.Forgotten()
	for key := range uint64(perShard * shards / 4) {
		take(m, noon.Add(time.Hour), charge(1_000_000+key))
	}
	require.Equal(t, forgotten, m.Forgotten())
}

// keys returns the number of keys, or -1 if the heap or the index is broken.
func (m *Memory) keys() int {
	n := 0
	for rule := range m.tables {
		for i := range m.tables[rule] {
			s := &m.tables[rule][i]
			if len(s.byKey) != len(s.heap) {
				return -1
			}
			for place, i := range s.heap {
				e := s.entries[i]
				if s.byKey[e.key] != i || e.place != int32(place) || place > 0 && s.entries[s.heap[(place-1)/2]].until > e.until {
					return -1
				}
			}
			n += len(s.heap)
		}
	}
	return n
}

// Three million numbers, asked for by as many accounts from 300,000 addresses, don't fill the memory.
func TestMemoryIsBounded(t *testing.T) {
	numbers := uint64(3_000_000)
	if testing.Short() || providertest.RaceDetector {
		numbers = 1_000_000
	}
	m := NewMemory()
	before := heap()
	charges := make([]Charge, 5)
	start := time.Now()
	for n := range numbers {
		charges[0] = Charge{PerPhone, Limit{5, 10 * time.Minute}, 447_400_000_000 + n}
		charges[1] = Charge{PerUser, Limit{10, time.Hour}, n}
		charges[2] = Charge{PerIP, Limit{100, time.Hour}, n / 10}
		charges[3] = Charge{PerPrefix, Limit{1_000_000, 24 * time.Hour}, (447_400_000_000 + n) / 10_000}
		charges[4] = Charge{InAll, Limit{1_000_000, time.Second}, 0}
		take(m, noon.Add(time.Duration(n)*time.Microsecond), charges)
	}
	used := heap() - before
	t.Logf("%d numbers in %v: %d keys in %.1f MiB", numbers, time.Since(start).Round(time.Millisecond), m.keys(), float64(used)/(1<<20))
	require.Equal(t, 3*maxKeys+int(numbers/10_000)+1, m.keys())
	require.Less(t, used, int64(18<<20))
	runtime.KeepAlive(m)
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
