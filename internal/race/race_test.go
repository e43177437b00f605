package race

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/smshook/smshook/providers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is what an instance does with each message.
type script struct {
	leaves  time.Duration // when the request has left; never, if it is over the time taken
	takes   time.Duration
	err     error
	channel string
	panics  any
	deaf    bool // it doesn't notice that its context ends
}

// scripted is an instance that follows its script, and notes what reaches it.
type scripted struct {
	script
	mu      sync.Mutex
	reached int // requests that have left
	asked   int
}

func (s *scripted) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	s.mu.Lock()
	s.asked++
	script := s.script
	s.mu.Unlock()
	if script.panics != nil {
		panic(script.panics)
	}
	if !sleep(ctx, min(script.leaves, script.takes)) {
		return providers.Sent{}, &providers.Error{Kind: providers.Temporary, Err: ctx.Err()}
	}
	if script.leaves <= script.takes {
		httptrace.ContextClientTrace(ctx).WroteHeaders()
		s.mu.Lock()
		s.reached++
		s.mu.Unlock()
	}
	if script.deaf {
		ctx = context.Background()
	}
	if !sleep(ctx, script.takes-script.leaves) {
		return providers.Sent{}, &providers.Error{Kind: providers.Unknown, Err: ctx.Err()}
	}
	return providers.Sent{IDs: []string{"1"}}, script.err
}

func (s *scripted) Channel() string {
	if s.channel == "" {
		return "sms"
	}
	return s.channel
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func fails(kind providers.Kind) script {
	return script{err: &providers.Error{Kind: kind, Code: "7", Err: errors.New("no")}}
}

const (
	never  = time.Hour
	ms     = time.Millisecond
	budget = 4 * time.Second
)

// stable is a Runner with instances a, b, c … that follow scripts.
type stable struct {
	*Runner
	instances []*scripted
	route     []*Instance
	ended     []Attempt
	mu        sync.Mutex
}

func newStable(scripts ...script) *stable {
	s := &stable{}
	s.Runner = &Runner{Patience: 1500 * ms, Unknown: AcceptUnknown, Ended: func(a Attempt) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended = append(s.ended, a)
	}}
	for i, script := range scripts {
		instance := &scripted{script: script}
		s.instances = append(s.instances, instance)
		s.route = append(s.route, NewInstance(string(rune('a'+i)), instance, nil, 100))
	}
	return s
}

func (s *stable) run(ctx context.Context) (Outcome, time.Duration) {
	start := time.Now()
	outcome := s.call(ctx)
	took := time.Since(start)
	synctest.Wait() // a verdict that is due now may be told by another goroutine
	return outcome, took
}

// call is for calls that are made at once.
func (s *stable) call(ctx context.Context) Outcome {
	start := time.Now()
	return s.Run(ctx, Entry{Message: providers.Message{ID: "m"}, Route: s.route, ReceivedAt: start, Deadline: start.Add(budget)})
}

// drained waits for all that is under way and returns how many messages have left, by instance.
func (s *stable) drained(t *testing.T) string {
	require.NoError(t, s.Drain(t.Context()))
	synctest.Wait()
	var counts []string
	for i, c := range s.instances {
		c.mu.Lock()
		counts = append(counts, fmt.Sprintf("%c%d", 'a'+i, c.reached))
		c.mu.Unlock()
	}
	return strings.Join(counts, " ")
}

func describe(attempts []Attempt) string {
	var texts []string
	for _, a := range attempts {
		text := a.Instance + ":ok"
		if a.Err != nil {
			text = a.Instance + ":" + a.Err.Kind.String()
		}
		if a.Pending {
			text += "?"
		}
		if a.Late {
			text += "!"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}

func TestRun(t *testing.T) {
	yes := script{}
	silent := script{takes: never}
	unreached := script{leaves: never, takes: never}
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
		attempts string // as the race saw them: ? has not ended
		ended    string // to their end: ! after the race
		left     string // messages that have left
	}{
		{"the first accepts", []script{yes, yes}, "", Accepted, 0, "a:ok", "a:ok", "a1 b0"},
		{"after each kind the next", []script{temporary, account, rejected, yes}, "", Accepted, 0,
			"a:temporary b:account c:rejected d:ok", "a:temporary b:account c:rejected d:ok", "a1 b1 c1 d1"},
		{"silence gets company, and is followed", []script{silent, yes}, "", Accepted, 1500 * ms, "b:ok a:unknown?", "b:ok a:unknown!", "a1 b1"},
		{"a late yes wins", []script{after(1800*ms, yes), after(time.Second, yes)}, "", Accepted, 1800 * ms,
			"a:ok b:unknown?", "a:ok b:ok!", "a1 b1"},
		{"what has not left is called back when another accepts", []script{unreached, yes}, "", Accepted, 1500 * ms,
			"b:ok a:temporary?", "b:ok a:temporary!", "a0 b1"},
		{"an older failure starts nothing", []script{after(2*time.Second, temporary), silent, yes}, "", Accepted, 4 * time.Second / 3 * 2,
			"a:temporary c:ok b:unknown?", "a:temporary c:ok b:unknown!", "a1 b1 c1"},
		{"patience shrinks with the time left", []script{silent, silent, silent, silent, yes}, "", Accepted, 3200 * ms,
			"e:ok a:unknown? b:unknown? c:unknown? d:unknown?", "e:ok a:unknown! b:unknown! c:unknown! d:unknown!", "a1 b1 c1 d1 e1"},
		{"one instance has all the time", []script{after(3900*ms, yes)}, "", Accepted, 3900 * ms, "a:ok", "a:ok", "a1"},
		{"Recipient starts nothing more", []script{recipient, yes}, "", Unreachable, 0, "a:recipient", "a:recipient", "a1 b0"},
		{"but who is under way may still win", []script{after(2*time.Second, yes), recipient, yes}, "", Accepted, 2 * time.Second,
			"b:recipient a:ok", "b:recipient a:ok", "a1 b1 c0"},
		{"or fails, and Recipient stands", []script{after(2*time.Second, temporary), recipient, yes}, "", Unreachable, 2 * time.Second,
			"b:recipient a:temporary", "b:recipient a:temporary", "a1 b1 c0"},
		{"or is silent, and Recipient stands", []script{silent, recipient, yes}, "", Unreachable, budget,
			"b:recipient a:unknown?", "b:recipient a:unknown!", "a1 b1 c0"},
		{"Channel closes its channel", []script{in("whatsapp", channel), in("whatsapp", yes), yes}, "", Accepted, 0,
			"a:channel c:ok", "a:channel c:ok", "a1 b0 c1"},
		{"Channel alone", []script{in("whatsapp", channel), in("whatsapp", yes)}, "", Unreachable, 0, "a:channel", "a:channel", "a1 b0"},
		{"Channel and a failure", []script{in("whatsapp", channel), account}, "", Failed, 0, "a:channel b:account", "a:channel b:account", "a1 b1"},
		{"all fail", []script{temporary, rejected}, "", Failed, 0, "a:temporary b:rejected", "a:temporary b:rejected", "a1 b1"},
		{"all silent: taken as sent", []script{silent, silent}, AcceptUnknown, Accepted, budget,
			"a:unknown? b:unknown?", "a:unknown! b:unknown!", "a1 b1"},
		{"all silent: or not, if so set", []script{silent, silent}, FailUnknown, Failed, budget,
			"a:unknown? b:unknown?", "a:unknown! b:unknown!", "a1 b1"},
		{"one breaks off, one fails", []script{fails(providers.Unknown), temporary}, "", Accepted, 0,
			"a:unknown b:temporary", "a:unknown b:temporary", "a1 b1"},
		{"nothing has left by the deadline", []script{unreached, unreached}, "", Failed, budget,
			"a:temporary? b:temporary?", "a:temporary! b:temporary!", "a0 b0"},
		{"an instance that is deaf doesn't hold up the answer", []script{{takes: 20 * time.Second, deaf: true}}, "", Accepted, budget,
			"a:unknown?", "a:ok!", "a1"},
		{"an error without a kind, written", []script{{err: errors.New("028687")}, temporary}, FailUnknown, Failed, 0,
			"a:unknown b:temporary", "a:unknown b:temporary", "a1 b1"},
		{"an error without a kind, unwritten", []script{{leaves: never, err: errors.New("028687")}, yes}, "", Accepted, 0,
			"a:temporary b:ok", "a:temporary b:ok", "a0 b1"},
		{"a panic", []script{{panics: "028687"}, yes}, "", Accepted, 0, "a:temporary b:ok", "a:temporary b:ok", "a0 b1"},
		{"no instance", nil, "", Failed, 0, "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStable(tt.scripts...)
				if tt.unknown != "" {
					s.Unknown = tt.unknown
				}
				outcome, took := s.run(t.Context())
				require.Equal(t, tt.want, outcome.Result)
				require.Equal(t, tt.attempts, describe(outcome.Attempts))
				require.Equal(t, tt.took, took)
				require.Equal(t, tt.left, s.drained(t))
				require.ElementsMatch(t, strings.Fields(tt.ended), strings.Fields(describe(s.ended)))
				require.NotContains(t, fmt.Sprint(outcome.Attempts), "028687", "nobody knows what is in an error without a kind")
			})
		})
	}
}

func TestTheCallerLeaves(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first script
		ended string
		left  string
	}{
		{"what has left goes on, and nothing more is started", script{takes: never}, "a:unknown!", "a1 b0"},
		{"its late yes is told", script{takes: 3 * time.Second}, "a:ok!", "a1 b0"},
		{"what has not left is called back", script{leaves: never, takes: never}, "a:temporary!", "a0 b0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStable(tt.first, script{})
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				var late []Attempt
				start := time.Now()
				outcome := s.Run(ctx, Entry{
					Message: providers.Message{ID: "m"}, Route: s.route, ReceivedAt: start, Deadline: start.Add(budget),
					Late: func(a Attempt) { late = append(late, a) },
				})
				require.Equal(t, Failed, outcome.Result)
				require.Equal(t, time.Second, time.Since(start))
				require.Equal(t, tt.left, s.drained(t))
				require.Equal(t, tt.ended, describe(late))
			})
		})
	}
}

func TestNothingIsStartedForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStable(script{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		outcome, _ := s.run(ctx)
		require.Equal(t, Outcome{}, outcome)
		require.Equal(t, "a0", s.drained(t))
	})
}

func TestNothingIsStartedTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStable(script{})
		start := time.Now()
		outcome := s.Run(t.Context(), Entry{Route: s.route, ReceivedAt: start, Deadline: start.Add(leastTime - ms)})
		require.Equal(t, Outcome{}, outcome)
		require.Equal(t, "a0", s.drained(t))
	})
}

func TestAttemptsAtOneInstanceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStable(script{takes: time.Second}, script{})
		s.route[0] = NewInstance("a", s.instances[0], nil, 1)
		go s.run(t.Context())
		synctest.Wait()
		for range badWords {
			outcome, took := s.run(t.Context())
			require.Equal(t, "a:temporary b:ok", describe(outcome.Attempts))
			require.Zero(t, took)
		}
		require.Equal(t, Healthy, s.route[0].State(), "it says something about us, not about the instance")
		time.Sleep(2 * time.Second)
		outcome, _ := s.run(t.Context())
		require.Equal(t, "a:ok", describe(outcome.Attempts))
	})
}

func TestOperatorsCodesStandAboveTheInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStable(fails(providers.Rejected), script{})
		s.route[0] = NewInstance("a", s.instances[0], providers.Codes{"7": providers.Recipient}, 1)
		outcome, _ := s.run(t.Context())
		require.Equal(t, Unreachable, outcome.Result)
		require.Equal(t, "a:recipient", describe(outcome.Attempts))
		var kept *providers.Error
		require.ErrorAs(t, s.instances[0].err, &kept)
		require.Equal(t, providers.Rejected, kept.Kind, "the instance's own error is not written to")
	})
}

func TestDrainGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStable(script{takes: never}, script{})
		s.run(t.Context())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, s.Drain(ctx), context.DeadlineExceeded)
		require.NoError(t, s.Drain(t.Context()), "an attempt ends after eight seconds")
	})
}

func TestUnknownUnmarshalText(t *testing.T) {
	var u Unknown
	require.NoError(t, u.UnmarshalText([]byte("fail")))
	require.Equal(t, FailUnknown, u)
	require.EqualError(t, u.UnmarshalText([]byte("028687")), "want accept or fail")
}

// Who counts and notes the attempts may have bugs. The message is sent all the same, and the program goes on.
func TestPanicsOfThoseWhoAreTold(t *testing.T) {
	for _, tt := range []struct {
		name     string
		first    script
		attempts string
		panics   []string // their types
		late     int      // calls of Late
	}{
		{"of an attempt that ends in time", script{}, "a:ok", []string{"string"}, 0},
		{"of one that fails", fails(providers.Temporary), "a:temporary b:ok", []string{"string", "string"}, 0},
		{"of one that ends late", script{takes: 3 * time.Second}, "b:ok a:unknown?", []string{"string", "string", "*errors.errorString"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStable(tt.first, script{})
				var types []string
				late := 0
				s.Ended = func(Attempt) { panic("028687") }
				s.Panicked = func(p Panic) {
					types = append(types, p.Type)
					require.Contains(t, string(p.Stack), "TestPanicsOfThoseWhoAreTold")
				}
				start := time.Now()
				outcome := s.Run(t.Context(), Entry{
					Message: providers.Message{ID: "m"}, Route: s.route, ReceivedAt: start, Deadline: start.Add(budget),
					Late: func(Attempt) { late++; panic(errors.New("028687")) },
				})
				s.drained(t)
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
