package dispatch

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

// maxBehind is how many calls the ledger lets wait for one message.
const maxBehind = 16

// of returns a request with an ID of its own.
func of(id string) Request {
	r := request("15555550100")
	r.ID = id
	return r
}

// again returns a request with an ID of its own, made when the caller had stored the message of the one before.
func again(id string) Request {
	r := of(id)
	r.Stored = "before " + id
	return r
}

func TestParallelRequests(t *testing.T) {
	another := func(change func(*Request)) Request {
		r := of("second")
		change(&r)
		return r
	}
	slow := func() *pigeon { return &pigeon{wait: time.Second} }
	slowNo := &pigeon{wait: time.Second, err: &providers.Error{Kind: providers.Temporary}}
	for _, tt := range []struct {
		name     string
		instance *pigeon
		second   Request
		want     Result
		took     time.Duration
		sent     int
	}{
		{"the first is accepted: its code is the valid one", slow(), of("second"), JustSent, time.Second, 1},
		{"the first fails: the second runs", slowNo, of("second"), Failed, 2 * time.Second, 2},
		{"another number", slow(), another(func(r *Request) { r.Phone = providers.NewSecret("15555550101") }), Accepted, time.Second, 2},
		{"another user", slow(), another(func(r *Request) { r.User = "another" }), Accepted, time.Second, 2},
		{"the same number, written otherwise", slow(), another(func(r *Request) { r.Phone = providers.NewSecret("+15555550100") }), JustSent, time.Second, 1},
		{"a second factor", slow(), another(func(r *Request) { r.MFA = true }), Accepted, time.Second, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := dispatcher(Settings{}, tt.instance)
				go d.Send(t.Context(), of("first"))
				synctest.Wait()
				start := time.Now()
				tt.second.ReceivedAt = start
				require.Equal(t, tt.want, d.Send(t.Context(), tt.second).Result)
				require.Equal(t, tt.took, time.Since(start))
				require.Equal(t, tt.sent, tt.instance.sent())
				require.NoError(t, d.Drain(t.Context()))
			})
		})
	}
}

// Auth reads the user's record before it waits for its transaction: a second tap may come when the first has been answered.
func TestASecondTapAfterTheAnswer(t *testing.T) {
	for _, tt := range []struct {
		name   string
		after  time.Duration // the answer
		change func(*Request)
		want   Result
	}{
		{"at once", 0, func(*Request) {}, JustSent},
		{"after 25 ms", 25 * time.Millisecond, func(*Request) {}, JustSent},
		{"just within a second", time.Second - 1, func(*Request) {}, JustSent},
		{"after a second, it is a resend", time.Second, func(*Request) {}, Accepted},
		{"it knows of the first: it is of another kind", 25 * time.Millisecond, func(r *Request) { r.Stored = "first" }, Accepted},
		{"a second factor", 0, func(r *Request) { r.MFA = true }, Accepted},
		{"another user", 0, func(r *Request) { r.User = "another" }, Accepted},
		{"another number", 0, func(r *Request) { r.Phone = providers.NewSecret("15555550101") }, Accepted},
		{"a repeat of the first", 0, func(r *Request) { r.ID = "first" }, Accepted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, next := &pigeon{wait: 300 * time.Millisecond}, &pigeon{wait: 300 * time.Millisecond}
				d := setup{ResendWindow: time.Minute}.dispatcher(p, next)
				require.Equal(t, Accepted, d.Send(t.Context(), of("first")).Result)
				time.Sleep(tt.after)
				second := of("second")
				tt.change(&second)
				require.Equal(t, tt.want, d.Send(t.Context(), second).Result)
				require.Equal(t, tt.want == Accepted && second.ID != "first", p.sent()+next.sent() == 2)
			})
		})
	}
}

// What was not accepted, or not heard, has left no valid code.
func TestNoSecondTapAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := fails(providers.Temporary)
		d := dispatcher(Settings{}, p)
		require.Equal(t, Failed, d.Send(t.Context(), of("first")).Result)
		p.err, p.wait = nil, time.Second
		unheard, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		require.Equal(t, Failed, d.Send(unheard, of("second")).Result)
		require.Equal(t, Accepted, d.Send(t.Context(), of("third")).Result)
		require.NoError(t, d.Drain(t.Context()))
	})
}

// Calls that wait for another one to end take no room from others, and there is a limit to them: for each flow, and in sum.
func TestWhoWaitsTakesNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pigeon{wait: time.Second}
		d := dispatcher(Settings{}, p)
		start := time.Now()
		outcomes := make(chan Outcome, 300)
		send := func(r Request) { go func() { outcomes <- d.Send(t.Context(), r) }() }
		count := func(n int) map[string]int {
			got := map[string]int{}
			for range n {
				o := <-outcomes
				got[fmt.Sprint(o.Result, " ", o.Reason, " ", time.Since(start))]++
			}
			return got
		}
		for i := range 150 {
			send(of(fmt.Sprint("one number ", i)))
		}
		synctest.Wait()
		require.Equal(t, map[string]int{fmt.Sprint("failed ", ledger.ErrCrowded, " 0s"): 150 - 1 - maxBehind}, count(150-1-maxBehind))
		for i := range 20 {
			r := of(fmt.Sprint("other ", i))
			r.User = r.ID
			send(r)
		}
		require.Equal(t, map[string]int{
			"accepted <nil> 1s":                          1 + 20,
			fmt.Sprint("just_sent ", errJustSent, " 1s"): maxBehind,
		}, count(1+20+maxBehind))
		require.Equal(t, 21, p.sent())
		require.Empty(t, d.slots)
	})
}

func TestWhoWaitsIsBoundedInSum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pigeon{wait: time.Second}
		d := dispatcher(Settings{}, p)
		outcomes := make(chan Outcome, 300)
		for i := range 20 { // users, with 10 requests each: 20 are sent, and of 180 others 100 may wait
			for j := range 10 {
				r := of(fmt.Sprint(i, " ", j))
				r.User = fmt.Sprint("user ", i)
				go func() { outcomes <- d.Send(t.Context(), r) }()
			}
		}
		got := map[Result]int{}
		for range 200 {
			got[(<-outcomes).Result]++
		}
		require.Equal(t, map[Result]int{Accepted: 20, JustSent: 100, Failed: 80}, got)
		require.Equal(t, 20, p.sent())
	})
}

func TestRepeatsThatWaitAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pigeon{wait: time.Second}
		d := dispatcher(Settings{}, p)
		outcomes := make(chan Outcome, 100)
		for range 50 {
			go func() { outcomes <- attempt(t.Context(), d) }()
		}
		got := map[string]int{}
		for range 50 {
			o := <-outcomes
			got[fmt.Sprint(o.Result, " ", o.Reason)]++
		}
		require.Equal(t, map[string]int{
			"accepted <nil>":                         1,
			fmt.Sprint("accepted ", errRepeat):       maxBehind,
			fmt.Sprint("failed ", ledger.ErrCrowded): 50 - 1 - maxBehind,
		}, got)
		require.Equal(t, 1, p.sent())
	})
}

// The code of a request is no longer valid when its caller has left. A caller that still waits needs a message of its own.
func TestTheFirstOfTwoLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pigeon{wait: 1200 * time.Millisecond}
		d := dispatcher(Settings{}, p)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		go d.Send(ctx, of("first"))
		synctest.Wait()
		outcome := d.Send(t.Context(), of("second"))
		require.Equal(t, Accepted, outcome.Result)
		require.Equal(t, 2, p.sent())
		require.NoError(t, d.Drain(t.Context()))
	})
}

func TestNoCallWaitsForItsFlowAfterItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pigeon{wait: time.Hour}
		d := dispatcher(Settings{}, p)
		go d.Send(t.Context(), of("first"))
		synctest.Wait()
		r := of("second")
		r.Spent = 3 * time.Second
		start := time.Now()
		outcome := d.Send(t.Context(), r)
		require.Equal(t, []any{Failed, ledger.ErrNoTime}, []any{outcome.Result, outcome.Reason})
		require.Equal(t, 1800*time.Millisecond, time.Since(start))
		time.Sleep(time.Minute)
	})
}

func TestWhoAsksAgainGetsTheNextInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := setup{ResendWindow: 10 * time.Minute}.dispatcher(&pigeon{}, &pigeon{}, &pigeon{})
		n := 0
		ask := func(change ...func(*Request)) string {
			n++
			r := again(string(rune('A' + n)))
			for _, c := range change {
				c(&r)
			}
			return tried(d.Send(t.Context(), r))
		}
		signedIn := func(r *Request) { r.LastSignIn = "2026-11-21T00:05:07Z" }
		mfa := func(r *Request) { r.MFA = true }
		require.Equal(t, "a", ask())
		require.Equal(t, "b", ask())
		require.Equal(t, "c", ask())
		require.Equal(t, "a", ask(), "it goes round")
		require.Equal(t, "a", ask(mfa), "a second factor has no part in it")
		require.Equal(t, "a", ask(signedIn), "the code has been used")
		require.Equal(t, "b", ask(signedIn))
		time.Sleep(10 * time.Minute)
		require.Equal(t, "a", ask(signedIn), "it is too long ago")
	})
}

func TestResendIsOff(t *testing.T) {
	d := dispatcher(Settings{}, &pigeon{}, &pigeon{})
	require.Equal(t, "a", tried(d.Send(t.Context(), of("1"))))
	require.Equal(t, "a", tried(d.Send(t.Context(), again("2"))))
}

func TestResendAfterSilenceStartsBehindTheLastThatMayHaveIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := setup{ResendWindow: time.Hour}.dispatcher(&pigeon{wait: time.Hour}, &pigeon{wait: time.Hour}, fails(providers.Rejected))
		require.Equal(t, "c a b", tried(d.Send(t.Context(), of("1"))))
		outcome := d.Send(t.Context(), again("2"))
		require.Equal(t, "c a b", tried(outcome))
		require.NoError(t, d.Drain(t.Context()))
	})
}
