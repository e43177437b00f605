package ledgertest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

func sentOnce(d *desk) {
	require.Equal(d, sendIt, d.begin(d.call("1")))
	d.try("1", "a")
	result, news := d.end(ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "a", Attempts: []ledger.Attempt{d.accepted("a", "SM1")}})
	require.Equal(d, ledger.Accepted, result)
	require.Zero(d, news)
}

func repeats(d *desk) {
	for _, result := range []ledger.Result{ledger.Accepted, ledger.BadNumber} {
		c := d.call(fmt.Sprint("ended as ", result), func(c *ledger.Call) { c.Flow.User = result.String() })
		require.True(d, d.begin(c).Go)
		d.end(ledger.Ended{ID: c.Message.ID, Result: result})
		for range 2 {
			d.clock.Move(2 * time.Second)
			c.ReceivedAt = ledger.At(d.clock.Now())
			require.Equal(d, repeat(result), d.begin(c))
		}
	}
}

// sameID is no call of Auth, which gives each message an ID of its own.
func sameID(d *desk) {
	c := d.call("1")
	require.True(d, d.begin(c).Go)
	other := d.call("1", otherFlow)
	waits := d.beginning(other)
	d.end(ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "a"})
	require.Equal(d, repeat(ledger.Accepted), <-waits)
	require.Equal(d, repeat(ledger.Accepted), d.begin(other))
	d.clock.Move(2 * time.Second)
	require.Equal(d, ledger.Begun{Go: true, Over: -1, Lost: "a"}, d.begin(d.call("2")))
	require.Equal(d, sendIt, d.begin(d.call("3", otherFlow)), "no message of that flow was sent")
}

func sameIDRush(d *desk) {
	limit := limits(2, time.Hour)
	for round := range 5 {
		id := fmt.Sprint("round ", round)
		var sent atomic.Int64
		var all sync.WaitGroup
		for i := range 16 {
			c := d.call(id, limit, func(c *ledger.Call) { c.Flow.User, c.Charges[0].Key = fmt.Sprint(id, " user ", i), uint64(round) })
			all.Go(func() {
				begun, err := d.Begin(d.Context(), c)
				switch {
				case err != nil:
					d.Error(err)
				case begun.Go:
					sent.Add(1)
					d.end(ledger.Ended{ID: id, Result: ledger.Accepted, Instance: "a"})
				case begun.Result != ledger.Accepted:
					d.Errorf("%+v", begun)
				}
			})
		}
		all.Wait()
		require.EqualValues(d, 1, sent.Load())
		for i, want := range []ledger.Result{ledger.Failed, ledger.TooMany} { // one more, which fails here, and no other
			c := d.call(fmt.Sprint(id, " then ", i), limit, func(c *ledger.Call) { c.Flow.User, c.Charges[0].Key = fmt.Sprint(id, " then ", i), uint64(round) })
			begun := d.begin(c)
			require.Equal(d, want == ledger.Failed, begun.Go)
			require.Equal(d, want, begun.Result)
		}
	}
}

func repeatWaits(d *desk) {
	for _, result := range []ledger.Result{ledger.Accepted, ledger.BadNumber, ledger.Failed} {
		c := d.call(fmt.Sprint("ended as ", result), func(c *ledger.Call) { c.Flow.User = result.String() })
		require.True(d, d.begin(c).Go)
		var waiting []<-chan ledger.Begun
		for range 3 {
			waiting = append(waiting, d.beginning(c))
		}
		for _, w := range waiting {
			select {
			case <-w:
				d.Fatal("a repeat was answered before the race had ended")
			case <-time.After(20 * time.Millisecond):
			}
		}
		d.end(ledger.Ended{ID: c.Message.ID, Result: result})
		for _, w := range waiting {
			require.Equal(d, repeat(result), <-w)
		}
	}
}

func repeatAfterFailure(d *desk) {
	tried := []ledger.Attempt{d.failed("a", providers.Temporary), d.pending("b")}
	d.fail(d.call("1"), tried...)
	d.clock.Move(2 * time.Second)
	require.Equal(d, ledger.Begun{Go: true, Over: -1, Tried: tried}, d.begin(d.call("1")))
}

func firstAt(d *desk) {
	first := ledger.At(d.clock.Now())
	d.fail(d.call("1"), d.failed("a", providers.Temporary))
	d.clock.Move(4 * time.Second)
	begun, err := d.Begin(d.Context(), d.call("1"))
	require.NoError(d, err)
	require.Equal(d, first, begun.FirstAt)
}

// Auth makes a call for 5 s. A caller that makes it later has captured it.
func replayed(d *desk) {
	d.fail(d.call("1"), d.failed("a", providers.Temporary))
	d.clock.Move(Settings.CallerWaits)
	for range 2 {
		_, err := d.Begin(d.Context(), d.call("1"))
		require.ErrorIs(d, err, ledger.ErrReplayed)
		d.clock.Move(10*time.Minute - 6*time.Second)
		d.sweep()
	}
}

func takenOver(d *desk) {
	c := d.call("1")
	require.True(d, d.begin(c).Go)
	d.try("1", "a")
	repeated := d.beginning(c)
	d.end(ledger.Ended{ID: "1", Result: ledger.Failed, Attempts: []ledger.Attempt{d.pending("a")}, Left: true})
	begun := <-repeated
	require.True(d, begun.Go)
	require.Len(d, begun.Tried, 1)
}

func flowAccepted(d *desk) {
	require.True(d, d.begin(d.call("1")).Go)
	second := d.beginning(d.call("2"))
	d.end(ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "a"})
	require.Equal(d, refused(ledger.JustSent), <-second)
	require.Equal(d, repeat(ledger.JustSent), d.begin(d.call("2")))
}

func flowFailed(d *desk) {
	require.True(d, d.begin(d.call("1")).Go)
	second := d.beginning(d.call("2"))
	d.end(ledger.Ended{ID: "1", Result: ledger.Failed})
	require.Equal(d, sendIt, <-second)
}

// The code of a message is no longer valid if its caller has left: the next call of the flow needs a message of its own.
func flowLeft(d *desk) {
	require.True(d, d.begin(d.call("1")).Go)
	second := d.beginning(d.call("2"))
	d.end(ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "a", Left: true})
	require.Equal(d, sendIt, <-second)
}

func flowsApart(d *desk) {
	require.Equal(d, sendIt, d.begin(d.call("1")))
	require.Equal(d, sendIt, d.begin(d.call("2", otherFlow)))
	require.Equal(d, sendIt, d.begin(d.call("3", otherNumber)))
	require.Equal(d, sendIt, d.begin(d.call("4", mfa)))
	require.Equal(d, sendIt, d.begin(d.call("5", mfa)), "Auth keeps the code of each challenge apart")
}

func queued(d *desk) {
	fromQueue := func(c *ledger.Call) { c.Queued = true }
	temporary := d.failed("a", providers.Temporary)
	d.fail(d.call("1", fromQueue), temporary)
	d.clock.Move(40 * time.Second)
	begun := d.begin(d.call("1", fromQueue))
	require.Equal(d, ledger.Begun{Go: true, Over: -1, Tried: begun.Tried}, begun)
	require.Len(d, begun.Tried, 1)
	d.send(d.call("2", fromQueue), "b", "SM2")
	d.end(ledger.Ended{ID: "1", Result: ledger.Failed, Attempts: []ledger.Attempt{temporary}})
	require.True(d, d.begin(d.call("1", fromQueue)).Go, "the queue says what is overtaken")
	d.end(ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "a", Attempts: []ledger.Attempt{d.accepted("a", "SM1")}})
	require.Equal(d, repeat(ledger.Accepted), d.begin(d.call("1", fromQueue)))
}

func noTime(d *desk) {
	require.True(d, d.begin(d.call("1")).Go)
	_, err := d.Begin(d.Context(), d.call("2", func(c *ledger.Call) { c.Deadline = time.Now().Add(20 * time.Millisecond) }))
	require.ErrorIs(d, err, ledger.ErrNoTime)
}

func callerLeft(d *desk) {
	require.True(d, d.begin(d.call("1")).Go)
	for _, id := range []string{"1", "2"} {
		_, err := d.Begin(d.short(), d.call(id))
		require.ErrorIs(d, err, context.DeadlineExceeded)
	}
}

// Auth reads the user's record before it waits for its transaction: a second tap doesn't know of the first.
func secondTap(d *desk) {
	d.send(d.call("1"), "a", "SM1")
	d.clock.Move(999 * time.Millisecond)
	require.Equal(d, refused(ledger.JustSent), d.begin(d.call("2")))
	require.True(d, d.begin(d.call("3", signedIn)).Go)
	d.end(ledger.Ended{ID: "3", Result: ledger.Failed})
	require.True(d, d.begin(d.call("4", func(c *ledger.Call) { c.Stored = "message 1" })).Go, "Auth knew of the first message")
	d.end(ledger.Ended{ID: "4", Result: ledger.Failed})
	d.clock.Move(time.Millisecond)
	require.True(d, d.begin(d.call("5")).Go)
}

// The caller of the first message lost its connection, and repeats the call after a second message was answered: Auth has stored the
// second code.
func overtaken(d *desk) {
	first := d.call("1")
	require.True(d, d.begin(first).Go)
	d.end(ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "a", Left: true, Attempts: []ledger.Attempt{d.accepted("a", "SM1")}})
	d.clock.Move(500 * time.Millisecond)
	d.send(d.call("2"), "a", "SM2")
	require.Equal(d, refused(ledger.JustSent), d.begin(first))
	require.NotNil(d, d.report("a", "", "SM2", providers.StateFailed, providers.Temporary).Resend, "the second code is the valid one")
}

func crowded(d *desk) {
	require.True(d, d.begin(d.call("1")).Go)
	mayWait := 16 * d.replicas()
	errs := make(chan error, mayWait+24)
	ctx, cancel := context.WithCancel(d.Context())
	for i := range cap(errs) {
		go func() {
			_, err := d.Begin(ctx, d.call(fmt.Sprint("waits ", i)))
			errs <- err
		}()
	}
	for range cap(errs) - mayWait {
		require.ErrorIs(d, <-errs, ledger.ErrCrowded)
	}
	cancel()
	for range mayWait {
		require.ErrorIs(d, <-errs, context.Canceled)
	}
	require.True(d, d.begin(d.call("of another", otherFlow)).Go)
}

func flowRush(d *desk) {
	var sent atomic.Int64
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			id := fmt.Sprint(i)
			begun, err := d.Begin(d.Context(), d.call(id))
			switch {
			case err != nil:
				d.Error(err)
			case begun.Go:
				sent.Add(1)
				d.end(ledger.Ended{ID: id, Result: ledger.Accepted, Instance: "a"})
			case begun.Result != ledger.JustSent:
				d.Errorf("%+v", begun)
			}
		})
	}
	all.Wait()
	require.EqualValues(d, 1, sent.Load())
}

func repeatRush(d *desk) {
	var sent atomic.Int64
	var all sync.WaitGroup
	c := d.call("1")
	for range 16 {
		all.Go(func() {
			begun, err := d.Begin(d.Context(), c)
			switch {
			case err != nil:
				d.Error(err)
			case begun.Go:
				sent.Add(1)
				d.end(ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "a"})
			case begun.Result != ledger.Accepted:
				d.Errorf("%+v", begun)
			}
		})
	}
	all.Wait()
	require.EqualValues(d, 1, sent.Load())
}

func lost(d *desk) {
	ask := func(id string, change ...func(*ledger.Call)) string {
		begun := d.begin(d.call(id, change...))
		require.True(d, begun.Go)
		d.end(ledger.Ended{ID: id, Result: ledger.Failed})
		return begun.Lost
	}
	d.send(d.call("1"), "a", "SM1")
	d.clock.Move(30 * time.Second)
	require.Equal(d, "a", ask("2"))
	require.Empty(d, ask("3", signedIn), "they have used the code")
	require.Empty(d, ask("4", otherNumber))
	require.Empty(d, ask("5", mfa))
	d.clock.Move(Settings.ResendWindow - 31*time.Second)
	require.Equal(d, "a", ask("6"))
	d.report("a", "", "SM1", providers.StateDelivered, 0)
	require.Empty(d, ask("7"), "it was delivered")

	d.send(d.call("8"), "b", "SM2")
	d.clock.Move(Settings.ResendWindow)
	require.Empty(d, ask("9"), "it is too old")
}

func chargedOnce(d *desk) {
	one := limits(1, time.Hour)
	d.fail(d.call("1", one), d.failed("a", providers.Temporary))
	require.True(d, d.begin(d.call("1", one)).Go, "a repeat is charged no second time")
	d.end(ledger.Ended{ID: "1", Result: ledger.Failed})
	require.Equal(d, ledger.TooMany, d.begin(d.call("2", one)).Result)
}

func limited(d *desk) {
	two := limits(2, time.Hour)
	for _, id := range []string{"1", "2"} {
		require.Equal(d, sendIt, d.begin(d.call(id, two, func(c *ledger.Call) { c.Flow.User = id })))
	}
	over := d.call("3", two, otherFlow)
	require.Equal(d, ledger.Begun{Result: ledger.TooMany, Over: 0, After: 30 * time.Minute}, d.begin(over))
	require.Equal(d, repeat(ledger.TooMany), d.begin(over))
	d.clock.Move(30 * time.Minute)
	require.Equal(d, sendIt, d.begin(d.call("4", two, otherFlow)))
}

func limitRush(d *desk) {
	var sent atomic.Int64
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			begun, err := d.Begin(d.Context(), d.call(fmt.Sprint(i), limits(10, time.Hour), func(c *ledger.Call) { c.Flow.User = fmt.Sprint(i) }))
			if err != nil {
				d.Error(err)
			}
			if begun.Go {
				sent.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(d, 10, sent.Load())
}

func observed(d *desk) {
	observe := func(c *ledger.Call) { c.Observe = true }
	require.Equal(d, sendIt, d.begin(d.call("1", limits(1, time.Hour), observe)))
	require.Equal(d, ledger.Begun{Go: true, Over: 0, After: time.Hour}, d.begin(d.call("2", limits(1, time.Hour), observe, otherFlow)))
}

func limitedButSent(d *desk) {
	one := limits(1, time.Hour)
	d.send(d.call("1", one), "a", "SM1")
	d.clock.Move(30 * time.Second)
	require.Equal(d, ledger.JustSent, d.begin(d.call("2", one)).Result)
	require.Equal(d, ledger.TooMany, d.begin(d.call("3", one, signedIn)).Result, "they have used the code")
	require.Equal(d, ledger.TooMany, d.begin(d.call("4", one, mfa)).Result)
	d.clock.Move(30 * time.Second)
	require.Equal(d, ledger.TooMany, d.begin(d.call("5", one)).Result, "the code has expired")
}

func lateAccepted(d *desk) {
	c := d.call("1")
	d.fail(c, d.pending("a"))
	repeating := d.begin(c)
	require.True(d, repeating.Go)
	accepted, news, err := d.Late(d.Context(), "1", d.accepted("a", "SM1"))
	require.NoError(d, err)
	require.Zero(d, news)
	require.True(d, accepted, "the race that is under way has nothing left to do")
	result, _ := d.end(ledger.Ended{ID: "1", Result: ledger.Failed})
	require.Equal(d, ledger.Accepted, result)
	require.Equal(d, repeat(ledger.Accepted), d.begin(c))

	accepted, _, err = d.Late(d.Context(), "1", d.accepted("b", "SM2"))
	require.NoError(d, err)
	require.False(d, accepted, "it was accepted before")
}

func decided(d *desk) {
	d.fail(d.call("1"), d.pending("a"), d.failed("b", providers.Unknown))
	undecided, err := d.Decided(d.short(), "1")
	require.ErrorIs(d, err, context.DeadlineExceeded)
	require.True(d, undecided.Pending())
	all := make(chan ledger.Message, 1)
	go func() {
		m, err := d.Decided(d.Context(), "1")
		if err != nil {
			d.Error(err)
		}
		all <- m
	}()
	_, _, err = d.Late(d.Context(), "1", d.failed("a", providers.Account))
	require.NoError(d, err)
	m := <-all
	require.False(d, m.Pending())
	require.Equal(d, []providers.Kind{providers.Account, providers.Unknown}, []providers.Kind{m.Attempts[0].Kind, m.Attempts[1].Kind})
}
