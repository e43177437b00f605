package race

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// A simulation makes 25 calls a second. Instance a is first in the route. Instance b always answers after 100 ms.
const (
	callGap  = 40 * ms
	bAnswers = 100 * ms
)

// phase is a number of calls, with the scripts that instance a follows in them.
type phase struct {
	calls  int
	script func(*rand.Rand) script
}

// observed is what the calls of one phase resulted in.
type observed struct {
	calls, aFirst int // aFirst is the number of calls in which a was tried first
	atRisk        int // messages that were sent, beyond one for each call
	p99, slowest  time.Duration
	backAfter     time.Duration // from the start of the phase until a is first in all calls
}

// simulate runs the phases one after the other.
func simulate(t *testing.T, phases ...phase) []observed {
	f := newFixture(script{}, script{takes: bAnswers})
	random := rand.New(rand.NewPCG(1, 2))
	a := f.instances[0]
	var result []observed
	for _, phase := range phases {
		got := observed{calls: phase.calls}
		took := make([]time.Duration, phase.calls)
		left := make([]int, phase.calls) // messages that were sent, by call
		var calls sync.WaitGroup
		for n := range phase.calls {
			a.mu.Lock()
			a.script = phase.script(random)
			asked := a.asked
			a.mu.Unlock()
			calls.Go(func() {
				start := time.Now()
				outcome := f.send(t.Context())
				require.Equal(t, Accepted, outcome.Result)
				took[n] = time.Since(start)
				for _, attempt := range outcome.Attempts {
					if attempt.Err == nil || attempt.Err.Kind == providers.Unknown {
						left[n]++
					}
				}
			})
			synctest.Wait()
			a.mu.Lock()
			if a.asked > asked {
				got.aFirst++
			} else {
				got.backAfter = time.Duration(n+1) * callGap
			}
			a.mu.Unlock()
			time.Sleep(callGap)
		}
		calls.Wait()
		for _, messages := range left {
			got.atRisk += messages - 1
		}
		slices.Sort(took)
		got.p99, got.slowest = took[len(took)*99/100], took[len(took)-1]
		t.Logf("%6d calls, a first for %6d, %4d at risk of a double, p99 %v, slowest %v", got.calls, got.aFirst, got.atRisk, got.p99, got.slowest)
		result = append(result, got)
	}
	f.drained(t)
	return result
}

// takes is an instance that always takes the same time.
func takes(d time.Duration) func(*rand.Rand) script {
	return func(*rand.Rand) script { return script{takes: d} }
}

// logNormal is an instance with log-normal answer times: half take less than median, and 99 of 100 less than p99.
func logNormal(median, p99 time.Duration) func(*rand.Rand) script {
	sigma := math.Log(float64(p99)/float64(median)) / 2.3263
	return func(r *rand.Rand) script {
		return script{takes: time.Duration(float64(median) * math.Exp(sigma*r.NormFloat64()))}
	}
}

// upTo is an instance whose answers take anything up to most.
func upTo(most time.Duration) func(*rand.Rand) script {
	return func(r *rand.Rand) script { return script{takes: time.Duration(r.Int64N(int64(most)))} }
}

const minuteOfCalls = int(time.Minute / callGap)

func TestSimulation(t *testing.T) {
	usual := phase{1000, upTo(100 * ms)}
	for _, tt := range []struct {
		name   string
		phases []phase
		want   func(t *testing.T, got []observed)
	}{
		{"hangs", []phase{usual, {250, takes(never)}}, func(t *testing.T, got []observed) {
			require.LessOrEqual(t, got[1].atRisk, 12)
			require.LessOrEqual(t, got[1].p99, 400*ms)
		}},
		{"hangs for 3 minutes", []phase{usual, {3 * minuteOfCalls, takes(never)}, {minuteOfCalls, upTo(100 * ms)}}, func(t *testing.T, got []observed) {
			require.LessOrEqual(t, got[1].atRisk, 12+6, "a trial every 30 s")
			require.LessOrEqual(t, got[2].backAfter, openTime+1500*ms, "the last trial has to end first")
		}},
		{"hangs for a fifth of the calls", []phase{usual, {1000, func(r *rand.Rand) script {
			if r.IntN(5) == 0 {
				return script{takes: never}
			}
			return script{takes: 100 * ms}
		}}}, func(t *testing.T, got []observed) {
			require.LessOrEqual(t, got[1].p99, 400*ms)
		}},
		{"unreachable", []phase{usual, {2 * minuteOfCalls, func(*rand.Rand) script { return script{sends: never, takes: never} }}}, func(t *testing.T, got []observed) {
			require.Zero(t, got[1].atRisk)
			require.LessOrEqual(t, got[1].aFirst, 12+4)
		}},
		{"log-normal", []phase{{10_000, logNormal(150*ms, 900*ms)}}, func(t *testing.T, got []observed) {
			require.LessOrEqual(t, got[0].atRisk, got[0].calls*3/1000)
			require.Equal(t, got[0].calls, got[0].aFirst)
		}},
		{"log-normal, fast", []phase{{5000, logNormal(50*ms, 250*ms)}}, func(t *testing.T, got []observed) {
			require.LessOrEqual(t, got[0].atRisk, got[0].calls*3/1000)
			require.Equal(t, got[0].calls, got[0].aFirst)
		}},
		{"slow for 10 minutes", []phase{usual, {10 * minuteOfCalls, takes(1200 * ms)}, usual}, func(t *testing.T, got []observed) {
			require.LessOrEqual(t, got[1].atRisk, 30)
			require.LessOrEqual(t, got[1].backAfter, 1200*ms+callGap, "its first slow answers end the streak")
			require.Equal(t, got[2].calls, got[2].aFirst)
		}},
		{"slower step by step", []phase{usual, {1000, takes(250 * ms)}, {1000, takes(600 * ms)}, {1000, takes(1400 * ms)}}, func(t *testing.T, got []observed) {
			require.Equal(t, got[1].calls, got[1].aFirst)
			require.Equal(t, got[2].calls, got[2].aFirst)
			require.Equal(t, got[3].calls, got[3].aFirst)
		}},
		{"stalls for a second", []phase{usual, stall(time.Second), usual}, func(t *testing.T, got []observed) {
			require.LessOrEqual(t, got[1].atRisk, 12)
			require.LessOrEqual(t, got[2].backAfter, 100*ms)
		}},
		{"too slow for a minute", []phase{usual, {minuteOfCalls, takes(3 * time.Second)}, {minuteOfCalls, upTo(100 * ms)}}, func(t *testing.T, got []observed) {
			require.LessOrEqual(t, got[1].atRisk, 12+2)
			require.LessOrEqual(t, got[2].backAfter, openTime+1500*ms)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { tt.want(t, simulate(t, tt.phases...)) })
		})
	}
}

// stall is an instance that answers nothing for the whole time, and then answers all calls of that time.
func stall(whole time.Duration) phase {
	waits := whole
	return phase{int(whole / callGap), func(*rand.Rand) script {
		waits -= callGap
		return script{takes: waits + 50*ms}
	}}
}
