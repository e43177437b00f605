package dispatch

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/route"
	"github.com/smshook/smshook/providers"
)

// attempt makes a request as Auth repeats one: the same ID, a new time.
func attempt(ctx context.Context, d *Dispatcher) Outcome {
	return d.Send(ctx, request("15555550100"))
}

func TestARepeatIsAnsweredAlike(t *testing.T) {
	for _, tt := range []struct {
		name   string
		first  *pigeon
		want   Result
		second int // messages of the repeat
	}{
		{"accepted", &pigeon{}, Accepted, 0},
		{"taken as sent", &pigeon{wait: time.Hour}, Accepted, 0},
		{"nobody will reach the number", fails(providers.Recipient), BadNumber, 0},
		{"failed for a time: tried again", fails(providers.Temporary), Failed, 1},
		{"failed for good: not tried again", fails(providers.Account), Failed, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := dispatcher(Settings{}, tt.first)
				require.Equal(t, tt.want, attempt(t.Context(), d).Result)
				require.Equal(t, 1, tt.first.sent())
				time.Sleep(100 * time.Millisecond)
				require.Equal(t, tt.want, attempt(t.Context(), d).Result)
				require.Equal(t, tt.second, tt.first.sent())
				require.NoError(t, d.Drain(t.Context()))
			})
		})
	}
}

func TestARepeatJoinsTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pigeon{wait: 2500 * time.Millisecond}
		d := dispatcher(Settings{}, p)
		results := make(chan Outcome, 3)
		for range 3 {
			go func() { results <- attempt(t.Context(), d) }()
			time.Sleep(time.Second)
		}
		var reasons []error
		for range 3 {
			outcome := <-results
			require.Equal(t, Accepted, outcome.Result)
			reasons = append(reasons, outcome.Reason)
		}
		require.ElementsMatch(t, []error{nil, errRepeat, errRepeat}, reasons)
		require.Equal(t, 1, p.sent())
	})
}

// Auth's connection breaks after each attempt, but the instance has the message.
func TestABrokenConnectionMakesNoDouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, next := &pigeon{wait: 3 * time.Second}, &pigeon{}
		d := dispatcher(Settings{}, p, next)
		first, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Equal(t, Failed, attempt(first, d).Result)
		time.Sleep(2500 * time.Millisecond) // the late yes has come
		start := time.Now()
		outcome := attempt(t.Context(), d)
		require.Equal(t, Accepted, outcome.Result)
		require.Zero(t, time.Since(start))
		require.Equal(t, []int{1, 0}, []int{p.sent(), next.sent()})
		require.NoError(t, d.Drain(t.Context()))
	})
}

// If nothing came of the first attempt, its repeat goes to the instances not tried yet, and is answered in Auth's time.
func TestARepeatGoesOnWhereTheFirstStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent, next := &pigeon{wait: time.Hour}, &pigeon{}
		d := dispatcher(Settings{}, silent, next)
		first, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Equal(t, Failed, attempt(first, d).Result)
		time.Sleep(time.Second)
		outcome := attempt(t.Context(), d)
		require.Equal(t, Accepted, outcome.Result)
		require.Equal(t, "b", tried(outcome))
		require.Equal(t, []int{1, 1}, []int{silent.sent(), next.sent()})
		require.NoError(t, d.Drain(t.Context()))
	})
}

// The only instance has the message and takes its time: a repeat waits for that, as the first call would have.
func TestARepeatWaitsForWhatIsUndecided(t *testing.T) {
	for _, tt := range []struct {
		name    string
		takes   time.Duration // for the instance to say yes
		err     error         // or no
		unknown race.Unknown
		want    Result
		after   time.Duration // the first attempt
	}{
		{"it says yes", 3 * time.Second, nil, race.AcceptUnknown, Accepted, 3 * time.Second},
		{"it says yes, and silence is a failure", 3 * time.Second, nil, race.FailUnknown, Accepted, 3 * time.Second},
		{"it says no", 3 * time.Second, &providers.Error{Kind: providers.Account}, race.AcceptUnknown, Failed, 3 * time.Second},
		{"it is silent", time.Hour, nil, race.AcceptUnknown, Accepted, 4600 * time.Millisecond},
		{"it is silent, and that is a failure", time.Hour, nil, race.FailUnknown, Failed, 4600 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pigeon{wait: tt.takes, err: tt.err}
				d := dispatcher(Settings{}, p)
				d.runner.Unknown = tt.unknown
				start := time.Now()
				first, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				attempt(first, d)
				time.Sleep(2 * time.Second)
				require.Equal(t, tt.want, attempt(t.Context(), d).Result)
				require.Equal(t, tt.after, time.Since(start))
				require.Equal(t, 1, p.sent())
				require.NoError(t, d.Drain(t.Context()))
			})
		})
	}
}

// The first run's yes comes while the second run tries another instance: the call is settled, for all who wait.
func TestALateYesEndsTheSecondRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, silent := &pigeon{wait: 3 * time.Second}, &pigeon{wait: time.Hour}
		d := dispatcher(Settings{}, slow, silent)
		d.runner.Unknown = race.FailUnknown
		start := time.Now()
		first, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		attempt(first, d)
		time.Sleep(time.Second)
		third := make(chan Outcome, 1)
		go func() {
			time.Sleep(500 * time.Millisecond)
			third <- attempt(t.Context(), d)
		}()
		require.Equal(t, Accepted, attempt(t.Context(), d).Result)
		require.Equal(t, 3*time.Second, time.Since(start))
		require.Equal(t, Accepted, (<-third).Result)
		require.Equal(t, []int{1, 1}, []int{slow.sent(), silent.sent()})
		require.NoError(t, d.Drain(t.Context()))
	})
}

// A repeat of what is settled, or under way, takes no slot: it sends nothing.
func TestARepeatNeedsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := dispatcher(Settings{}, &pigeon{})
		require.Equal(t, Accepted, attempt(t.Context(), d).Result)
		for range cap(d.slots) {
			d.slots <- struct{}{}
		}
		require.Equal(t, Accepted, attempt(t.Context(), d).Result)
	})
}

func TestTheRunGoesOnWhileAnybodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent, next := &pigeon{wait: time.Hour}, &pigeon{}
		d := dispatcher(Settings{}, silent, next)
		first, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		left := make(chan Outcome, 1)
		go func() { left <- attempt(first, d) }()
		time.Sleep(500 * time.Millisecond)
		outcome := attempt(t.Context(), d)
		require.Equal(t, Accepted, outcome.Result)
		require.Equal(t, Accepted, (<-left).Result, "the run is one for both")
		require.Equal(t, []int{1, 1}, []int{silent.sent(), next.sent()})
		require.NoError(t, d.Drain(t.Context()))
	})
}

// Auth makes a call for 5 s. Who makes it later has captured it, and is refused for as long as its signature may be valid.
func TestAFailedCallIsNotSentLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := fails(providers.Temporary)
		d := dispatcher(Settings{}, p)
		replayed := Outcome{Result: Failed, Number: phoneOf(t, request("15555550100")), Reason: ledger.ErrReplayed}
		for range 3 { // Auth's own attempts
			require.Equal(t, Failed, attempt(t.Context(), d).Result)
			require.Equal(t, 1, p.sent())
			time.Sleep(2 * time.Second)
		}
		p.err = nil
		require.Equal(t, replayed, attempt(t.Context(), d))
		time.Sleep(10*time.Minute - 6*time.Second - 1)
		require.Equal(t, replayed, attempt(t.Context(), d))
		require.Zero(t, p.sent())
	})
}

// slow is a ledger that takes a second to answer.
type slow struct{ ledger.Ledger }

func (l slow) Begin(ctx context.Context, c ledger.Call) (ledger.Begun, error) {
	begun, err := l.Ledger.Begin(ctx, c)
	time.Sleep(time.Second)
	return begun, err
}

// A bug between the answer of the ledger and the end of the race ends the message all the same.
func TestAPanicReleasesTheWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var routes route.Table
		require.NoError(t, routes.UnmarshalText([]byte("*: nobody")))
		d := setup{
			Settings: Settings{Routes: routes},
			Around:   func(l ledger.Ledger) ledger.Ledger { return slow{l} },
		}.dispatcher(&pigeon{})
		waiting := make(chan Outcome, 1)
		go func() {
			time.Sleep(500 * time.Millisecond)
			waiting <- attempt(t.Context(), d)
		}()
		require.Panics(t, func() { attempt(t.Context(), d) })
		require.Equal(t, Failed, (<-waiting).Result)
	})
}
