package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers/providertest"
)

// tally has the results of many calls.
type tally struct {
	calls, accepted int
	took            []time.Duration // by call, in the order in which they were made
	messages        []int           // by instance: those that the instance has accepted, or may have accepted
}

// doubles returns the number of messages beyond one for each call.
func (t tally) doubles() int {
	sum := 0
	for _, n := range t.messages {
		sum += n
	}
	return sum - t.accepted
}

func (t tally) slowest() time.Duration { return slices.Max(t.took) }

func (t tally) p99() time.Duration {
	sorted := slices.Clone(t.took)
	slices.Sort(sorted)
	return sorted[len(sorted)*99/100]
}

// play makes 25 calls a second, each with its own user and number. It calls before, which may be nil, before each of them.
func (s *stage) play(t *testing.T, calls int, before func(n int, at time.Duration)) tally {
	result := tally{calls: calls, took: make([]time.Duration, calls)}
	var mu sync.Mutex
	var playing sync.WaitGroup
	start := time.Now()
	for n := range calls {
		time.Sleep(time.Until(start.Add(time.Duration(n) * 40 * time.Millisecond)))
		if before != nil {
			before(n, time.Since(start))
		}
		playing.Go(func() {
			seen := s.call(t, n)
			mu.Lock()
			defer mu.Unlock()
			result.took[n] = seen.Took
			if seen.OK() {
				result.accepted++
			}
		})
	}
	playing.Wait()
	require.NoError(t, s.dispatcher.Drain(t.Context()))
	for _, fake := range s.fakes {
		taken := 0
		for _, request := range fake.Requests() {
			if request.Taken {
				taken++
			}
		}
		result.messages = append(result.messages, taken)
	}
	return result
}

// fallback is what the first of two instances does, and how long users may wait then.
type fallback struct {
	name    string
	calls   int
	primary func(n int, at time.Duration) providertest.Answer
	dial    dialFunc      // of the primary
	p99     time.Duration // at most
	slowest time.Duration // at most
	doubles int           // at most
}

func fallbacks() []fallback {
	working := providertest.Answer{Status: 201, Body: accepted, Delay: normalDelay}
	failing := func(status int) providertest.Answer {
		return providertest.Answer{Status: status, Delay: 10 * time.Millisecond}
	}
	hanging := providertest.Answer{Fault: providertest.Hang}
	always := func(a providertest.Answer) func(int, time.Duration) providertest.Answer {
		return func(int, time.Duration) providertest.Answer { return a }
	}
	const patience = 1500 * time.Millisecond
	return []fallback{
		{"healthy", 5000, always(working), nil, normalDelay, normalDelay, 0},
		{"500", 1000, always(failing(500)), nil, normalDelay + 20*time.Millisecond, normalDelay + 20*time.Millisecond, 0},
		{"429", 1000, always(failing(429)), nil, normalDelay + 20*time.Millisecond, normalDelay + 20*time.Millisecond, 0},
		{"refused", 1000, always(working), func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED },
			normalDelay + 20*time.Millisecond, normalDelay + 20*time.Millisecond, 0},
		// 38 calls start in the 1.5 s until the first failure counts. The breaker opens at the fifth; then there is a trial every 30 s.
		{"hangs", 5000, always(hanging), nil, normalDelay + 20*time.Millisecond, patience + normalDelay, 38 + 5 + 7},
		// The learned patience is 300 ms. 8 calls start in that time, and 4 more until five in a row are slow.
		{"hangs, and was fast before", 750, func(_ int, at time.Duration) providertest.Answer {
			if at < 20*time.Second {
				return working
			}
			return hanging
		}, nil, 300*time.Millisecond + normalDelay, 300*time.Millisecond + normalDelay, 12},
		{"becomes slow, and was fast before", 5000, func(_ int, at time.Duration) providertest.Answer {
			if at < 100*time.Second {
				return working
			}
			return providertest.Answer{Status: 201, Body: accepted, Delay: 1200 * time.Millisecond}
		}, nil, 1200 * time.Millisecond, 1200 * time.Millisecond, 25},
		{"SYN dropped", 5000, always(working), func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, normalDelay + 20*time.Millisecond, patience + normalDelay, 0},
		{"hangs for a fifth of the calls", 2500, func(n int, _ time.Duration) providertest.Answer {
			if n%5 == 0 {
				return hanging
			}
			return working
		}, nil, patience + normalDelay, patience + normalDelay, 500},
		{"answers after 3 s", 5000, always(providertest.Answer{Status: 201, Body: accepted, Delay: 3 * time.Second}), nil,
			normalDelay + 20*time.Millisecond, patience + normalDelay, 45 + 7},
		{"comes and goes every 5 s", 2500, func(_ int, at time.Duration) providertest.Answer {
			if int(at/(5*time.Second))%2 == 0 {
				return working
			}
			return hanging
		}, nil, patience + normalDelay, patience + normalDelay, 100},
	}
}

// play makes the calls, and returns the results. The second instance works.
func (f fallback) play(t *testing.T, calls int) tally {
	primary := providertest.NewPipeFake(t)
	if f.dial != nil {
		withDial(primary, f.dial)
	}
	secondary := providertest.NewPipeFake(t, providertest.Answer{Status: 201, Body: accepted, Delay: normalDelay})
	s := newStage(t, race.AcceptUnknown, primary, secondary)
	got := s.play(t, calls, func(n int, at time.Duration) { primary.Answer(f.primary(n, at)) })
	t.Logf("%d calls, p99 %v, slowest %v, messages %v, doubles %d", got.calls, got.p99(), got.slowest(), got.messages, got.doubles())
	require.Equal(t, calls, got.accepted, "delivered")
	require.LessOrEqual(t, got.slowest(), f.slowest)
	require.GreaterOrEqual(t, got.doubles(), 0)
	require.LessOrEqual(t, got.doubles(), f.doubles)
	return got
}

// The first of two instances is down or slow, always or sometimes. Every code is still sent in time. The times are virtual: the test is
// about waiting, not about speed.
func TestFallback(t *testing.T) {
	providertest.Long(t)
	for _, tt := range fallbacks() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { require.LessOrEqual(t, tt.play(t, tt.calls).p99(), tt.p99) })
		})
	}
}

// TestFallbackBegins is the first six seconds of TestFallback, short enough for the race detector.
func TestFallbackBegins(t *testing.T) {
	for _, tt := range fallbacks() {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { tt.play(t, 150) })
		})
	}
}

// If both instances fail, Auth gets its answer at once. If both hang, it gets the answer at the end of the budget until both
// circuit breakers are open, and then after one patience.
func TestNothingWorks(t *testing.T) {
	t.Run("both answer 500", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, race.AcceptUnknown, providertest.NewPipeFake(t, providertest.Answer{Status: 500}), providertest.NewPipeFake(t, providertest.Answer{Status: 500}))
			got := s.play(t, 100, nil)
			require.Zero(t, got.accepted)
			require.Zero(t, got.slowest())
		})
	})
	for _, unknown := range []race.Unknown{race.AcceptUnknown, race.FailUnknown} {
		t.Run("both hang/"+string(unknown), func(t *testing.T) { bothHang(t, unknown, 200) })
	}
}

// TestNothingWorksForLong makes more calls than TestNothingWorks, which the race detector would make slow.
func TestNothingWorksForLong(t *testing.T) {
	providertest.Long(t)
	for _, unknown := range []race.Unknown{race.AcceptUnknown, race.FailUnknown} {
		t.Run(string(unknown), func(t *testing.T) {
			t.Parallel()
			bothHang(t, unknown, 500)
		})
	}
}

// bothHang makes calls to two instances that hang.
func bothHang(t *testing.T, unknown race.Unknown, calls int) {
	synctest.Test(t, func(t *testing.T) {
		hanging := providertest.Answer{Fault: providertest.Hang}
		s := newStage(t, unknown, providertest.NewPipeFake(t, hanging), providertest.NewPipeFake(t, hanging))
		got := s.play(t, calls, nil)
		want := 0
		if unknown == race.AcceptUnknown {
			want = calls
		}
		require.Equal(t, want, got.accepted)
		require.Equal(t, 4*time.Second, got.took[0])
		require.Equal(t, 4*time.Second, got.slowest())
		waits := map[string]int{}
		for _, took := range got.took {
			waits[fmt.Sprint(took)]++
		}
		t.Logf("waits: %v", waits)
		for n, took := range got.took[150:] { // both circuit breakers are open by then
			require.LessOrEqual(t, took, 1500*time.Millisecond, "call %d", 150+n)
		}
	})
}
