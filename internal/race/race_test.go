package race

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/smshook/smshook/providers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	yes := script{}
	noAnswer := script{takes: never}
	unreachable := script{sends: never, takes: never}
	in := func(channel string, s script) script {
		s.channel = channel
		return s
	}
	after := func(d time.Duration, s script) script {
		s.takes = d
		return s
	}
	temporary, account, rejected := fails(providers.Temporary), fails(providers.Account), fails(providers.Rejected)
	channel, recipient := fails(providers.Channel), fails(providers.Recipient)
	for _, tt := range []struct {
		name     string
		scripts  []script
		unknown  Unknown
		want     Result
		took     time.Duration
		attempts string // of the outcome: ? has not ended
		ended    string // when all have ended: ! after the race
		sent     string // messages, by instance
	}{
		{"the first accepts", []script{yes, yes}, "", Accepted, 0, "a:ok", "a:ok", "a1 b0"},
		{"the next starts after each kind of failure", []script{temporary, account, rejected, yes}, "", Accepted, 0,
			"a:temporary b:account c:rejected d:ok", "a:temporary b:account c:rejected d:ok", "a1 b1 c1 d1"},
		{"the next starts when the patience is over, and the first goes on", []script{noAnswer, yes}, "", Accepted, 1500 * ms, "b:ok a:unknown?", "b:ok a:unknown!", "a1 b1"},
		{"a late acceptance wins", []script{after(1800*ms, yes), after(time.Second, yes)}, "", Accepted, 1800 * ms,
			"a:ok b:unknown?", "a:ok b:ok!", "a1 b1"},
		{"an unsent request is cancelled when another instance accepts", []script{unreachable, yes}, "", Accepted, 1500 * ms,
			"b:ok a:temporary?", "b:ok a:temporary!", "a0 b1"},
		{"the failure of an older attempt starts nothing", []script{after(2*time.Second, temporary), noAnswer, yes}, "", Accepted, 4 * time.Second / 3 * 2,
			"a:temporary c:ok b:unknown?", "a:temporary c:ok b:unknown!", "a1 b1 c1"},
		{"the time left is shared", []script{noAnswer, noAnswer, noAnswer, noAnswer, yes}, "", Accepted, 3200 * ms,
			"e:ok a:unknown? b:unknown? c:unknown? d:unknown?", "e:ok a:unknown! b:unknown! c:unknown! d:unknown!", "a1 b1 c1 d1 e1"},
		{"one instance has all the time", []script{after(3900*ms, yes)}, "", Accepted, 3900 * ms, "a:ok", "a:ok", "a1"},
		{"Recipient starts nothing more", []script{recipient, yes}, "", Unreachable, 0, "a:recipient", "a:recipient", "a1 b0"},
		{"after Recipient, an older attempt may still win", []script{after(2*time.Second, yes), recipient, yes}, "", Accepted, 2 * time.Second,
			"b:recipient a:ok", "b:recipient a:ok", "a1 b1 c0"},
		{"after Recipient, an older attempt may fail", []script{after(2*time.Second, temporary), recipient, yes}, "", Unreachable, 2 * time.Second,
			"b:recipient a:temporary", "b:recipient a:temporary", "a1 b1 c0"},
		{"after Recipient, an older attempt may have no answer", []script{noAnswer, recipient, yes}, "", Unreachable, budget,
			"b:recipient a:unknown?", "b:recipient a:unknown!", "a1 b1 c0"},
		{"Channel skips the instances of its channel", []script{in("whatsapp", channel), in("whatsapp", yes), yes}, "", Accepted, 0,
			"a:channel c:ok", "a:channel c:ok", "a1 b0 c1"},
		{"Channel alone", []script{in("whatsapp", channel), in("whatsapp", yes)}, "", Unreachable, 0, "a:channel", "a:channel", "a1 b0"},
		{"Channel and another failure", []script{in("whatsapp", channel), account}, "", Failed, 0, "a:channel b:account", "a:channel b:account", "a1 b1"},
		{"a call waits for a slow SMS", []script{after(2400*ms, yes), in("voice", yes)}, "", Accepted, 2400 * ms, "a:ok", "a:ok", "a1 b0"},
		{"a call starts at once when the SMS fails", []script{temporary, in("voice", yes)}, "", Accepted, 0, "a:temporary b:ok", "a:temporary b:ok", "a1 b1"},
		{"a call starts when a slow SMS fails", []script{after(1800*ms, temporary), in("voice", yes)}, "", Accepted, 1800 * ms,
			"a:temporary b:ok", "a:temporary b:ok", "a1 b1"},
		{"a call waits for two SMS, and the older one fails last", []script{after(2200*ms, temporary), after(500*ms, temporary), in("voice", yes)}, "", Accepted, 2200 * ms,
			"b:temporary a:temporary c:ok", "b:temporary a:temporary c:ok", "a1 b1 c1"},
		{"a call starts late if the SMS never ends", []script{noAnswer, in("voice", yes)}, "", Accepted, budget - callTime,
			"b:ok a:unknown?", "b:ok a:unknown!", "a1 b1"},
		{"an SMS is no reason for a call to wait if it comes after it", []script{in("voice", noAnswer), yes}, "", Accepted, 1500 * ms,
			"b:ok a:unknown?", "b:ok a:unknown!", "a1 b1"},
		{"a number that can't get SMS is called", []script{channel, in("voice", yes)}, "", Accepted, 0, "a:channel b:ok", "a:channel b:ok", "a1 b1"},
		{"a number that doesn't exist isn't called", []script{recipient, in("voice", yes)}, "", Unreachable, 0, "a:recipient", "a:recipient", "a1 b0"},
		{"all fail", []script{temporary, rejected}, "", Failed, 0, "a:temporary b:rejected", "a:temporary b:rejected", "a1 b1"},
		{"no answers, and unknown is accepted", []script{noAnswer, noAnswer}, AcceptUnknown, Accepted, budget,
			"a:unknown? b:unknown?", "a:unknown! b:unknown!", "a1 b1"},
		{"no answers, and unknown is failed", []script{noAnswer, noAnswer}, FailUnknown, Failed, budget,
			"a:unknown? b:unknown?", "a:unknown! b:unknown!", "a1 b1"},
		{"one unknown, one failure", []script{fails(providers.Unknown), temporary}, "", Accepted, 0,
			"a:unknown b:temporary", "a:unknown b:temporary", "a1 b1"},
		{"nothing is sent by the deadline", []script{unreachable, unreachable}, "", Failed, budget,
			"a:temporary? b:temporary?", "a:temporary! b:temporary!", "a0 b0"},
		{"an attempt that ignores its context doesn't delay the answer", []script{{takes: 20 * time.Second, ignores: true}}, "", Accepted, budget,
			"a:unknown?", "a:ok!", "a1"},
		{"an error without a kind, after the request was sent", []script{{err: errors.New("028687")}, temporary}, FailUnknown, Failed, 0,
			"a:unknown b:temporary", "a:unknown b:temporary", "a1 b1"},
		{"an error without a kind, before the request was sent", []script{{sends: never, err: errors.New("028687")}, yes}, "", Accepted, 0,
			"a:temporary b:ok", "a:temporary b:ok", "a0 b1"},
		{"a panic", []script{{panics: "028687"}, yes}, "", Accepted, 0, "a:temporary b:ok", "a:temporary b:ok", "a0 b1"},
		{"no instance", nil, "", Failed, 0, "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(tt.scripts...)
				if tt.unknown != "" {
					f.Unknown = tt.unknown
				}
				outcome, took := f.run(t.Context())
				require.Equal(t, tt.want, outcome.Result)
				require.Equal(t, tt.attempts, describe(outcome.Attempts))
				require.Equal(t, tt.took, took)
				require.Equal(t, tt.sent, f.drained(t))
				require.ElementsMatch(t, strings.Fields(tt.ended), strings.Fields(describe(f.ended)))
				require.NotContains(t, fmt.Sprint(outcome.Attempts), "028687", "an error without a kind may contain the code")
			})
		})
	}
}

func TestRunWhenTheCallerLeaves(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first script
		ended string
		sent  string
	}{
		{"a sent request goes on, and no other starts", script{takes: never}, "a:unknown!", "a1 b0"},
		{"a late acceptance is reported", script{takes: 3 * time.Second}, "a:ok!", "a1 b0"},
		{"an unsent request is cancelled", script{sends: never, takes: never}, "a:temporary!", "a0 b0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(tt.first, script{})
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				var late []Attempt
				start := time.Now()
				outcome := f.Run(ctx, Entry{
					Message: providers.Message{ID: "m"}, Route: f.route, ReceivedAt: start, Deadline: start.Add(budget),
					Late: func(a Attempt) { late = append(late, a) },
				})
				require.Equal(t, Failed, outcome.Result)
				require.Equal(t, time.Second, time.Since(start))
				require.Equal(t, tt.sent, f.drained(t))
				require.Equal(t, tt.ended, describe(late))
			})
		})
	}
}

func TestNothingStartsAfterTheCallerLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(script{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		outcome, _ := f.run(ctx)
		require.Equal(t, Outcome{}, outcome)
		require.Equal(t, "a0", f.drained(t))
	})
}

func TestNothingStartsTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(script{})
		start := time.Now()
		outcome := f.Run(t.Context(), Entry{Route: f.route, ReceivedAt: start, Deadline: start.Add(minTime - ms)})
		require.Equal(t, Outcome{}, outcome)
		require.Equal(t, "a0", f.drained(t))
	})
}

func TestAttemptsAtOneInstanceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(script{takes: time.Second}, script{})
		f.route[0] = NewInstance("a", f.instances[0], nil, 1)
		go f.run(t.Context())
		synctest.Wait()
		for range failuresToOpen {
			outcome, took := f.run(t.Context())
			require.Equal(t, "a:temporary b:ok", describe(outcome.Attempts))
			require.Zero(t, took)
		}
		require.Equal(t, Closed, f.route[0].State(), "the limit is smshook's own, so it doesn't count against the instance")
		time.Sleep(2 * time.Second)
		outcome, _ := f.run(t.Context())
		require.Equal(t, "a:ok", describe(outcome.Attempts))
	})
}

func TestTheOperatorsCodesOverrideTheProviders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(fails(providers.Rejected), script{})
		f.route[0] = NewInstance("a", f.instances[0], providers.Codes{"7": providers.Recipient}, 1)
		outcome, _ := f.run(t.Context())
		require.Equal(t, Unreachable, outcome.Result)
		require.Equal(t, "a:recipient", describe(outcome.Attempts))
		var kept *providers.Error
		require.ErrorAs(t, f.instances[0].err, &kept)
		require.Equal(t, providers.Rejected, kept.Kind, "the provider's error is not changed")
	})
}

func TestDrainEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(script{takes: never}, script{})
		f.run(t.Context())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, f.Drain(ctx), context.DeadlineExceeded)
		require.NoError(t, f.Drain(t.Context()), "an attempt ends after eight seconds")
	})
}

func TestUnknownUnmarshalText(t *testing.T) {
	var u Unknown
	require.NoError(t, u.UnmarshalText([]byte("fail")))
	require.Equal(t, FailUnknown, u)
	require.EqualError(t, u.UnmarshalText([]byte("028687")), "want accept or fail")
}

// A bug in a callback must not stop the message or the program.
func TestCallbacksMayPanic(t *testing.T) {
	for _, tt := range []struct {
		name     string
		first    script
		attempts string
		panics   []string // their types
		late     int      // calls of Late
	}{
		{"for an attempt that ends in time", script{}, "a:ok", []string{"string"}, 0},
		{"for one that fails", fails(providers.Temporary), "a:temporary b:ok", []string{"string", "string"}, 0},
		{"for one that ends late", script{takes: 3 * time.Second}, "b:ok a:unknown?", []string{"string", "string", "*errors.errorString"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(tt.first, script{})
				var types []string
				late := 0
				f.Ended = func(Attempt) { panic("028687") }
				f.Panicked = func(p Panic) {
					types = append(types, p.Type)
					require.Contains(t, string(p.Stack), "TestCallbacksMayPanic")
				}
				start := time.Now()
				outcome := f.Run(t.Context(), Entry{
					Message: providers.Message{ID: "m"}, Route: f.route, ReceivedAt: start, Deadline: start.Add(budget),
					Late: func(Attempt) { late++; panic(errors.New("028687")) },
				})
				f.drained(t)
				require.Equal(t, Accepted, outcome.Result)
				require.Equal(t, tt.attempts, describe(outcome.Attempts))
				require.Equal(t, tt.panics, types)
				require.Equal(t, tt.late, late)
			})
		})
	}
}

func TestGoSurvivesAPanic(t *testing.T) {
	var r Runner
	r.Go(func() { panic("028687") })
	require.NoError(t, r.Drain(t.Context()))
}
