package race

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// learnedFixture returns a fixture whose instance a is known to answer within 100 ms.
func learnedFixture(t *testing.T, others ...script) *fixture {
	f := newFixture(append([]script{{takes: 100 * ms}}, others...)...)
	for range minAnswers {
		f.run(t.Context())
	}
	require.Equal(t, minPatience, f.route[0].Patience(f.Patience))
	return f
}

// runSeveral makes calls 40 ms apart, and waits for none of them. Instance a follows another script in each.
func (f *fixture) runSeveral(t *testing.T, calls int, script func(n int) script) []Outcome {
	outcomes := make([]Outcome, calls)
	for n := range calls {
		f.setScript(0, script(n))
		go func() { outcomes[n] = f.send(t.Context()) }()
		synctest.Wait()
		time.Sleep(callGap)
	}
	return outcomes
}

func (f *fixture) setScript(instance int, to script) {
	p := f.instances[instance]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script = to
}

func TestTheNextStartsAfterTheLearnedPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := learnedFixture(t, script{takes: 50 * ms})
		f.setScript(0, script{takes: time.Second})
		outcome, took := f.run(t.Context())
		require.Equal(t, "b:ok a:unknown?", describe(outcome.Attempts))
		require.Equal(t, 350*ms, took)
		f.drained(t)
		require.Equal(t, 1500*ms, f.route[0].Patience(f.Patience), "a late answer counts too: one of 51 took 1 s")
	})
}

// Failures have no answer time: after fast failures, a slow success must not seem slow.
func TestFailuresAreNoAnswerTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(fails(providers.Temporary), script{takes: 800 * ms})
		for range 2 * minAnswers {
			f.run(t.Context())
			time.Sleep(time.Second)
		}
		require.Equal(t, f.Patience, f.route[0].Patience(f.Patience))

		f = newFixture(fails(providers.Recipient))
		for range minAnswers {
			f.run(t.Context())
		}
		require.Equal(t, minPatience, f.route[0].Patience(f.Patience), "an error about the number is an answer")
	})
}

func TestSlowStreak(t *testing.T) {
	hangs := func(int) script { return script{takes: never} }
	slow := func(int) script { return script{takes: 1200 * ms} }
	for _, tt := range []struct {
		name   string
		calls  int
		script func(int) script
		after  time.Duration
		next   string // the attempts of the call after them, with a fast again
		state  State
	}{
		{"five slow attempts", 12, hangs, 0, "b:ok", Closed},
		{"four slow attempts", 11, hangs, 0, "a:ok", Closed},
		{"then the breaker opens", 12, hangs, 1500 * ms, "b:ok", Open},
		{"the first slow answer ends the streak", 12, slow, 720 * ms, "a:ok", Closed},
		{"nothing ends it before that answer", 12, slow, 719 * ms, "b:ok", Closed},
		{"all answers come within the configured patience", 12, slow, 3 * time.Second, "a:ok", Closed},
		{"the first of them is answered", 12, func(n int) script {
			if n == 0 {
				return script{takes: 301 * ms}
			}
			return script{takes: never}
		}, 0, "a:ok", Closed},
		{"unreachable", 12, func(int) script { return script{sends: never, takes: never} }, 1500 * ms, "b:ok", Open},
		{"unreachable, with answers in between", 12, func(n int) script {
			if n%2 == 0 {
				return script{takes: 1200 * ms}
			}
			return script{sends: never, takes: never}
		}, 3 * time.Second, "a:ok", Closed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := learnedFixture(t, script{})
				f.runSeveral(t, tt.calls, tt.script)
				time.Sleep(tt.after)
				synctest.Wait()
				f.setScript(0, script{})
				require.Equal(t, tt.state, f.route[0].State())
				outcome, _ := f.run(t.Context())
				require.Equal(t, tt.next, describe(outcome.Attempts))
				f.drained(t)
			})
		})
	}
}

// A slow streak doesn't shorten the deadline: the only instance may just be slow.
func TestASlowStreakKeepsTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := learnedFixture(t)
		outcomes := f.runSeveral(t, 20, func(int) script { return script{takes: 2 * time.Second} })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for n, outcome := range outcomes {
			require.Equal(t, "a:ok", describe(outcome.Attempts), "call %d", n)
		}
	})
}

// An attempt is slow only after the learned patience, even if the next instance starts earlier.
func TestAShortShareDoesNotCountAsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := learnedFixture(t, script{takes: 50 * ms})
		f.setScript(0, script{takes: 290 * ms})
		for range 2 * failuresToOpen {
			go func() {
				start := time.Now()
				f.Run(t.Context(), Entry{Route: f.route, ReceivedAt: start, Deadline: start.Add(minTime)})
			}()
		}
		time.Sleep(280 * ms) // 30 ms after the second attempt of each started
		synctest.Wait()
		f.setScript(0, script{})
		outcome, _ := f.run(t.Context())
		require.Equal(t, "a:ok", describe(outcome.Attempts))
		time.Sleep(time.Second)
	})
}

// How fast an instance was before it failed says nothing about its trial.
func TestATrialIgnoresTheLearnedPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := learnedFixture(t, script{})
		f.runSeveral(t, 12, func(int) script { return script{takes: never} })
		f.drained(t)
		time.Sleep(openTime)
		require.Equal(t, HalfOpen, f.route[0].State())
		require.Equal(t, minPatience, f.route[0].Patience(f.Patience))
		f.setScript(0, script{takes: 900 * ms})
		outcome, _ := f.run(t.Context())
		require.Equal(t, "a:ok", describe(outcome.Attempts))
		require.Equal(t, Closed, f.route[0].State())
	})
}
