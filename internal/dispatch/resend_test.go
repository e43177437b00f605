package dispatch

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/providers"
)

// The code goes out by the next instance of another channel, at once and exactly once: also when the receipt comes again, out
// of order and several times at the same moment.
func TestLateFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(nil, "whatsapp", "whatsapp", "sms", "sms")
		require.Equal(t, Accepted, s.ask("1"))
		require.Equal(t, "a sends code-1 to 1", s.happened())
		start := time.Now()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { s.report("a", "1", providers.StateUndelivered, providers.Channel) })
			wg.Go(func() { s.report("a", "1", providers.StateQueued, 0) })
		}
		wg.Wait()
		require.Equal(t, `a reports undelivered of "1" channel; c sends code-1 to 1; fell back from a for channel`, s.happened())
		require.Zero(t, time.Since(start))
		s.report("a", "1", providers.StateSent, 0)
		s.report("a", "1", providers.StateFailed, providers.Channel)
		require.Empty(t, s.happened())

		s.report("c", "1", providers.StateUndelivered, providers.Temporary)
		require.Equal(t, `c reports undelivered of "1" temporary; d sends code-1 to 1; fell back from c for temporary`, s.happened())
		s.report("d", "1", providers.StateUndelivered, providers.Temporary)
		require.Equal(t, `d reports undelivered of "1" temporary`, s.happened(), "no instance is left")
		require.NoError(t, s.Drain(t.Context()))
	})
}

func TestLateFallbackByKind(t *testing.T) {
	for kind, want := range map[providers.Kind]string{
		providers.Unknown:   "b",
		providers.Temporary: "b",
		providers.Account:   "b",
		providers.Rejected:  "b",
		providers.Channel:   "", // both are of one channel
		providers.Recipient: "",
	} {
		t.Run(kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(nil, "sms", "sms")
				require.Equal(t, Accepted, s.ask("1"))
				s.report("a", "1", providers.StateFailed, kind)
				require.Equal(t, want != "", strings.Contains(s.happened(), "b sends"))
			})
		})
	}
}

// No code goes out a second time unless everything speaks for it.
func TestNoLateFallback(t *testing.T) {
	fail := func(s *stage) { s.report("a", "1", providers.StateUndelivered, providers.Temporary) }
	for _, tt := range []struct {
		name   string
		change func([]*post, *setup)
		run    func(*testing.T, *stage)
	}{
		{"it is off", func(_ []*post, s *setup) { s.LateFallback = false }, func(_ *testing.T, s *stage) { s.ask("1"); fail(s) }},
		{"it was delivered", nil, func(_ *testing.T, s *stage) {
			s.ask("1")
			s.report("a", "1", providers.StateDelivered, 0)
			fail(s)
		}},
		{"too little of the code's life is left", nil, func(_ *testing.T, s *stage) {
			s.ask("1")
			time.Sleep(45*time.Second + time.Microsecond)
			fail(s)
		}},
		{"the code's life is over", nil, func(_ *testing.T, s *stage) {
			s.ask("1")
			time.Sleep(time.Minute)
			fail(s)
		}},
		{"a newer code was accepted", nil, func(_ *testing.T, s *stage) {
			s.ask("1")
			s.ask("2", func(r *Request) { r.LastSignIn = "since then" })
			fail(s)
		}},
		{"a newer second factor was accepted", nil, func(_ *testing.T, s *stage) {
			s.ask("1", func(r *Request) { r.MFA = true })
			time.Sleep(time.Millisecond)
			s.ask("2", func(r *Request) { r.MFA = true })
			fail(s)
		}},
		{"the caller has left", func(posts []*post, _ *setup) { posts[0].silent = time.Second }, func(t *testing.T, s *stage) {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			r := request("15555550100")
			r.ID = "1"
			require.Equal(t, Failed, s.Send(ctx, r).Result)
			time.Sleep(time.Second)
			fail(s)
		}},
		{"the operator's own class forbids it", nil, func(_ *testing.T, s *stage) {
			s.ask("1")
			s.receive(s.Instances[0], "", []providers.Receipt{{ID: "1a0", State: providers.StateFailed, Kind: providers.Temporary, Code: "77"}})
		}},
		{"another instance's receipt bears the same name", nil, func(_ *testing.T, s *stage) {
			s.ask("1")
			s.reportAs("b", "", "1a0", providers.StateFailed, providers.Temporary)
		}},
		{"a receipt for a message that the instance has named otherwise", nil, func(_ *testing.T, s *stage) {
			s.ask("1")
			s.reportAs("a", "1", "another", providers.StateFailed, providers.Temporary)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(tt.change, "sms", "sms")
				tt.run(t, s)
				time.Sleep(20 * time.Second)
				require.NotContains(t, s.happened(), "b sends")
				require.NoError(t, s.Drain(t.Context()))
			})
		})
	}
}

// While another instance may still deliver the message, it isn't sent by a third.
func TestLateFallbackWaitsForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(func(posts []*post, _ *setup) { posts[0].silent = 3 * time.Second }, "sms", "sms", "sms")
		require.Equal(t, Accepted, s.ask("1"))
		require.Equal(t, "a sends code-1 to 1; b sends code-1 to 1", s.happened())
		s.report("b", "1", providers.StateFailed, providers.Temporary)
		require.Equal(t, `b reports failed of "1" temporary`, s.happened(), "a is undecided")
		time.Sleep(10 * time.Second)
		require.Empty(t, s.happened(), "a has accepted it")
		s.report("a", "1", providers.StateFailed, providers.Temporary)
		require.Equal(t, `a reports failed of "1" temporary; c sends code-1 to 1; fell back from b for temporary`, s.happened())
	})
}

// Of an instance that never answered nothing will be known: it doesn't keep the message from the user.
func TestLateFallbackDoesNotWaitForSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(func(posts []*post, _ *setup) { posts[0].silent = time.Hour }, "sms", "sms", "sms")
		require.Equal(t, Accepted, s.ask("1"))
		s.report("b", "1", providers.StateFailed, providers.Temporary)
		s.happened()
		time.Sleep(10 * time.Second)
		require.Equal(t, "c sends code-1 to 1; fell back from b for temporary", s.happened())
	})
}

// A resend starts behind the instance that has the message now.
func TestResendAfterLateFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(nil, "whatsapp", "sms", "sms")
		s.ask("1")
		s.report("a", "1", providers.StateFailed, providers.Channel)
		s.happened()
		s.ask("2")
		require.Equal(t, "c sends code-2 to 2", s.happened())
	})
}

// A message is not sent on when the user has been given a newer code, or has got it after all, while its instances are tried.
func TestLateFallbackEndsWhenItsCodeIsNoLongerValid(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*stage)
		want string
	}{
		{"a newer code was accepted", func(s *stage) {
			require.Equal(t, Accepted, s.ask("2", func(r *Request) { r.LastSignIn = "since then" }))
		}, "a sends code-2 to 2; fell back from a for channel without success"},
		{"it was delivered", func(s *stage) { s.report("a", "1", providers.StateDelivered, 0) },
			`a reports delivered of "1" whole; fell back from a for channel without success`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(func(posts []*post, _ *setup) { posts[1].silent = time.Hour }, "whatsapp", "sms", "sms")
				require.Equal(t, Accepted, s.ask("1"))
				time.Sleep(time.Second)
				s.report("a", "1", providers.StateUndelivered, providers.Channel)
				require.Equal(t, `a sends code-1 to 1; a reports undelivered of "1" channel; b sends code-1 to 1`, s.happened())
				tt.do(s)
				require.Equal(t, tt.want, s.happened())
				time.Sleep(time.Minute)
				require.Empty(t, s.happened(), "c would have been tried after b's patience")
				require.NoError(t, s.Drain(t.Context()))
			})
		})
	}
}

// A late fallback that ends after a newer message was sent doesn't hide that.
func TestResendAfterANewerMessageThanTheLateFallbacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(func(posts []*post, _ *setup) { posts[1].silent = time.Second }, "whatsapp", "sms", "sms")
		s.ask("1")
		time.Sleep(time.Second)
		s.report("a", "1", providers.StateUndelivered, providers.Channel)
		require.Equal(t, Accepted, s.ask("2", func(r *Request) { r.LastSignIn = "since then" }))
		time.Sleep(2 * time.Second)
		s.happened()
		require.Equal(t, Accepted, s.ask("3", func(r *Request) { r.LastSignIn = "since then" }))
		synctest.Wait()
		require.Equal(t, "b sends code-3 to 3", s.happened(), "a has lost 2")
		time.Sleep(time.Minute)
	})
}

func phoneOf(t *testing.T, r Request) phone.Number {
	number, err := phone.Parse(r.Phone.Reveal())
	require.NoError(t, err)
	return number
}

// The second instance reports a failure before it has answered. The end of the first late fallback doesn't cancel the second one, which
// it has just started.
func TestSecondLateFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(func(posts []*post, _ *setup) { posts[1].silent = time.Second }, "sms", "sms", "sms")
		require.Equal(t, Accepted, s.ask("1"))
		s.report("a", "1", providers.StateUndelivered, providers.Temporary)
		time.Sleep(500 * time.Millisecond)
		require.Contains(t, s.happened(), "b sends code-1")
		s.reportAs("b", "1", "1b0", providers.StateUndelivered, providers.Temporary)
		time.Sleep(10 * time.Second)
		require.Contains(t, s.happened(), "c sends code-1 to 1")
		require.NoError(t, s.Drain(t.Context()))
	})
}

// slowNews is a ledger whose news of a message to send again reaches the dispatcher late.
type slowNews struct {
	ledger.Ledger
	meanwhile func()
}

func (l *slowNews) Receipt(ctx context.Context, instance, id string, r providers.Receipt) (ledger.News, error) {
	news, err := l.Ledger.Receipt(ctx, instance, id, r)
	if meanwhile := l.meanwhile; news.Resend != nil && meanwhile != nil {
		l.meanwhile = nil
		meanwhile()
	}
	return news, err
}

// elsewhere is a ledger that another replica tells that message 1 was delivered, just before an instance is called.
type elsewhere struct {
	ledger.Ledger
	before string
}

func (l elsewhere) Attempt(ctx context.Context, id string, a ledger.Attempt) error {
	if a.Instance == l.before {
		if _, err := l.Ledger.Receipt(ctx, "a", "1", providers.Receipt{ID: "1a0", State: providers.StateDelivered}); err != nil {
			return err
		}
	}
	return l.Ledger.Attempt(ctx, id, a)
}

// Before each attempt, a replica asks whether the message may still be sent again. If not, it also ends the attempts under way.
func TestLateFallbackThatAnotherReplicaStops(t *testing.T) {
	for first, want := range map[string][]string{
		"b": {`a reports undelivered of "1" temporary`, "fell back from a for temporary without success"},
		"c": {`a reports undelivered of "1" temporary`, "b sends code-1 to 1", "fell back from a for temporary without success"},
		"d": {`a reports undelivered of "1" temporary`, "b sends code-1 to 1", "c sends code-1 to 1", "fell back from a for temporary without success"},
		"e": {`a reports undelivered of "1" temporary`, "b sends code-1 to 1", "c sends code-1 to 1", "d sends code-1 to 1", "fell back from a for temporary"},
	} {
		t.Run(first, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(func(posts []*post, setup *setup) {
					posts[1].silent, posts[2].silent = time.Minute, time.Minute
					setup.Around = func(l ledger.Ledger) ledger.Ledger { return elsewhere{l, first} }
				}, "sms", "sms", "sms", "sms")
				require.Equal(t, Accepted, s.ask("1"))
				s.happened()
				s.report("a", "1", providers.StateUndelivered, providers.Temporary)
				time.Sleep(10 * time.Second)
				require.Equal(t, strings.Join(want, "; "), s.happened())
				require.Empty(t, s.resends.byID)
				time.Sleep(2 * time.Minute)
				require.NoError(t, s.Drain(t.Context()))
			})
		})
	}
}

// A message that must not be sent again isn't, also if that is known before its late fallback has begun.
func TestLateFallbackThatIsStoppedBeforeItBegins(t *testing.T) {
	for name, meanwhile := range map[string]func(s *stage){
		"delivered after all": func(s *stage) { s.report("a", "1", providers.StateDelivered, 0) },
		"the user asks again": func(s *stage) { s.ask("2") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &slowNews{}
				s := newStage(func(_ []*post, setup *setup) {
					setup.Around = func(memory ledger.Ledger) ledger.Ledger {
						l.Ledger = memory
						return l
					}
				}, "sms", "sms")
				require.Equal(t, Accepted, s.ask("1"))
				time.Sleep(2 * time.Second)
				l.meanwhile = func() { meanwhile(s) }
				s.report("a", "1", providers.StateUndelivered, providers.Temporary)
				time.Sleep(10 * time.Second)
				require.NotContains(t, s.happened(), "b sends code-1 to 1")
				require.Empty(t, s.resends.byID)
				require.NoError(t, s.Drain(t.Context()))
			})
		})
	}
}
