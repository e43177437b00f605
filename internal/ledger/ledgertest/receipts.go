package ledgertest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

// about is the report of a receipt for message 1.
func (d *desk) about(instance string, state providers.State, kind providers.Kind) ledger.Report {
	return ledger.Report{
		ID: "1", Number: "+4477*****123", Country: "GB", Instance: instance,
		Receipt: providers.Receipt{State: state, Kind: kind},
	}
}

// Whatever the order in which they come, and however often, receipts lead to the highest state.
func receiptsInEveryOrder(d *desk) {
	states := []providers.State{providers.StateSent, providers.StateUndelivered, providers.StateDelivered}
	n := 0
	for _, first := range states {
		for _, second := range states {
			for _, third := range states {
				n++
				id := fmt.Sprint("order ", n)
				d.send(d.call(id, func(c *ledger.Call) { c.Flow.User = id }), "a", id)
				best := providers.StateQueued
				for _, state := range []providers.State{first, second, third} {
					news := d.report("a", "", id, state, providers.Recipient)
					require.Equal(d, state > best, len(news.Reports) == 1, "%s: %v after %v", id, state, best)
					if state > best {
						require.Equal(d, state.Delivered(), news.Reports[0].Delivered)
					}
					best = max(best, state)
				}
			}
		}
	}
}

// A message in parts is delivered when all parts are. One failed part is enough for a failure.
func parts(d *desk) {
	d.send(d.call("1"), "a", "p1", "p2")
	require.False(d, d.report("a", "", "p1", providers.StateDelivered, 0).Reports[0].Delivered)
	require.True(d, d.report("a", "", "p2", providers.StateDelivered, 0).Reports[0].Delivered)
	require.False(d, d.report("a", "", "p2", providers.StateRead, 0).Reports[0].Delivered)

	d.send(d.call("2", otherFlow), "a", "q1", "q2")
	d.report("a", "", "q1", providers.StateDelivered, 0)
	require.NotNil(d, d.report("a", "", "q2", providers.StateFailed, providers.Temporary).Resend)
}

func partsBounded(d *desk) {
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprint("p", i))
	}
	d.send(d.call("1"), "a", names...)
	require.Len(d, d.report("a", "", "p15", providers.StateSent, 0).Reports, 1)
	require.Empty(d, d.report("a", "", "p16", providers.StateSent, 0).Reports)
}

func earlyReceipt(d *desk) {
	require.True(d, d.begin(d.call("1")).Go)
	require.Zero(d, d.report("a", "", "SM1", providers.StateSent, 0))
	require.Zero(d, d.report("a", "", "SM1", providers.StateFailed, providers.Temporary))
	require.Zero(d, d.report("b", "", "SM1", providers.StateDelivered, 0), "another instance's name")
	d.try("1", "a")
	_, news := d.end(ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "a", Attempts: []ledger.Attempt{d.accepted("a", "SM1")}})
	require.Contains(d, news.Reports, d.about("a", providers.StateFailed, providers.Temporary))
	require.NotNil(d, news.Resend)
}

func unknownReceipt(d *desk) {
	require.Zero(d, d.report("a", "", "SM1", providers.StateSent, 0))
	d.clock.Move(9 * time.Second)
	more, news := d.sweep()
	require.True(d, more)
	require.Zero(d, news)
	d.clock.Move(time.Second)
	_, news = d.sweep()
	require.Equal(d, ledger.News{Reports: []ledger.Report{{Instance: "a", Receipt: providers.Receipt{State: providers.StateSent}}}}, news)
	more, news = d.sweep()
	require.False(d, more)
	require.Zero(d, news)
}

func earlyBounded(d *desk) {
	at := 0
	for i := range 5000 {
		if len(d.report("a", "", fmt.Sprint("SM", i), providers.StateSent, 0).Reports) > 0 {
			at = i
			break
		}
	}
	require.Equal(d, 1<<12, at, "one more is reported at once")
}

func unnamedReceipt(d *desk) {
	require.True(d, d.begin(d.call("1")).Go)
	d.try("1", "a")
	require.Equal(d, ledger.News{Reports: []ledger.Report{d.about("a", providers.StateSent, 0)}}, d.report("a", "1", "SM1", providers.StateSent, 0))
	d.end(ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "a", Attempts: []ledger.Attempt{d.accepted("a", "SM1")}})
	require.Zero(d, d.report("a", "1", "SM2", providers.StateFailed, 0), "the instance has named it otherwise")
}

func notAsked(d *desk) {
	d.send(d.call("1"), "a", "SM1")
	require.Zero(d, d.report("b", "1", "SM1", providers.StateFailed, providers.Temporary))
	d.fail(d.call("2", otherFlow), d.failed("a", providers.Account))
	require.Zero(d, d.report("a", "2", "SM2", providers.StateDelivered, 0), "it has refused the message")
}

func resent(d *desk) {
	c := d.call("1")
	d.send(c, "a", "SM1")
	var resends atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			news, err := d.Receipt(d.Context(), "a", "", providers.Receipt{ID: "SM1", State: providers.StateUndelivered, Kind: providers.Channel})
			if err != nil {
				d.Error(err)
			}
			if news.Resend != nil {
				resends.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(d, 1, resends.Load())

	d.try("1", "b")
	_, news := d.end(ledger.Ended{ID: "1", Resend: true, Result: ledger.Accepted, Instance: "b", Attempts: []ledger.Attempt{d.accepted("b", "SM2")}})
	require.Zero(d, news)
	again := d.report("b", "", "SM2", providers.StateFailed, providers.Temporary).Resend
	require.NotNil(d, again)
	require.Equal(d, c.Message.Text.Reveal(), again.Message.Text.Reveal())
	require.Equal(d, "b", again.Instance)
	require.Equal(d, providers.Temporary, again.Kind)
	require.Equal(d, []string{"a", "b"}, []string{again.Tried[0].Instance, again.Tried[1].Instance})

	_, news = d.end(ledger.Ended{ID: "1", Resend: true, Result: ledger.Failed})
	require.Zero(d, news, "no instance is left")
}

// No message is sent a second time unless everything speaks for it.
func notResent(d *desk) {
	for _, tt := range []struct {
		name string
		run  func(id string) ledger.News
	}{
		{"it was delivered", func(id string) ledger.News {
			d.report("a", "", id, providers.StateDelivered, 0)
			return d.report("a", "", id, providers.StateFailed, providers.Temporary)
		}},
		{"nobody will reach the number", func(id string) ledger.News {
			return d.report("a", "", id, providers.StateFailed, providers.Recipient)
		}},
		{"too little of the code's life is left", func(id string) ledger.News {
			d.clock.Move(45*time.Second + time.Microsecond)
			return d.report("a", "", id, providers.StateFailed, providers.Temporary)
		}},
		{"the code has expired", func(id string) ledger.News {
			d.clock.Move(time.Minute)
			return d.report("a", "", id, providers.StateFailed, providers.Temporary)
		}},
		{"another attempt may deliver it", func(id string) ledger.News {
			d.try(id, "b")
			return d.report("a", "", id, providers.StateFailed, providers.Temporary)
		}},
		{"it is being sent again", func(id string) ledger.News {
			require.NotNil(d, d.report("a", "", id, providers.StateFailed, providers.Temporary).Resend)
			return d.report("a", "", id, providers.StateUndelivered, providers.Temporary)
		}},
	} {
		c := d.call(tt.name, func(c *ledger.Call) { c.Flow.User = tt.name })
		d.send(c, "a", tt.name)
		require.Nil(d, tt.run(tt.name).Resend, tt.name)
	}
	left := d.call("left", otherFlow)
	require.True(d, d.begin(left).Go)
	d.end(ledger.Ended{ID: "left", Result: ledger.Accepted, Instance: "a", Left: true, Attempts: []ledger.Attempt{d.accepted("a", "left")}})
	require.Nil(d, d.report("a", "", "left", providers.StateFailed, providers.Temporary).Resend, "the caller has left")
}

func superseded(d *desk) {
	for name, change := range map[string]func(*ledger.Call){"sign-in": signedIn, "second factor": mfa} {
		older := d.call("older "+name, change, func(c *ledger.Call) { c.LastSignIn = "before" })
		newer := d.call("newer "+name, change)
		newer.ReceivedAt = newer.ReceivedAt.Add(time.Millisecond)
		d.send(older, "a", older.Message.ID)
		d.clock.Move(2 * time.Second)
		d.send(newer, "b", newer.Message.ID)
		require.Nil(d, d.report("a", "", older.Message.ID, providers.StateFailed, providers.Temporary).Resend)
		require.NotNil(d, d.report("b", "", newer.Message.ID, providers.StateFailed, providers.Temporary).Resend)
	}
}

func deliveredStops(d *desk) {
	require.True(d, d.begin(d.call("1")).Go)
	_, _ = d.end(ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "a", Attempts: []ledger.Attempt{d.accepted("a", "p1", "p2")}})
	require.NotNil(d, d.report("a", "", "p1", providers.StateFailed, providers.Temporary).Resend)
	require.Empty(d, d.report("a", "", "p2", providers.StateDelivered, 0).Stop)
	require.Equal(d, []string{"1"}, d.report("a", "", "p1", providers.StateDelivered, 0).Stop)
}

// stopped: the one who sends a message again need not be the one who learns that it must stop.
func stopped(d *desk) {
	for name, over := range map[string]func(id string){
		"a newer code was sent": func(id string) {
			newer := d.call("newer than "+id, func(c *ledger.Call) { c.Flow.User, c.LastSignIn = id, "since then" })
			require.True(d, d.begin(newer).Go)
			_, news := d.end(ledger.Ended{ID: newer.Message.ID, Result: ledger.Accepted, Instance: "a"})
			require.Equal(d, []string{id}, news.Stop)
		},
		"it was delivered": func(id string) {
			require.Equal(d, []string{id}, d.report("a", "", id, providers.StateDelivered, 0).Stop)
		},
		"it has expired": func(id string) {
			d.clock.Move(time.Minute)
			_, news := d.sweep()
			require.Equal(d, []string{id}, news.Stop)
		},
	} {
		c := d.call(name, func(c *ledger.Call) { c.Flow.User = name })
		d.send(c, "a", name)
		d.clock.Move(2 * time.Second)
		require.NotNil(d, d.report("a", "", name, providers.StateFailed, providers.Temporary).Resend)
		d.try(name, "b")
		over(name)
		next := ledger.Attempt{Instance: "c", BegunAt: ledger.At(d.clock.Now())}
		require.ErrorIs(d, d.Attempt(d.Context(), name, next), ledger.ErrStopped)
		_, news := d.end(ledger.Ended{ID: name, Resend: true, Result: ledger.Failed, Attempts: []ledger.Attempt{d.failed("b", providers.Temporary)}})
		require.Zero(d, news)
		m, err := d.Decided(d.Context(), name)
		require.NoError(d, err)
		require.Len(d, m.Attempts, 2, "the one that was stopped is not noted")
	}
}

func expiry(d *desk) {
	d.send(d.call("1"), "a", "SM1")
	d.send(d.call("2", mfa, func(c *ledger.Call) { c.Life = 5 * time.Minute }), "a", "SM2")
	d.clock.Move(time.Minute)
	more, _ := d.sweep()
	require.True(d, more)
	require.Nil(d, d.report("a", "", "SM1", providers.StateFailed, providers.Temporary).Resend)
	require.NotNil(d, d.report("a", "", "SM2", providers.StateFailed, providers.Temporary).Resend)
	d.clock.Move(4 * time.Minute)
	more, news := d.sweep()
	require.False(d, more)
	require.Equal(d, []string{"2"}, news.Stop, "its resending stops")
}

func forgotten(d *desk) {
	d.send(d.call("1"), "a", "SM1")
	d.clock.Move(10*time.Minute - time.Microsecond)
	d.sweep()
	require.Equal(d, repeat(ledger.Accepted), d.begin(d.call("1")))
	d.clock.Move(time.Microsecond)
	d.sweep()
	require.Equal(d, sendIt, d.begin(d.call("1")), "no signature is valid for so long")
	require.Zero(d, d.Forgotten())
}
