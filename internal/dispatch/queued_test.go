package dispatch

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

func TestMaySucceedLater(t *testing.T) {
	failed := func(kinds ...providers.Kind) (o Outcome) {
		for _, k := range kinds {
			o.Attempts = append(o.Attempts, race.Attempt{Err: &providers.Error{Kind: k, Err: errors.New("no")}})
		}
		return o
	}
	for name, tt := range map[string]struct {
		outcome Outcome
		want    bool
	}{
		"temporary":                       {failed(providers.Temporary), true},
		"one of several is temporary":     {failed(providers.Account, providers.Temporary, providers.Rejected), true},
		"it may have been sent":           {failed(providers.Temporary, providers.Unknown), false},
		"an operator has to act":          {failed(providers.Account), false},
		"all refuse it":                   {failed(providers.Rejected, providers.Rejected), false},
		"nobody is on the channel":        {failed(providers.Channel), false},
		"the ledger could not be asked":   {Outcome{Reason: errors.New("away")}, true},
		"no instance is left":             {Outcome{Reason: errNoStart}, false},
		"no instance has the channel":     {Outcome{Reason: ErrNoChannel}, false},
		"it was accepted":                 {Outcome{Result: Accepted}, false},
		"a limit refuses":                 {Outcome{Result: TooMany}, false},
		"a newer message is accepted":     {Outcome{Result: JustSent}, false},
		"nobody will reach the number":    {Outcome{Result: BadNumber}, false},
		"a repeat of a message that went": {Outcome{Result: Accepted, Reason: errRepeat}, false},
	} {
		require.Equal(t, tt.want, tt.outcome.MaySucceedLater(), name)
	}
}

// A request from a queue is sent again long after a caller would have given up, is charged once, and needs no slot of the callers.
func TestARequestFromAQueueComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := fails(providers.Temporary)
		d := dispatcher(Settings{}, a)
		for range cap(d.slots) {
			d.slots <- struct{}{}
		}
		r := request("+447700900123")
		expires := time.Now().Add(time.Minute)
		again := func() Result {
			r.ReceivedAt, r.ExpiresAt = time.Now(), expires
			return d.Send(context.Background(), r).Result
		}
		require.Equal(t, Failed, again())
		time.Sleep(20 * time.Second)
		require.Equal(t, Failed, again())
		a.err = nil
		time.Sleep(20 * time.Second)
		require.Equal(t, Accepted, again())
		require.Equal(t, Accepted, again(), "it is sent once")
		require.Equal(t, 3, a.sent())
		r.ID = "another"
		require.Equal(t, Accepted, again(), "the queue has judged the flow")
	})
}

// Two messages of one flow that a queue hands out don't wait for each other.
func TestRequestsFromAQueueAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &pigeon{wait: 3 * time.Second}
		d := dispatcher(Settings{}, a)
		begun := time.Now()
		results := make(chan Result)
		for _, id := range []string{"1", "2"} {
			r := request("+447700900123")
			r.ID, r.ExpiresAt = id, begun.Add(time.Minute)
			go func() { results <- d.Send(context.Background(), r).Result }()
		}
		require.Equal(t, []Result{Accepted, Accepted}, []Result{<-results, <-results})
		require.Equal(t, 3*time.Second, time.Since(begun))
		require.Equal(t, 2, a.sent())
	})
}

// What a queue doesn't send is not sent by a repeat either.
func TestNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := fails(providers.Temporary)
		d := dispatcher(Settings{}, a)
		r := request("+447700900123")
		r.ExpiresAt = time.Now().Add(time.Minute)
		require.Equal(t, Failed, d.Send(context.Background(), r).Result)
		d.NotSent(context.Background(), r.ID, JustSent)
		require.Equal(t, JustSent, d.Send(context.Background(), r).Result)
		require.Equal(t, 1, a.sent())
	})
}
