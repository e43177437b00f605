package dispatch

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// of returns a request with an ID of its own.
func of(id string) Request {
	r := request("15555550100")
	r.ID = id
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
		name    string
		carrier *pigeon
		second  Request
		want    Result
		took    time.Duration
		sent    int
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
				d := dispatcher(Settings{}, tt.carrier)
				go d.Send(t.Context(), of("first"))
				synctest.Wait()
				start := time.Now()
				tt.second.Arrived = start
				require.Equal(t, tt.want, d.Send(t.Context(), tt.second).Result)
				require.Equal(t, tt.took, time.Since(start))
				require.Equal(t, tt.sent, tt.carrier.sent())
				require.NoError(t, d.Drain(t.Context()))
			})
		})
	}
}

// A code whose request nobody waits for any more is void: the one who still waits needs one of his own.
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

func TestNobodyWaitsInALaneBeyondHisTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pigeon{wait: time.Hour}
		d := dispatcher(Settings{}, p)
		go d.Send(t.Context(), of("first"))
		synctest.Wait()
		r := of("second")
		r.Spent = 3 * time.Second
		start := time.Now()
		require.Equal(t, Outcome{Result: Failed, Reason: errBehind}, d.Send(t.Context(), r))
		require.Equal(t, 1800*time.Millisecond, time.Since(start))
		time.Sleep(time.Minute)
	})
}

func TestWhoAsksAgainGetsTheNextCarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := dispatcher(Settings{ResendWindow: 10 * time.Minute}, &pigeon{}, &pigeon{}, &pigeon{})
		n := 0
		ask := func(change ...func(*Request)) string {
			n++
			r := of(string(rune('A' + n)))
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
		require.Equal(t, "a", ask(signedIn), "the code has arrived")
		require.Equal(t, "b", ask(signedIn))
		time.Sleep(10 * time.Minute)
		require.Equal(t, "a", ask(signedIn), "it is too long ago")
	})
}

func TestResendIsOff(t *testing.T) {
	d := dispatcher(Settings{}, &pigeon{}, &pigeon{})
	require.Equal(t, "a", tried(d.Send(t.Context(), of("1"))))
	require.Equal(t, "a", tried(d.Send(t.Context(), of("2"))))
}

func TestResendAfterSilenceStartsBehindTheLastThatMayHaveIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := dispatcher(Settings{ResendWindow: time.Hour}, &pigeon{wait: time.Hour}, &pigeon{wait: time.Hour}, fails(providers.Rejected))
		require.Equal(t, "c a b", tried(d.Send(t.Context(), of("1"))))
		outcome := d.Send(t.Context(), of("2"))
		require.Equal(t, "c a b", tried(outcome))
		require.NoError(t, d.Drain(t.Context()))
	})
}
