package race

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// What the instances say about the destination doesn't count against them.
func TestWhatCounts(t *testing.T) {
	for _, tt := range []struct {
		name string
		says script
		want State
	}{
		{"accepts", script{}, Healthy},
		{"Unknown", fails(providers.Unknown), Resting},
		{"Temporary", fails(providers.Temporary), Resting},
		{"Account", fails(providers.Account), Resting},
		{"Rejected", fails(providers.Rejected), Healthy},
		{"Channel", fails(providers.Channel), Healthy},
		{"Recipient", fails(providers.Recipient), Healthy},
		{"silence", script{takes: never}, Resting},
		{"slower than the patience", script{takes: 1600 * ms}, Resting},
		{"slow, in time", script{takes: 1400 * ms}, Healthy},
		{"panics", script{panics: "x"}, Resting},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStable(tt.says, script{})
				for range badWords - 1 {
					s.run(t.Context())
				}
				require.Equal(t, Healthy, s.route[0].State())
				s.run(t.Context())
				require.Equal(t, tt.want, s.route[0].State())
				s.drained(t)
			})
		})
	}
}

// Silence counts when the patience ends, not when the attempt does, eight seconds later.
func TestSilenceCountsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStable(script{takes: never}, script{})
		for range badWords {
			_, took := s.run(t.Context())
			require.Equal(t, 1500*ms, took)
		}
		outcome, took := s.run(t.Context())
		require.Zero(t, took, "it rests, so the other is first")
		require.Equal(t, "b:ok", describe(outcome.Attempts))
		require.Equal(t, "a5 b6", s.drained(t))
	})
}

func TestGoodWordsInBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStable(fails(providers.Temporary), script{})
		for range 3 {
			for range badWords - 1 {
				s.run(t.Context())
			}
			s.instances[0].script = script{}
			s.run(t.Context())
			s.instances[0].script = fails(providers.Temporary)
		}
		require.Equal(t, Healthy, s.route[0].State(), "five in a row")
	})
}

// resting returns a stable whose instance a has just begun to rest.
func resting(t *testing.T, others ...script) *stable {
	s := newStable(append([]script{fails(providers.Temporary)}, others...)...)
	for range badWords {
		s.run(t.Context())
	}
	require.Equal(t, Resting, s.route[0].State())
	return s
}

func TestALastResortIsStillAResort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := resting(t, script{})
		s.instances[0].script, s.instances[1].script = script{}, fails(providers.Account)
		outcome, took := s.run(t.Context())
		require.Equal(t, Accepted, outcome.Result)
		require.Equal(t, "b:account a:ok", describe(outcome.Attempts))
		require.Zero(t, took)
		require.Equal(t, Resting, s.route[0].State(), "it rests its time out")
	})
}

func TestTrial(t *testing.T) {
	for _, tt := range []struct {
		name     string
		says     script
		attempts string
		took     time.Duration
		after    State
	}{
		{"well again", script{}, "a:ok", 0, Healthy},
		{"still failing", fails(providers.Temporary), "a:temporary b:ok", 0, Resting},
		{"still silent", script{takes: never}, "b:ok a:unknown?", time.Second, Resting},
		{"slow: the next starts early, but the verdict waits", script{takes: 1200 * ms}, "b:ok a:unknown?", time.Second, Healthy},
		{"too slow", script{takes: 1600 * ms}, "b:ok a:unknown?", time.Second, Resting},
		{"out of reach", script{leaves: never, takes: never}, "b:ok a:temporary?", time.Second, Resting},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := resting(t, script{})
				time.Sleep(rest + ms)
				require.Equal(t, OnTrial, s.route[0].State())
				s.instances[0].script = tt.says
				outcome, took := s.run(t.Context())
				require.Equal(t, tt.attempts, describe(outcome.Attempts))
				require.Equal(t, tt.took, took)
				time.Sleep(2 * time.Second)
				require.Equal(t, tt.after, s.route[0].State())
				s.drained(t)
			})
		})
	}
}

// While one message tries the instance, the others try it last.
func TestOneTrialAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := resting(t, script{})
		time.Sleep(rest + ms)
		s.instances[0].script = script{takes: 1400 * ms}
		go s.run(t.Context())
		synctest.Wait()
		outcome, took := s.run(t.Context())
		require.Equal(t, "b:ok", describe(outcome.Attempts))
		require.Zero(t, took)
		time.Sleep(2 * time.Second)
		require.Equal(t, Healthy, s.route[0].State())
	})
}

// A trial that is granted and then not begun must be given back, or nobody would ever try the instance again.
func TestATrialTooLateIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := resting(t, script{})
		time.Sleep(rest + ms)
		start := time.Now()
		s.Run(t.Context(), Entry{Route: s.route, ReceivedAt: start, Deadline: start})
		s.instances[0].script = script{}
		outcome, _ := s.run(t.Context())
		require.Equal(t, "a:ok", describe(outcome.Attempts))
		require.Equal(t, Healthy, s.route[0].State())
	})
}

// An instance that is called back before its patience is over has had no chance: its trial is still to come.
func TestATrialCalledBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := resting(t, script{})
		time.Sleep(rest + ms)
		s.instances[0].script = script{leaves: never, takes: never}
		ctx, cancel := context.WithTimeout(t.Context(), 500*ms)
		defer cancel()
		s.run(ctx)
		require.Equal(t, "a5 b5", s.drained(t), "those before")
		require.Equal(t, OnTrial, s.route[0].State())
	})
}

// Out of reach is as bad as silent: one message in each rest finds it out.
func TestOutOfReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStable(script{leaves: never, takes: never}, script{})
		slow := 0
		for range 100 {
			if _, took := s.run(t.Context()); took > 0 {
				slow++
			}
			time.Sleep(3 * time.Second)
		}
		require.LessOrEqual(t, slow, badWords+10)
		require.Equal(t, "a0 b100", s.drained(t))
	})
}

// The next one starts early where there is little time, but an instance is judged by its whole patience.
func TestShortSharesAreNoVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStable(script{takes: 1200 * ms}, script{takes: 1200 * ms}, script{takes: 1200 * ms}, script{takes: 1200 * ms})
		for range 2 * badWords {
			s.run(t.Context())
		}
		for _, c := range s.route {
			require.Equal(t, Healthy, c.State(), c.Name)
		}
		s.drained(t)
	})
}

// Both have rested; the one that isn't put first is well again, and shows it.
func TestTwoOnTrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStable(fails(providers.Temporary), fails(providers.Temporary))
		for range badWords {
			s.run(t.Context())
		}
		time.Sleep(rest + ms)
		s.instances[0].script, s.instances[1].script = script{takes: never}, script{takes: 600 * ms}
		outcome, _ := s.run(t.Context())
		require.Equal(t, Accepted, outcome.Result)
		time.Sleep(2 * time.Second)
		require.Equal(t, []State{Resting, Healthy}, []State{s.route[0].State(), s.route[1].State()})
		s.drained(t)
	})
}

// A patience that is short must not leave too little time to begin anything once all have rested.
func TestAllRestingWithLittlePatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStable(fails(providers.Temporary), fails(providers.Temporary))
		s.Patience = 100 * ms
		for range badWords {
			s.run(t.Context())
		}
		s.instances[0].script, s.instances[1].script = script{}, script{}
		outcome, _ := s.run(t.Context())
		require.Equal(t, Accepted, outcome.Result)
	})
}

// Where silence is a failure, the only instance has all the time: it may just be slow.
func TestTheOnlyInstanceIsSlow(t *testing.T) {
	for unknown, took := range map[Unknown]time.Duration{FailUnknown: 2 * time.Second, AcceptUnknown: 1500 * ms} {
		synctest.Test(t, func(t *testing.T) {
			s := newStable(script{takes: 2 * time.Second})
			s.Unknown = unknown
			for range 2 * badWords {
				outcome, _ := s.run(t.Context())
				require.Equal(t, Accepted, outcome.Result)
			}
			_, last := s.run(t.Context())
			require.Equal(t, took, last, unknown)
			s.drained(t)
		})
	}
}

// Who has just lost a message isn't tried with the next one to the same person.
func TestNoTrialForWhoLostTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := resting(t, script{})
		time.Sleep(rest + ms)
		start := time.Now()
		outcome := s.Run(t.Context(), Entry{Route: s.route, ReceivedAt: start, Deadline: start.Add(budget), Lost: "a"})
		require.Equal(t, "b:ok", describe(outcome.Attempts))
	})
}

// Where nothing works, Auth's database isn't held up for the whole budget.
func TestAllResting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStable(script{takes: never}, script{takes: never})
		for range badWords {
			_, took := s.run(t.Context())
			require.Equal(t, budget, took)
		}
		require.Equal(t, []State{Resting, Resting}, []State{s.route[0].State(), s.route[1].State()})
		outcome, took := s.run(t.Context())
		require.Equal(t, 1500*ms, took)
		require.Equal(t, "a:unknown? b:unknown?", describe(outcome.Attempts))
		s.drained(t)
	})
}
