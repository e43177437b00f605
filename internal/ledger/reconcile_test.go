package ledger_test

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

func begin(t *testing.T, l ledger.Ledger, c ledger.Call) ledger.Begun {
	t.Helper()
	begun, err := l.Begin(t.Context(), c)
	require.NoError(t, err)
	begun.FirstAt = 0
	return begun
}

func accepted(instance string, names ...string) ledger.Attempt {
	a := ledger.Attempt{Instance: instance, BegunAt: ledger.At(time.Now()), State: ledger.AttemptAccepted}
	for _, name := range names {
		a.Parts = append(a.Parts, ledger.Part{ID: name})
	}
	return a
}

// sent has a message accepted by instance a, which calls it SM and its ID.
func sent(t *testing.T, l ledger.Ledger, c ledger.Call) ledger.News {
	t.Helper()
	require.True(t, begin(t, l, c).Go)
	id := c.Message.ID
	require.NoError(t, l.Attempt(t.Context(), id, ledger.Attempt{Instance: "a", BegunAt: ledger.At(time.Now())}))
	result, news, err := l.End(t.Context(), ledger.Ended{ID: id, Result: ledger.Accepted, Instance: "a", Attempts: []ledger.Attempt{accepted("a", "SM"+id)}})
	require.NoError(t, err)
	require.Equal(t, ledger.Accepted, result)
	return news
}

var (
	sendIt   = ledger.Begun{Go: true, Over: -1}
	repeat   = ledger.Begun{Repeat: true, Result: ledger.Accepted, Over: -1}
	justSent = ledger.Begun{Result: ledger.JustSent, Over: -1}
)

func receipt(id string, state providers.State) providers.Receipt {
	return providers.Receipt{ID: id, State: state, Kind: providers.Temporary}
}

// If the store says Go after the caller has left, no other call of the flow has to wait.
func TestLateGoIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		first, other := store.replica(), store.replica()
		store.set("Begin", fault{delay: 100 * time.Millisecond})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := first.Begin(ctx, call("1", "u"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		store.heal()
		time.Sleep(91 * time.Millisecond)
		synctest.Wait()
		require.False(t, first.Away(), "the store has answered")
		require.Equal(t, sendIt, begin(t, other, call("2", "u")))
	})
}

// Two repeats of a call at once: the store is too late for one of them, and lets the other be sent, which is being sent already.
func TestGoForWhatTheMemoryHasDecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		l := store.replica()
		c := call("1", "u")
		store.set("Begin", fault{delay: 100 * time.Millisecond})
		answers := make(chan ledger.Begun)
		go func() {
			begun, err := l.Begin(t.Context(), c)
			if err != nil {
				t.Error(err)
			}
			answers <- begun
		}()
		time.Sleep(50 * time.Millisecond)
		store.set("Begin", fault{fails: true})
		require.Equal(t, sendIt, begin(t, l, c))
		store.heal()
		time.Sleep(time.Second)
		_, _, err := l.End(t.Context(), ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "a", Attempts: []ledger.Attempt{accepted("a", "SM1")}})
		require.NoError(t, err)
		repeated := <-answers
		repeated.FirstAt = 0
		require.Equal(t, repeat, repeated)
		sweep(t, l, 2*time.Second)
		require.Equal(t, repeat, begin(t, store.replica(), c))
		require.Zero(t, l.Counts().Owed)
	})
}

// What a replica has decided without the store holds for it until the store knows, also if the store is back by then.
func TestFlowStaysHereUntilWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		l := store.replica()
		store.set("", fault{fails: true})
		require.Equal(t, sendIt, begin(t, l, call("1", "u")))
		store.heal()
		time.Sleep(2 * time.Second)
		require.Equal(t, sendIt, begin(t, l, call("of another", "v")))
		require.False(t, l.Away())
		second := make(chan ledger.Begun)
		go func() {
			begun, err := l.Begin(t.Context(), call("2", "u"))
			if err != nil {
				t.Error(err)
			}
			second <- begun
		}()
		time.Sleep(time.Second)
		asked := store.count("Begin")
		_, _, err := l.End(t.Context(), ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "a"})
		require.NoError(t, err)
		require.Equal(t, justSent, <-second)
		require.Equal(t, asked, store.count("Begin"))
		synctest.Wait()
		require.Equal(t, repeat, begin(t, store.replica(), call("1", "u")), "it is written at once")
		require.Zero(t, l.Counts().Owed)
	})
}

// The memory isn't cold when the store goes away.
func TestMemoryKnowsWhatTheStoreHasDecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		l, other := store.replica(), store.replica()
		sent(t, l, call("1", "u"))
		sent(t, other, call("by other", "v"))
		require.Equal(t, repeat, begin(t, l, call("by other", "v")))
		require.Equal(t, sendIt, begin(t, l, call("running", "w")))
		_, err := l.Receipt(t.Context(), "a", "", receipt("SM1", providers.StateSent))
		require.NoError(t, err)
		lateAccepted := call("late", "x")
		require.Equal(t, sendIt, begin(t, l, lateAccepted))
		_, _, err = other.Late(t.Context(), "late", accepted("a", "SMlate"))
		require.NoError(t, err)
		result, _, err := l.End(t.Context(), ledger.Ended{ID: "late", Result: ledger.Failed})
		require.NoError(t, err)
		require.Equal(t, ledger.Accepted, result)

		store.set("", fault{fails: true})
		require.Equal(t, repeat, begin(t, l, call("1", "u")))
		require.Equal(t, repeat, begin(t, l, call("by other", "v")))
		require.Equal(t, repeat, begin(t, l, lateAccepted))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = l.Begin(ctx, call("running 2", "w"))
		require.ErrorIs(t, err, context.DeadlineExceeded, "another message of the flow is being sent")
		require.Equal(t, ledger.Begun{Go: true, Over: -1, Lost: "a"}, begin(t, l, call("2", "u")))
		_, _, err = l.End(t.Context(), ledger.Ended{ID: "2", Result: ledger.Failed})
		require.NoError(t, err)
		require.Equal(t, ledger.Begun{Result: ledger.JustSent, After: 30*time.Minute - time.Second}, begin(t, l, call("3", "u")), "the limit is used up, and the first code is valid")
	})
}

// A receipt is refused as long as the store is away, so that its provider comes again. A message that the memory alone knows is
// sent again by it.
func TestReceiptsWithoutStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		l, other := store.replica(), store.replica()
		sent(t, l, call("1", "u"))
		store.set("", fault{fails: true})
		sent(t, l, call("2", "v"))
		_, err := l.Receipt(t.Context(), "a", "", receipt("SM1", providers.StateFailed))
		require.ErrorIs(t, err, ledger.ErrAway)
		_, err = l.Receipt(t.Context(), "a", "", receipt("unknown", providers.StateFailed))
		require.ErrorIs(t, err, ledger.ErrAway)
		news, err := l.Receipt(t.Context(), "a", "", receipt("SM2", providers.StateFailed))
		require.NoError(t, err)
		require.Len(t, news.Reports, 1)
		require.NotNil(t, news.Resend)

		store.heal()
		sweep(t, l, 2*time.Second)
		require.False(t, l.Away())
		_, found, _ := store.Message(t.Context(), "2")
		require.False(t, found, "the store must not decide as long as the message is being sent again")
		require.NoError(t, l.Attempt(t.Context(), "2", ledger.Attempt{Instance: "b", BegunAt: ledger.At(time.Now())}))
		_, _, err = l.End(t.Context(), ledger.Ended{ID: "2", Resend: true, Result: ledger.Accepted, Instance: "b", Attempts: []ledger.Attempt{accepted("b", "again")}})
		require.NoError(t, err)
		sweep(t, l, 2*time.Second)

		news, err = other.Receipt(t.Context(), "a", "", receipt("SM2", providers.StateFailed))
		require.NoError(t, err)
		require.Zero(t, news, "it is known")
		news, err = other.Receipt(t.Context(), "b", "", receipt("again", providers.StateFailed))
		require.NoError(t, err)
		require.NotNil(t, news.Resend)
		require.Len(t, news.Resend.Tried, 2)
		news, err = l.Receipt(t.Context(), "a", "", receipt("SM1", providers.StateFailed))
		require.NoError(t, err)
		require.NotNil(t, news.Resend, "the provider came again")
	})
}

// The store alone decides whether a message is sent again that it has let a replica send. The memory of the replica knows of the same
// receipts, and claims nothing.
func TestTheMemoryClaimsNoLateFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		memory := newMemory(time.Now)
		l := ledger.NewShared(store, memory)
		require.Equal(t, sendIt, begin(t, l, call("1", "u")))
		require.NoError(t, l.Attempt(t.Context(), "1", ledger.Attempt{Instance: "a", BegunAt: ledger.At(time.Now())}))
		news, err := l.Receipt(t.Context(), "a", "1", receipt("SM1", providers.StateFailed))
		require.NoError(t, err)
		require.Nil(t, news.Resend, "nobody has heard that it was accepted")
		store.set("End", fault{fails: true})
		_, news, err = l.End(t.Context(), ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "a", Attempts: []ledger.Attempt{accepted("a", "SM1")}})
		require.NoError(t, err)
		require.Zero(t, news)
		m, _ := memory.Export("1")
		require.False(t, m.Resending)
		store.heal()
		news = sweep(t, l, 3*time.Second)
		require.NotNil(t, news.Resend)
		m, _ = memory.Export("1")
		require.True(t, m.Resending)
		news, err = l.Receipt(t.Context(), "a", "", receipt("SM1", providers.StateFailed))
		require.NoError(t, err)
		require.Zero(t, news)
	})
}

// A receipt from an instance that this replica has not asked waits in the store: another replica may have asked it, or may do so soon.
func TestAReceiptOfAnotherReplicasAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		l, other := store.replica(), store.replica()
		store.set("Begin", fault{fails: true})
		require.Equal(t, sendIt, begin(t, l, call("1", "u")))
		_, err := l.Receipt(t.Context(), "b", "1", receipt("SM1", providers.StateFailed))
		require.ErrorIs(t, err, ledger.ErrAway)
		store.heal()
		sweep(t, l, 2*time.Second)
		_, err = l.Receipt(t.Context(), "b", "1", receipt("SM1", providers.StateFailed))
		require.NoError(t, err)
		_, _, err = l.End(t.Context(), ledger.Ended{ID: "1", Result: ledger.Failed, Attempts: []ledger.Attempt{
			{Instance: "a", BegunAt: ledger.At(time.Now()), State: ledger.AttemptFailed, Kind: providers.Temporary},
		}})
		require.NoError(t, err)
		synctest.Wait()
		begun := begin(t, other, call("1", "u"))
		require.True(t, begun.Go)
		_, news, err := other.End(t.Context(), ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "b", Attempts: []ledger.Attempt{accepted("b", "SM1")}})
		require.NoError(t, err)
		require.Len(t, news.Reports, 1)
		require.NotNil(t, news.Resend)
	})
}

// A receipt that comes while its message is being written comes again, since what is written doesn't say what the receipt says.
func TestReceiptWhileItsMessageIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		l := store.replica()
		store.set("", fault{fails: true})
		sent(t, l, call("1", "u"))
		store.heal()
		store.set("Write", fault{delay: 100 * time.Millisecond})
		time.Sleep(time.Second)
		go sweep(t, l, time.Second)
		time.Sleep(1050 * time.Millisecond)
		require.Equal(t, 1, store.count("Write"))
		_, err := l.Receipt(t.Context(), "a", "", receipt("SM1", providers.StateFailed))
		require.ErrorIs(t, err, ledger.ErrAway)
		time.Sleep(100 * time.Millisecond)
		news, err := l.Receipt(t.Context(), "a", "", receipt("SM1", providers.StateFailed))
		require.NoError(t, err)
		require.NotNil(t, news.Resend)
	})
}

// A receipt that reaches the store before the message does is reported when the message is written.
func TestNewsOfWhatIsWrittenLater(t *testing.T) {
	for _, method := range []string{"", "End"} {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newFaultyStore()
				l, other := store.replica(), store.replica()
				store.set(method, fault{fails: true})
				for i := range 3 {
					require.Zero(t, sent(t, l, call(fmt.Sprint(i), fmt.Sprint("user ", i))))
				}
				store.heal()
				for i := range 3 {
					news, err := other.Receipt(t.Context(), "a", "", receipt(fmt.Sprint("SM", i), providers.StateFailed))
					require.NoError(t, err)
					require.Zero(t, news)
				}
				var resends []string
				var reports int
				for range 6 {
					time.Sleep(time.Second)
					_, news, err := l.Sweep(t.Context())
					require.NoError(t, err)
					reports += len(news.Reports)
					if news.Resend != nil {
						resends = append(resends, news.Resend.Message.ID)
					}
				}
				require.Equal(t, 3, reports)
				require.ElementsMatch(t, []string{"0", "1", "2"}, resends)
			})
		})
	}
}

// An attempt that ends late, while the store is away, is noted when the store is back.
func TestLateWithoutStore(t *testing.T) {
	for name, f := range map[string]fault{"fails": {fails: true}, "hangs": {hangs: true}, "is slow": {delay: time.Second}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newFaultyStore()
				l, other := store.replica(), store.replica()
				require.Equal(t, sendIt, begin(t, l, call("1", "u")))
				pending := ledger.Attempt{Instance: "a", BegunAt: ledger.At(time.Now()), Kind: providers.Unknown}
				_, _, err := l.End(t.Context(), ledger.Ended{ID: "1", Result: ledger.Failed, Attempts: []ledger.Attempt{pending}})
				require.NoError(t, err)
				store.set("", f)
				began := time.Now()
				yes, news, err := l.Late(t.Context(), "1", accepted("a", "SM1"))
				require.NoError(t, err)
				require.True(t, yes)
				require.Zero(t, news)
				require.LessOrEqual(t, time.Since(began), 150*time.Millisecond)
				m, err := l.Decided(t.Context(), "1")
				require.NoError(t, err)
				require.False(t, m.Pending())
				store.heal()
				sweep(t, l, 3*time.Second)
				time.Sleep(2 * time.Second)
				require.Equal(t, repeat, begin(t, other, call("1", "u")))
			})
		})
	}
}

// forgetful is a store that has done its first End, says so, and has forgotten it: a database may lose its last commits in a crash.
type forgetful struct {
	ledger.Store
	ends int
}

func (f *forgetful) End(ctx context.Context, e ledger.Ended) (ledger.Result, ledger.News, error) {
	if f.ends++; f.ends == 1 {
		return e.Result, ledger.News{}, nil
	}
	return f.Store.End(ctx, e)
}

// A message whose end the store has forgotten is nobody's: its flow must not wait for it.
func TestAnEndThatTheStoreHasForgotten(t *testing.T) {
	for name, next := range map[string]struct {
		id   string
		want ledger.Begun
	}{
		"a repeat":                {"1", repeat},
		"another call, too early": {"2", justSent},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				memory := ledger.NewMemoryStore(newMemory(time.Now))
				memory.Alone = true
				store := &forgetful{Store: memory}
				l := ledger.NewShared(store, newMemory(time.Now))
				sent(t, l, call("1", "u"))
				m, _, err := store.Message(t.Context(), "1")
				require.NoError(t, err)
				require.True(t, m.Sending, "it is forgotten")

				require.Equal(t, next.want, begin(t, l, call(next.id, "u")))
				synctest.Wait()
				m, _, err = store.Message(t.Context(), "1")
				require.NoError(t, err)
				require.Equal(t, []any{false, ledger.Accepted, "a"}, []any{m.Sending, m.Result, m.Instance})
				require.Equal(t, ledger.Counts{Missed: 1, Written: 1}, l.Counts())
			})
		})
	}
}

// A call that is being sent here is waited for, however long that takes.
func TestAMessageThatIsBeingSentIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := ledger.NewMemoryStore(newMemory(time.Now))
		memory.Alone = true
		l := ledger.NewShared(memory, newMemory(time.Now))
		require.Equal(t, sendIt, begin(t, l, call("1", "u")))
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := l.Begin(ctx, call("2", "u"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		m, _, err := memory.Message(t.Context(), "1")
		require.NoError(t, err)
		require.True(t, m.Sending)
	})
}
