package outbox

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/message"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// office is a worker on a queue in memory, and the one instance that it sends through. It is used in a bubble of synctest.
type office struct {
	*testing.T
	queue    *ledger.MemoryQueue
	worker   *Worker
	begun    time.Time
	answers  []error       // of the instance, in turn; the last one counts for all further messages
	slow     time.Duration // how long the instance takes
	unsent   bool          // and it waits before anything has left
	stop     context.CancelFunc
	abort    context.CancelFunc
	finished chan struct{}

	mu      sync.Mutex
	sent    []string // "ID at 2s"
	atOnce  int
	most    int
	handled []Handled
	failed  []error
	panics  int
	ended   []string
}

var temporary = &providers.Error{Kind: providers.Temporary, Err: errors.New("no")}

func kindOf(k providers.Kind) *providers.Error {
	return &providers.Error{Kind: k, Err: errors.New("no")}
}

// open returns an office whose worker is not started yet.
func open(t *testing.T, change ...func(*dispatch.Settings, *race.Runner)) *office {
	o := &office{T: t, queue: ledger.NewMemoryQueue(time.Now), begun: time.Now(), answers: []error{nil}, finished: make(chan struct{})}
	texts, err := message.Load(message.Settings{App: "Acme"}, nil)
	require.NoError(t, err)
	settings := dispatch.Settings{CallerWaits: 5 * time.Second, Budget: 4 * time.Second, Concurrency: 1, Texts: texts}
	runner := &race.Runner{Patience: 1500 * time.Millisecond, Unknown: race.AcceptUnknown, Ended: func(race.Attempt) {}}
	for _, c := range change {
		c(&settings, runner)
	}
	records := ledger.NewMemory(ledger.Settings{CallerWaits: 5 * time.Second, ResendWindow: 10 * time.Minute, CodeLife: time.Minute, MaxWaiting: 100, LateFallback: true}, policy.NewMemory(), time.Now)
	instances := []*race.Instance{race.NewInstance("a", o, nil, 100)}
	messages := &Messages{
		Dispatcher: dispatch.New(settings, records, instances, runner, dispatch.Events{Reported: func(ledger.Report) {}, FellBack: func(dispatch.Fallback) {}, Resent: func(string) {}}),
		Read: func(c ledger.Claimed) (dispatch.Request, error) {
			if string(c.Body) == "garbage" {
				return dispatch.Request{}, errors.New("sms.otp is missing")
			}
			return dispatch.Request{User: string(c.Body), Phone: providers.NewSecret("+447700900123"), Code: providers.NewSecret("028687")}, nil
		},
		Handled: func(h Handled) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.handled = append(o.handled, h)
		},
		Keep: time.Hour,
	}
	o.worker = &Worker{Queue: o.queue, Topic: ledger.Hooked, Slots: 10, Do: messages.Do, Events: Events{
		Claimed: func(int) {},
		Ended: func(c ledger.Claimed, e ledger.ItemEnd, held bool) {
			o.note(func() { o.ended = append(o.ended, fmt.Sprintf("%s %v", c.ID, held)) })
		},
		Failed:   func(err error) { o.note(func() { o.failed = append(o.failed, err) }) },
		Panicked: func(any) { o.note(func() { o.panics++ }) },
	}}
	return o
}

func (o *office) note(change func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change()
}

// Send is the instance.
func (o *office) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	o.mu.Lock()
	answer := o.answers[0]
	if len(o.answers) > 1 {
		o.answers = o.answers[1:]
	}
	o.sent = append(o.sent, fmt.Sprintf("%s at %s", m.ID, time.Since(o.begun)))
	o.atOnce++
	o.most = max(o.most, o.atOnce)
	slow, unsent := o.slow, o.unsent
	o.mu.Unlock()
	defer o.note(func() { o.atOnce-- })
	if !unsent {
		httptrace.ContextClientTrace(ctx).WroteHeaders()
	}
	timer := time.NewTimer(slow)
	defer timer.Stop()
	select {
	case <-timer.C:
		return providers.Sent{IDs: []string{m.ID}}, answer
	case <-ctx.Done():
		return providers.Sent{}, ctx.Err()
	}
}

// start starts the worker.
func (o *office) start() {
	claiming, stop := context.WithCancel(context.Background())
	doing, abort := context.WithCancel(context.Background())
	o.stop, o.abort = stop, abort
	go func() {
		o.worker.Run(claiming, doing)
		close(o.finished)
	}()
}

// end stops the worker, and returns when it has ended.
func (o *office) end() {
	o.stop()
	<-o.finished
	o.abort()
}

// run starts the worker, and stops it after a time.
func (o *office) run(d time.Duration) {
	o.start()
	time.Sleep(d)
	o.end()
}

// put puts an item that is due now, and whose code lives for a minute. The body is the user.
func (o *office) put(id string, change ...func(*ledger.Item)) {
	now := ledger.At(time.Now())
	i := ledger.Item{ID: id, Topic: ledger.Hooked, Priority: 1, DueAt: now, ExpiresAt: now.Add(time.Minute), Body: []byte(id)}
	for _, f := range change {
		f(&i)
	}
	require.NoError(o, o.queue.Put(o.Context(), i))
}

func flow(f string) func(*ledger.Item) { return func(i *ledger.Item) { i.Flow = f } }
func urgency(p int8) func(*ledger.Item) {
	return func(i *ledger.Item) { i.Priority = p }
}
func life(d time.Duration) func(*ledger.Item) {
	return func(i *ledger.Item) { i.ExpiresAt = i.DueAt.Add(d) }
}
func in(d time.Duration) func(*ledger.Item) {
	return func(i *ledger.Item) { i.DueAt, i.ExpiresAt = i.DueAt.Add(d), i.ExpiresAt.Add(d) }
}

// state returns how far an item is.
func (o *office) state(id string) ledger.ItemState {
	_, state, found, err := o.queue.Item(o.Context(), id)
	require.NoError(o, err)
	require.True(o, found)
	return state
}

// results are what became of the items, each time.
func (o *office) results() (all []string) {
	for _, h := range o.handled {
		text := fmt.Sprintf("%s %s after %s", h.Item.ID, h.Outcome.Result, h.Took)
		if h.Outcome.Reason != nil {
			text += ": " + h.Outcome.Reason.Error()
		}
		all = append(all, text)
	}
	return all
}

// bubble runs a test in a bubble, and waits there for the end of attempts that go on after their race.
func bubble(t *testing.T, test func(*testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		test(t)
		time.Sleep(10 * time.Second)
	})
}

func TestAFailureIsTriedAgainWhileTheCodeLives(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers []error
		life    time.Duration
		want    []string
	}{
		{"until 15 s are left", []error{temporary}, time.Minute, []string{"a at 0s", "a at 2s", "a at 7s", "a at 17s", "a at 27s", "a at 37s"}},
		{"a short life", []error{temporary}, 17 * time.Second, []string{"a at 0s", "a at 2s"}},
		{"too short a life", []error{temporary}, 17*time.Second - time.Microsecond, []string{"a at 0s"}},
		{"until it is accepted", []error{temporary, temporary, nil}, time.Minute, []string{"a at 0s", "a at 2s", "a at 7s"}},
		{"not if it may have been sent", []error{kindOf(providers.Unknown)}, time.Minute, []string{"a at 0s"}},
		{"not if an operator has to act", []error{kindOf(providers.Account)}, time.Minute, []string{"a at 0s"}},
		{"not if it is refused", []error{kindOf(providers.Rejected)}, time.Minute, []string{"a at 0s"}},
		{"not if nobody reaches the number", []error{kindOf(providers.Recipient)}, time.Minute, []string{"a at 0s"}},
		{"not once it may have been sent", []error{temporary, kindOf(providers.Unknown)}, time.Minute, []string{"a at 0s", "a at 2s"}},
	} {
		for _, unknown := range []race.Unknown{race.AcceptUnknown, race.FailUnknown} {
			t.Run(fmt.Sprintf("%s, unknown=%s", tt.name, unknown), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					o := open(t, func(_ *dispatch.Settings, r *race.Runner) { r.Unknown = unknown })
					o.answers = tt.answers
					o.put("a", life(tt.life))
					o.run(2 * time.Minute)
					require.Equal(t, tt.want, o.sent)
					require.Equal(t, ledger.ItemEnded, o.state("a"))
				})
			})
		}
	}
}

func TestWhatHasExpiredIsNotSent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := open(t)
		o.put("a")
		o.put("b", life(61*time.Second))
		time.Sleep(time.Minute)
		o.run(time.Second)
		require.Equal(t, []string{"b at 1m0s"}, o.sent)
		require.Equal(t, []ledger.ItemState{ledger.ItemExpired, ledger.ItemEnded}, []ledger.ItemState{o.state("a"), o.state("b")})
		require.Contains(t, o.results(), "a failed after 0s: the code expired before the message could be sent")
	})
}

func TestWhatIsOvertakenIsNotSent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := open(t)
		o.answers = []error{temporary, nil}
		o.put("a", flow("f"))
		o.start()
		time.Sleep(time.Second)
		o.put("b", flow("f"))
		o.put("c", flow("g"))
		time.Sleep(time.Minute)
		o.end()
		require.ElementsMatch(t, []string{"a at 0s", "b at 1s", "c at 1s"}, o.sent)
		require.Equal(t, []ledger.ItemState{ledger.ItemOvertaken, ledger.ItemEnded}, []ledger.ItemState{o.state("a"), o.state("b")})
		require.Contains(t, o.results(), "a just_sent after 0s: a newer message for the same number has a code that is valid")
	})
}

// Nobody waits for the answer: an instance has 8 s, where a caller over HTTP would wait for 4 s, but not longer than the code lives.
func TestTheTimeForOneMessage(t *testing.T) {
	for _, tt := range []struct {
		slow, life time.Duration
		want       string
	}{
		{7 * time.Second, time.Minute, "a accepted after 7s"},
		{time.Hour, time.Minute, "a accepted after 8s"}, // it may have been sent
		{time.Hour, 3 * time.Second, "a accepted after 3s"},
		{0, 400 * time.Millisecond, "a failed after 0s: no instance was left to try, or no time for one"},
	} {
		bubble(t, func(t *testing.T) {
			o := open(t)
			o.slow = tt.slow
			o.put("a", life(tt.life))
			o.run(time.Minute)
			require.Equal(t, []string{tt.want}, o.results())
		})
	}
}

func TestALimitRefuses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := open(t, func(s *dispatch.Settings, _ *race.Runner) {
			s.Policy.Limits.Phone = policy.Limit{Most: 1, Per: time.Hour}
		})
		o.put("a")
		o.put("b", in(time.Second))
		o.run(time.Minute)
		require.Equal(t, []string{"a at 0s"}, o.sent)
		require.Equal(t, []string{"a accepted after 0s", "b too_many after 0s: refused by limit_phone (1/1h), again in 59m59s"}, o.results())
		require.Equal(t, ledger.ItemEnded, o.state("b"))
	})
}

func TestTheMostUrgentFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := open(t)
		o.worker.Slots, o.slow = 2, time.Second
		for _, id := range []string{"c", "d", "e"} {
			o.put(id)
		}
		o.put("a", urgency(0))
		o.put("b", urgency(0))
		o.run(time.Minute)
		require.ElementsMatch(t, []string{"a at 0s", "b at 0s", "c at 1s", "d at 1s", "e at 2s"}, o.sent)
		require.Equal(t, 2, o.most)
	})
}

func TestAMessageIsSentWhenItIsDue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := open(t)
		o.put("a", in(90*time.Minute))
		o.put("b", in(1234*time.Millisecond))
		o.run(2 * time.Hour)
		require.Equal(t, []string{"b at 1.234s", "a at 1h30m0s"}, o.sent)
	})
}

func TestAnItemThatCantBeRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := open(t)
		o.put("a", func(i *ledger.Item) { i.Body = []byte("garbage") })
		o.run(time.Minute)
		require.Equal(t, []string{"a failed after 0s: the item can't be read: sms.otp is missing"}, o.results())
	})
}

func TestAPanic(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := open(t)
		do := o.worker.Do
		var at []time.Duration
		o.worker.Do = func(ctx context.Context, c ledger.Claimed) ledger.ItemEnd {
			if c.ID == "a" {
				o.note(func() { at = append(at, time.Since(o.begun)) })
				panic("a bug")
			}
			return do(ctx, c)
		}
		o.put("a")
		o.put("b")
		o.run(time.Minute)
		require.Equal(t, []string{"b at 0s"}, o.sent)
		require.Equal(t, []time.Duration{0, 10 * time.Second, 20 * time.Second}, at)
		require.Equal(t, 3, o.panics)
	})
}

// At a shutdown, what is being sent ends, and what was not begun is left to others.
func TestShutdown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := open(t)
		o.worker.Slots, o.slow = 1, 3*time.Second
		o.put("a")
		o.put("b")
		o.start()
		time.Sleep(time.Second)
		o.end()
		require.Equal(t, 3*time.Second, time.Since(o.begun))
		require.Equal(t, []string{"a at 0s"}, o.sent)
		require.Equal(t, []ledger.ItemState{ledger.ItemEnded, ledger.ItemWaiting}, []ledger.ItemState{o.state("a"), o.state("b")})
	})
}

// What takes too long at a shutdown is stopped: another process sends it, unless it may have been sent.
func TestShutdownThatTakesTooLong(t *testing.T) {
	for _, tt := range []struct {
		unsent bool
		want   ledger.ItemState
	}{{true, ledger.ItemWaiting}, {false, ledger.ItemEnded}} {
		bubble(t, func(t *testing.T) {
			o := open(t)
			o.slow, o.unsent = time.Minute, tt.unsent
			o.put("a")
			o.start()
			time.Sleep(time.Second)
			o.stop()
			time.Sleep(2 * time.Second)
			o.abort()
			<-o.finished
			require.Equal(t, 3*time.Second, time.Since(o.begun))
			require.Equal(t, tt.want, o.state("a"))
		})
	}
}

// away is a queue that can't be asked for a time.
type away struct {
	*ledger.MemoryQueue
	until time.Time
}

var errAway = errors.New("away")

func (a away) Claim(ctx context.Context, topics []ledger.Topic, most int) ([]ledger.Claimed, error) {
	if time.Now().Before(a.until) {
		return nil, errAway
	}
	return a.MemoryQueue.Claim(ctx, topics, most)
}

func (a away) End(ctx context.Context, c ledger.Claimed, e ledger.ItemEnd) (bool, error) {
	if time.Now().Before(a.until.Add(10 * time.Second)) {
		return false, errAway
	}
	return a.MemoryQueue.End(ctx, c, e)
}

// While the queue is away, the worker asks about once a second. What it has done is not done again.
func TestTheQueueIsAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := open(t)
		o.worker.Queue = away{o.queue, time.Now().Add(10 * time.Second)}
		o.put("a")
		o.run(time.Minute)
		require.Len(t, o.sent, 1)
		require.Equal(t, []string{"a true"}, o.ended)
		require.InDelta(t, 2*14, len(o.failed), 4)
		require.Equal(t, ledger.ItemEnded, o.state("a"))
	})
}

// An end that comes too late changes nothing.
func TestAnEndThatComesTooLate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		o := open(t)
		do := o.worker.Do
		o.worker.Do = func(ctx context.Context, c ledger.Claimed) ledger.ItemEnd {
			if c.Tries == 0 { // the others believe that this worker has ended
				_, err := o.queue.End(ctx, c, ledger.ItemEnd{Again: ledger.At(time.Now())})
				require.NoError(t, err)
				time.Sleep(time.Second)
				return ledger.ItemEnd{State: ledger.ItemExpired}
			}
			return do(ctx, c)
		}
		o.put("a")
		o.run(time.Minute)
		require.Equal(t, []string{"a true", "a false"}, o.ended)
		require.Equal(t, ledger.ItemEnded, o.state("a"))
	})
}
