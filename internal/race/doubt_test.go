package race

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// quick returns a stable whose instance a is known to answer within 100 ms.
func quick(t *testing.T, others ...script) *stable {
	s := newStable(append([]script{{takes: 100 * ms}}, others...)...)
	for range enoughAnswers {
		s.run(t.Context())
	}
	require.Equal(t, leastPatience, s.route[0].Patience(s.Patience))
	return s
}

// several makes calls 40 ms apart, and waits for none of them.
func (s *stable) several(t *testing.T, calls int, does func(n int) script) []Outcome {
	outcomes := make([]Outcome, calls)
	for n := range calls {
		s.does(0, does(n))
		go func() { outcomes[n] = s.call(t.Context()) }()
		synctest.Wait()
		time.Sleep(callGap)
	}
	return outcomes
}

func (s *stable) does(instance int, what script) {
	c := s.instances[instance]
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script = what
}

func TestTheNextStartsAfterTheLearnedPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := quick(t, script{takes: 50 * ms})
		s.does(0, script{takes: time.Second})
		outcome, took := s.run(t.Context())
		require.Equal(t, "b:ok a:unknown?", describe(outcome.Attempts))
		require.Equal(t, 350*ms, took)
		s.drained(t)
		require.Equal(t, 1500*ms, s.route[0].Patience(s.Patience), "a late answer is learned too: one of 51 took 1 s")
	})
}

// What says something bad of an instance at once isn't learned: a fast 500 doesn't make slow answers suspicious.
func TestFailuresTeachNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStable(fails(providers.Temporary), script{takes: 800 * ms})
		for range 2 * enoughAnswers {
			s.run(t.Context())
			time.Sleep(time.Second)
		}
		require.Equal(t, s.Patience, s.route[0].Patience(s.Patience))

		s = newStable(fails(providers.Recipient))
		for range enoughAnswers {
			s.run(t.Context())
		}
		require.Equal(t, leastPatience, s.route[0].Patience(s.Patience), "what it says about a number is an answer")
	})
}

func TestDoubt(t *testing.T) {
	hangs := func(int) script { return script{takes: never} }
	slow := func(int) script { return script{takes: 1200 * ms} }
	for _, tt := range []struct {
		name   string
		calls  int
		does   func(int) script
		after  time.Duration
		next   string // the attempts of the call after them, with a well again
		breaks State
	}{
		{"five are silent", 12, hangs, 0, "b:ok", Healthy},
		{"four are", 11, hangs, 0, "a:ok", Healthy},
		{"the breaker takes over", 12, hangs, 1500 * ms, "b:ok", Resting},
		{"the first slow answer lifts it", 12, slow, 720 * ms, "a:ok", Healthy},
		{"not before", 12, slow, 719 * ms, "b:ok", Healthy},
		{"all answer in the patience that is set", 12, slow, 3 * time.Second, "a:ok", Healthy},
		{"those before them are answered", 12, func(n int) script {
			if n == 0 {
				return script{takes: 301 * ms}
			}
			return script{takes: never}
		}, 0, "a:ok", Healthy},
		{"out of reach", 12, func(int) script { return script{leaves: never, takes: never} }, 1500 * ms, "b:ok", Resting},
		{"out of reach, and heard in between", 12, func(n int) script {
			if n%2 == 0 {
				return script{takes: 1200 * ms}
			}
			return script{leaves: never, takes: never}
		}, 3 * time.Second, "a:ok", Healthy},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := quick(t, script{})
				s.several(t, tt.calls, tt.does)
				time.Sleep(tt.after)
				synctest.Wait()
				s.does(0, script{})
				require.Equal(t, tt.breaks, s.route[0].State())
				outcome, _ := s.run(t.Context())
				require.Equal(t, tt.next, describe(outcome.Attempts))
				s.drained(t)
			})
		})
	}
}

// A doubt is no reason to cut a call short: the instance is slow, perhaps, and the only one.
func TestDoubtDoesNotHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := quick(t)
		outcomes := s.several(t, 20, func(int) script { return script{takes: 2 * time.Second} })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for n, outcome := range outcomes {
			require.Equal(t, "a:ok", describe(outcome.Attempts), "call %d", n)
		}
	})
}

// A share of a short time is no patience.
func TestShortSharesAreNoDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := quick(t, script{takes: 50 * ms})
		s.does(0, script{takes: 290 * ms})
		for range 2 * badWords {
			go func() {
				start := time.Now()
				s.Run(t.Context(), Entry{Route: s.route, ReceivedAt: start, Deadline: start.Add(leastTime)})
			}()
		}
		time.Sleep(280 * ms) // 30 ms after all of them had company
		synctest.Wait()
		s.does(0, script{})
		outcome, _ := s.run(t.Context())
		require.Equal(t, "a:ok", describe(outcome.Attempts))
		time.Sleep(time.Second)
	})
}

// How quick it was before it failed says nothing about how an instance comes back.
func TestATrialIsNotJudgedByWhatWasLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := quick(t, script{})
		s.several(t, 12, func(int) script { return script{takes: never} })
		s.drained(t)
		time.Sleep(rest)
		require.Equal(t, OnTrial, s.route[0].State())
		require.Equal(t, leastPatience, s.route[0].Patience(s.Patience))
		s.does(0, script{takes: 900 * ms})
		outcome, _ := s.run(t.Context())
		require.Equal(t, "a:ok", describe(outcome.Attempts))
		require.Equal(t, Healthy, s.route[0].State())
	})
}
