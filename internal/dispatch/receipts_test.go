package dispatch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/message"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// post is an instance whose name for a message is ours and its own initial. It shows what it was given to the stage.
type post struct {
	initial string
	channel string
	parts   int
	silent  time.Duration // before it answers
	err     error
	stage   *stage
}

func (p *post) Channel() string { return p.channel }

func (p *post) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	p.stage.add(fmt.Sprintf("%s sends %s to %s", p.initial, m.Code.Reveal(), m.ID))
	if err := silence(ctx, p.silent); err != nil {
		return providers.Sent{}, err
	}
	if p.err != nil {
		return providers.Sent{}, p.err
	}
	var sent providers.Sent
	for i := range p.parts {
		sent.IDs = append(sent.IDs, fmt.Sprint(m.ID, p.initial, i))
	}
	return sent, nil
}

// stage is a Dispatcher whose instances are posts, and a record of what happens on it.
type stage struct {
	*Dispatcher
	mu     sync.Mutex
	record []string
}

func (s *stage) add(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record = append(s.record, what)
}

// happened returns what has happened since it was last asked.
func (s *stage) happened() string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	all := strings.Join(s.record, "; ")
	s.record = nil
	return all
}

// newStage returns a stage with one post for each of the channels.
func newStage(change func([]*post, *setup), channels ...string) *stage {
	s := &stage{}
	settings := setup{
		Settings:     Settings{CallerWaits: 5 * time.Second, Budget: 4 * time.Second, Concurrency: 100, Texts: texts(message.Settings{})},
		ResendWindow: 10 * time.Minute,
		LateFallback: true,
	}
	var posts []*post
	for i, channel := range channels {
		posts = append(posts, &post{initial: string(rune('a' + i)), channel: channel, parts: 1, stage: s})
	}
	if change != nil {
		change(posts, &settings)
	}
	var instances []*race.Instance
	for _, p := range posts {
		instances = append(instances, race.NewInstance(p.initial, p, providers.Codes{"77": providers.Recipient}, 100))
	}
	runner := &race.Runner{Patience: 1500 * time.Millisecond, Unknown: race.AcceptUnknown, Ended: func(race.Attempt) {}}
	s.Dispatcher = New(settings.Settings, settings.ledger(), instances, runner, Events{
		Resent: func(string) {},
		Reported: func(r ledger.Report) {
			what := fmt.Sprintf("%s reports %v of %q", r.Instance, r.Receipt.State, r.ID)
			if r.Receipt.State.Failed() {
				what += " " + r.Receipt.Kind.String()
			}
			if r.Delivered {
				what += " whole"
			}
			s.add(what)
		},
		FellBack: func(f Fallback) {
			what := fmt.Sprintf("fell back from %s for %v", f.Instance, f.Kind)
			if f.Outcome.Result != race.Accepted {
				what += " without success"
			}
			s.add(what)
		},
	})
	return s
}

func (s *stage) ask(id string, change ...func(*Request)) Result {
	r := request("15555550100")
	r.ID, r.Code, r.Stored = id, providers.NewSecret("code-"+id), "before "+id
	for _, c := range change {
		c(&r)
	}
	return s.Send(context.Background(), r).Result
}

// report makes an instance report of a message that it has taken.
func (s *stage) report(instance, messageID string, state providers.State, kind providers.Kind) {
	s.reportAs(instance, "", messageID+instance+"0", state, kind)
}

func (s *stage) receive(i *race.Instance, messageID string, receipts []providers.Receipt) {
	if err := s.Receipts(context.Background(), i, messageID, receipts); err != nil {
		s.add(err.Error())
	}
}

func (s *stage) reportAs(instance, messageID, id string, state providers.State, kind providers.Kind) {
	c := s.Instances[instance[0]-'a']
	s.receive(c, messageID, []providers.Receipt{{ID: id, State: state, Kind: kind}})
}

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

func TestLateFallbackGoesOnWhereAInstanceRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(func(posts []*post, _ *setup) {
			posts[1].err = &providers.Error{Kind: providers.Account, Err: errors.New("no")}
		}, "whatsapp", "sms", "sms")
		require.Equal(t, Accepted, s.ask("1"))
		s.report("a", "1", providers.StateFailed, providers.Channel)
		require.Equal(t, `a sends code-1 to 1; a reports failed of "1" channel; b sends code-1 to 1; c sends code-1 to 1; fell back from a for channel`, s.happened())
	})
}

// Where one instance has said that nobody will reach the number, another's failure changes nothing.
func TestNoLateFallbackToANumberThatNobodyReaches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(func(posts []*post, _ *setup) {
			posts[0].silent, posts[0].err = 2*time.Second, &providers.Error{Kind: providers.Recipient, Err: errors.New("no")}
			posts[1].silent = 2 * time.Second
		}, "sms", "sms", "sms")
		require.Equal(t, Accepted, s.ask("1"))
		s.report("b", "1", providers.StateFailed, providers.Temporary)
		require.Equal(t, `a sends code-1 to 1; b sends code-1 to 1; b reports failed of "1" temporary`, s.happened())
	})
}

// If an instance reports a failure before it answers with an error, the kind of the receipt counts.
func TestAReceiptKnowsBetterThanAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(func(posts []*post, _ *setup) {
			posts[0].silent, posts[0].err = time.Second, &providers.Error{Kind: providers.Unknown, Err: errors.New("broken off")}
		}, "whatsapp", "sms", "whatsapp")
		done := make(chan Result)
		go func() { done <- s.ask("1") }()
		time.Sleep(500 * time.Millisecond)
		s.reportAs("a", "1", "x", providers.StateFailed, providers.Channel)
		require.Equal(t, Accepted, <-done)
		s.report("b", "1", providers.StateFailed, providers.Temporary)
		require.Equal(t, `a sends code-1 to 1; a reports failed of "1" channel; b sends code-1 to 1; b reports failed of "1" temporary`, s.happened())
	})
}

// What was tried for a call and for its repeats was tried for one message.
func TestNoLateFallbackByAInstanceOfTheCallBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(func(posts []*post, _ *setup) {
			posts[0].err = &providers.Error{Kind: providers.Account, Err: errors.New("no")}
		}, "sms", "sms")
		b := s.Instances[1].Provider().(*post)
		b.err = &providers.Error{Kind: providers.Temporary, Err: errors.New("not now")}
		require.Equal(t, Failed, s.ask("1"))
		b.err = nil
		require.Equal(t, Accepted, s.ask("1"))
		s.report("b", "1", providers.StateFailed, providers.Temporary)
		require.Equal(t, `a sends code-1 to 1; b sends code-1 to 1; b sends code-1 to 1; b reports failed of "1" temporary`, s.happened())
	})
}

// Of two challenges, the later one's code is the one that the app asks for, also where the earlier one is answered last.
func TestNoLateFallbackOfAnEarlierSecondFactor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(func(posts []*post, _ *setup) { posts[0].silent = time.Second }, "sms", "sms")
		mfa := func(r *Request) { r.MFA = true }
		done := make(chan Result)
		go func() { done <- s.ask("1", mfa) }()
		time.Sleep(500 * time.Millisecond)
		require.Equal(t, "a sends code-1 to 1", s.happened())
		s.Instances[0].Provider().(*post).silent = 0
		require.Equal(t, Accepted, s.ask("2", mfa))
		require.Equal(t, Accepted, <-done)
		s.report("a", "1", providers.StateFailed, providers.Temporary)
		require.Equal(t, `a sends code-2 to 2; a reports failed of "1" temporary`, s.happened())
	})
}

// A second factor's code lives longer, and another user's is another message.
func TestLateFallbackForASecondFactor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(nil, "whatsapp", "sms")
		s.ask("1", func(r *Request) { r.MFA = true })
		time.Sleep(2 * time.Minute)
		s.ask("2", func(r *Request) { r.MFA, r.User = true, "another" })
		s.ask("3")
		s.happened()
		s.report("a", "1", providers.StateFailed, providers.Channel)
		require.Contains(t, s.happened(), "b sends code-1 to 1")
	})
}

// There is a limit to what goes out at once, hooks first.
func TestLateFallbackUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(func(posts []*post, settings *setup) { settings.Concurrency = 1 }, "whatsapp", "sms")
		s.ask("1")
		s.slots <- struct{}{}
		s.happened()
		s.report("a", "1", providers.StateFailed, providers.Channel)
		require.Equal(t, `a reports failed of "1" channel; fell back from a for channel without success`, s.happened())
		<-s.slots
		s.report("a", "1", providers.StateUndelivered, providers.Channel)
		require.Equal(t, `a reports undelivered of "1" channel; b sends code-1 to 1; fell back from a for channel`, s.happened())
	})
}

// A receipt may overtake the answer to Send, and the answer to the caller.
func TestReceiptBeforeItsMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(func(posts []*post, _ *setup) { posts[0].silent = time.Second }, "whatsapp", "sms")
		done := make(chan Result)
		go func() { done <- s.ask("1") }()
		time.Sleep(500 * time.Millisecond)
		s.report("a", "1", providers.StateFailed, providers.Channel)
		require.Equal(t, "a sends code-1 to 1", s.happened())
		require.Equal(t, Accepted, <-done)
		require.Equal(t, `a reports failed of "1" channel; b sends code-1 to 1; fell back from a for channel`, s.happened())
	})
}

// An instance that has not answered may still report, by the name that we gave the message.
func TestReceiptByOurName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(func(posts []*post, _ *setup) { posts[0].silent = time.Hour }, "sms")
		require.Equal(t, Accepted, s.ask("1"), "taken as sent")
		time.Sleep(10 * time.Second)
		s.happened()
		s.reportAs("a", "1", "x", providers.StateDelivered, 0)
		require.Equal(t, `a reports delivered of "1" whole`, s.happened())
		s.reportAs("a", "1", "y", providers.StateRead, 0)
		require.Empty(t, s.happened(), "the name is known by now")
		s.reportAs("a", "", "x", providers.StateRead, 0)
		require.Equal(t, `a reports read of "1"`, s.happened())
	})
}

// If an instance has delivered the message without an answer, the failure of another instance changes nothing.
func TestMessageDeliveredWithoutAnAnswerIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(func(posts []*post, _ *setup) { posts[0].silent = time.Hour }, "sms", "sms", "sms")
		require.Equal(t, Accepted, s.ask("1"))
		time.Sleep(10 * time.Second)
		s.happened()
		s.reportAs("a", "1", "x", providers.StateDelivered, 0)
		s.report("b", "1", providers.StateFailed, providers.Temporary)
		require.Equal(t, `a reports delivered of "1" whole; b reports failed of "1" temporary`, s.happened())
	})
}

// An instance that has refused a message has nothing to report of it: by our name, anybody who knows the address could.
func TestNoReceiptByOurNameOfWhatWasRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(func(posts []*post, _ *setup) {
			posts[0].err = &providers.Error{Kind: providers.Temporary, Err: errors.New("no")}
		}, "sms", "sms")
		require.Equal(t, Accepted, s.ask("1"))
		s.happened()
		s.reportAs("a", "1", "x", providers.StateDelivered, 0)
		require.Empty(t, s.happened())
		time.Sleep(time.Minute)
		require.Equal(t, `a reports delivered of ""`, s.happened())
	})
}

// Nor has an instance that was never given the message: what it says of our name changes nothing.
func TestNoReceiptByOurNameOfWhatWasNeverGiven(t *testing.T) {
	for _, tt := range []struct {
		state providers.State
		kind  providers.Kind
	}{
		{providers.StateDelivered, 0},
		{providers.StateFailed, providers.Recipient},
		{providers.StateFailed, providers.Temporary},
	} {
		t.Run(fmt.Sprint(tt.state, " ", tt.kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(func(posts []*post, _ *setup) { posts[0].silent = time.Second }, "sms", "sms")
				done := make(chan Result)
				go func() { done <- s.ask("1") }()
				time.Sleep(500 * time.Millisecond)
				s.reportAs("b", "1", "x", tt.state, tt.kind)
				require.Equal(t, Accepted, <-done)
				s.reportAs("b", "1", "x", tt.state, tt.kind)
				s.report("a", "1", providers.StateFailed, providers.Temporary)
				require.Equal(t, `a sends code-1 to 1; a reports failed of "1" temporary; b sends code-1 to 1; fell back from a for temporary`, s.happened())
				time.Sleep(time.Minute)
				require.Contains(t, s.happened(), fmt.Sprintf(`b reports %v of ""`, tt.state))
			})
		})
	}
}

func TestReceiptForNoMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(nil, "sms")
		s.report("a", "1", providers.StateDelivered, 0)
		s.report("a", "1", providers.StateDelivered, 0)
		time.Sleep(9 * time.Second)
		require.Empty(t, s.happened())
		time.Sleep(2 * sweepEvery)
		require.Equal(t, `a reports delivered of ""`, s.happened())
		time.Sleep(time.Minute)
		require.False(t, s.sweeping.Load(), "there is nothing left to wait for")
	})
}

// An instance cuts its names out of a body of megabytes, which must not stay in memory for their sake.
func TestAReceiptDoesNotKeepItsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(nil, "sms")
		for i := range 100 {
			body := fmt.Sprintf("name%d 42 %s", i, strings.Repeat("x", 1<<20))
			id, rest, _ := strings.Cut(body, " ")
			s.receive(s.Instances[0], "", []providers.Receipt{{ID: id, Code: rest[:2], State: providers.StateSent}})
		}
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		require.Less(t, stats.HeapAlloc>>20, uint64(50), "MiB")
		time.Sleep(time.Minute)
	})
}

// Whatever the order in which they come, and however often, receipts lead to the highest state.
func TestStates(t *testing.T) {
	for _, tt := range []struct{ come, news string }{
		{"sent delivered read", "sent delivered! read"},
		{"queued", ""},
		{"read delivered sent queued", "read!"},
		{"sent sent undelivered undelivered sent failed", "sent undelivered"},
		{"delivered undelivered failed", "delivered!"},
		{"failed delivered", "failed delivered!"},
	} {
		t.Run(tt.come, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(nil, "sms")
				s.ask("1")
				s.happened()
				for name := range strings.FieldsSeq(tt.come) {
					s.report("a", "1", stateOf(t, name), providers.Temporary)
				}
				var news []string
				for _, entry := range strings.Split(s.happened(), "; ") {
					words := strings.Fields(entry)
					if len(words) == 0 {
						continue
					}
					if words[len(words)-1] == "whole" {
						words[2] += "!"
					}
					news = append(news, words[2])
				}
				require.Equal(t, tt.news, strings.Join(news, " "))
			})
		})
	}
}

func stateOf(t *testing.T, name string) providers.State {
	for state := providers.StateQueued; state <= providers.StateRead; state++ {
		if state.String() == name {
			return state
		}
	}
	t.Fatal(name)
	return 0
}

// A message in parts is delivered when all parts are. One failed part is enough for a failure.
func TestParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(func(posts []*post, _ *setup) { posts[0].parts = 3 }, "sms", "sms")
		s.ask("1")
		s.happened()
		for _, id := range []string{"1a0", "1a1", "1a1", "1a2"} {
			s.reportAs("a", "", id, providers.StateDelivered, 0)
		}
		require.Equal(t, `a reports delivered of "1"; a reports delivered of "1"; a reports delivered of "1" whole`, s.happened())
		s.ask("2", func(r *Request) { r.User = "another" })
		s.happened()
		s.reportAs("a", "", "2a0", providers.StateDelivered, 0)
		s.reportAs("a", "", "2a1", providers.StateFailed, providers.Temporary)
		require.Equal(t, `a reports delivered of "2"; a reports failed of "2" temporary; b sends code-2 to 2; fell back from a for temporary`, s.happened())
	})
}

// A message goes by so many names of one instance, and no more.
func TestPartsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(func(posts []*post, _ *setup) { posts[0].parts = providers.MostParts + 1 }, "sms")
		s.ask("1")
		s.happened()
		s.reportAs("a", "", fmt.Sprint("1a", providers.MostParts-1), providers.StateSent, 0)
		require.Equal(t, `a reports sent of "1"`, s.happened())
		s.reportAs("a", "", fmt.Sprint("1a", providers.MostParts), providers.StateSent, 0)
		time.Sleep(time.Minute)
		require.Equal(t, `a reports sent of ""`, s.happened())
	})
}

// A user who asks again although the message was delivered gets the next one through the same instance.
func TestDeliveredMessageIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(nil, "sms", "sms")
		s.ask("1")
		s.report("a", "1", providers.StateDelivered, 0)
		s.ask("2")
		require.Equal(t, `a sends code-1 to 1; a reports delivered of "1" whole; a sends code-2 to 2`, s.happened())
		s.ask("3")
		require.Equal(t, "b sends code-3 to 3", s.happened())
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
