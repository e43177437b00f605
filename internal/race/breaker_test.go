package race

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// Errors that depend on the destination are no failures of the instance.
func TestWhichResultsOpenTheBreaker(t *testing.T) {
	for _, tt := range []struct {
		name   string
		script script
		want   State
	}{
		{"accepts", script{}, Closed},
		{"Unknown", fails(providers.Unknown), Open},
		{"Temporary", fails(providers.Temporary), Open},
		{"Account", fails(providers.Account), Open},
		{"Rejected", fails(providers.Rejected), Closed},
		{"Channel", fails(providers.Channel), Closed},
		{"Recipient", fails(providers.Recipient), Closed},
		{"no answer", script{takes: never}, Open},
		{"answer after the patience", script{takes: 1600 * ms}, Open},
		{"answer within the patience", script{takes: 1400 * ms}, Closed},
		{"panics", script{panics: "x"}, Open},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(tt.script, script{})
				for range failuresToOpen - 1 {
					f.run(t.Context())
				}
				require.Equal(t, Closed, f.route[0].State())
				f.run(t.Context())
				require.Equal(t, tt.want, f.route[0].State())
				f.drained(t)
			})
		})
	}
}

// An attempt without an answer counts when the patience is over, not when the attempt ends eight seconds later.
func TestNoAnswerCountsWhenThePatienceIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(script{takes: never}, script{})
		for range failuresToOpen {
			_, took := f.run(t.Context())
			require.Equal(t, 1500*ms, took)
		}
		outcome, took := f.run(t.Context())
		require.Zero(t, took, "the breaker of a is open, so b is first")
		require.Equal(t, "b:ok", describe(outcome.Attempts))
		require.Equal(t, "a5 b6", f.drained(t))
	})
}

func TestOnlyFailuresInARowOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(fails(providers.Temporary), script{})
		for range 3 {
			for range failuresToOpen - 1 {
				f.run(t.Context())
			}
			f.instances[0].script = script{}
			f.run(t.Context())
			f.instances[0].script = fails(providers.Temporary)
		}
		require.Equal(t, Closed, f.route[0].State(), "there were never five failures in a row")
	})
}

// openFixture returns a fixture in which the breaker of instance a has just opened.
func openFixture(t *testing.T, others ...script) *fixture {
	f := newFixture(append([]script{fails(providers.Temporary)}, others...)...)
	for range failuresToOpen {
		f.run(t.Context())
	}
	require.Equal(t, Open, f.route[0].State())
	return f
}

func TestAnInstanceWithAnOpenBreakerIsTriedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := openFixture(t, script{})
		f.instances[0].script, f.instances[1].script = script{}, fails(providers.Account)
		outcome, took := f.run(t.Context())
		require.Equal(t, Accepted, outcome.Result)
		require.Equal(t, "b:account a:ok", describe(outcome.Attempts))
		require.Zero(t, took)
		require.Equal(t, Open, f.route[0].State(), "a success doesn't close it before its time")
	})
}

func TestTrialDecidesTheNextState(t *testing.T) {
	for _, tt := range []struct {
		name     string
		script   script
		attempts string
		took     time.Duration
		after    State
	}{
		{"works again", script{}, "a:ok", 0, Closed},
		{"still fails", fails(providers.Temporary), "a:temporary b:ok", 0, Open},
		{"still no answer", script{takes: never}, "b:ok a:unknown?", time.Second, Open},
		{"slow: the next starts, and the answer still counts", script{takes: 1200 * ms}, "b:ok a:unknown?", time.Second, Closed},
		{"too slow", script{takes: 1600 * ms}, "b:ok a:unknown?", time.Second, Open},
		{"unreachable", script{sends: never, takes: never}, "b:ok a:temporary?", time.Second, Open},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := openFixture(t, script{})
				time.Sleep(openTime + ms)
				require.Equal(t, HalfOpen, f.route[0].State())
				f.instances[0].script = tt.script
				outcome, took := f.run(t.Context())
				require.Equal(t, tt.attempts, describe(outcome.Attempts))
				require.Equal(t, tt.took, took)
				time.Sleep(2 * time.Second)
				require.Equal(t, tt.after, f.route[0].State())
				f.drained(t)
			})
		})
	}
}

// During the trial, other messages try the instance last.
func TestOneTrialAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := openFixture(t, script{})
		time.Sleep(openTime + ms)
		f.instances[0].script = script{takes: 1400 * ms}
		go f.run(t.Context())
		synctest.Wait()
		outcome, took := f.run(t.Context())
		require.Equal(t, "b:ok", describe(outcome.Attempts))
		require.Zero(t, took)
		time.Sleep(2 * time.Second)
		require.Equal(t, Closed, f.route[0].State())
	})
}

// Without a report for a trial that never started, there would be no other trial.
func TestATrialThatCannotStartIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := openFixture(t, script{})
		time.Sleep(openTime + ms)
		start := time.Now()
		f.Run(t.Context(), Entry{Route: f.route, ReceivedAt: start, Deadline: start})
		f.instances[0].script = script{}
		outcome, _ := f.run(t.Context())
		require.Equal(t, "a:ok", describe(outcome.Attempts))
		require.Equal(t, Closed, f.route[0].State())
	})
}

// A trial that was cancelled before its patience was over says nothing, so there is another one.
func TestACancelledTrialDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := openFixture(t, script{})
		time.Sleep(openTime + ms)
		f.instances[0].script = script{sends: never, takes: never}
		ctx, cancel := context.WithTimeout(t.Context(), 500*ms)
		defer cancel()
		f.run(ctx)
		require.Equal(t, "a5 b5", f.drained(t), "the messages before the trial")
		require.Equal(t, HalfOpen, f.route[0].State())
	})
}

// An unreachable instance opens its breaker like one without an answer. Then only trials are slow.
func TestAnUnreachableInstanceOpensItsBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(script{sends: never, takes: never}, script{})
		slow := 0
		for range 100 {
			if _, took := f.run(t.Context()); took > 0 {
				slow++
			}
			time.Sleep(3 * time.Second)
		}
		require.LessOrEqual(t, slow, failuresToOpen+10)
		require.Equal(t, "a0 b100", f.drained(t))
	})
}

// With many instances the next one starts early, but each one is judged by its full patience.
func TestAShortShareDoesNotCountAsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(script{takes: 1200 * ms}, script{takes: 1200 * ms}, script{takes: 1200 * ms}, script{takes: 1200 * ms})
		for range 2 * failuresToOpen {
			f.run(t.Context())
		}
		for _, i := range f.route {
			require.Equal(t, Closed, i.State(), i.Name)
		}
		f.drained(t)
	})
}

// Both breakers are half-open. Instance b isn't first, but its success closes its breaker.
func TestTwoHalfOpenBreakers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(fails(providers.Temporary), fails(providers.Temporary))
		for range failuresToOpen {
			f.run(t.Context())
		}
		time.Sleep(openTime + ms)
		f.instances[0].script, f.instances[1].script = script{takes: never}, script{takes: 600 * ms}
		outcome, _ := f.run(t.Context())
		require.Equal(t, Accepted, outcome.Result)
		time.Sleep(2 * time.Second)
		require.Equal(t, []State{Open, Closed}, []State{f.route[0].State(), f.route[1].State()})
		f.drained(t)
	})
}

// With a short patience, a race whose breakers are all open still has time to start an instance.
func TestAllBreakersOpenWithAShortPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(fails(providers.Temporary), fails(providers.Temporary))
		f.Patience = 100 * ms
		for range failuresToOpen {
			f.run(t.Context())
		}
		f.instances[0].script, f.instances[1].script = script{}, script{}
		outcome, _ := f.run(t.Context())
		require.Equal(t, Accepted, outcome.Result)
	})
}

// A single instance keeps all the time if an unknown result is a failure: it may only be slow.
func TestASingleSlowInstanceKeepsItsTime(t *testing.T) {
	for unknown, took := range map[Unknown]time.Duration{FailUnknown: 2 * time.Second, AcceptUnknown: 1500 * ms} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(script{takes: 2 * time.Second})
			f.Unknown = unknown
			for range 2 * failuresToOpen {
				outcome, _ := f.run(t.Context())
				require.Equal(t, Accepted, outcome.Result)
			}
			_, last := f.run(t.Context())
			require.Equal(t, took, last, unknown)
			f.drained(t)
		})
	}
}

// The instance that lost the last message to a user gets no trial with the next message to them.
func TestNoTrialForTheInstanceThatLostTheLastMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := openFixture(t, script{})
		time.Sleep(openTime + ms)
		start := time.Now()
		outcome := f.Run(t.Context(), Entry{Route: f.route, ReceivedAt: start, Deadline: start.Add(budget), Lost: "a"})
		require.Equal(t, "b:ok", describe(outcome.Attempts))
	})
}

// If no instance works, Auth doesn't hold its database connection for the whole budget.
func TestAllBreakersOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(script{takes: never}, script{takes: never})
		for range failuresToOpen {
			_, took := f.run(t.Context())
			require.Equal(t, budget, took)
		}
		require.Equal(t, []State{Open, Open}, []State{f.route[0].State(), f.route[1].State()})
		outcome, took := f.run(t.Context())
		require.Equal(t, 1500*ms, took)
		require.Equal(t, "a:unknown? b:unknown?", describe(outcome.Attempts))
		f.drained(t)
	})
}
