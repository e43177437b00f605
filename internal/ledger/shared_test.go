package ledger_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/ledgertest"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

func newMemory(clock func() time.Time) *ledger.Memory {
	return ledger.NewMemory(ledgertest.Settings, policy.NewMemory(), clock)
}

func TestShared(t *testing.T) {
	ledgertest.Run(t, func(_ *testing.T, clock *ledgertest.Clock) ledger.Ledger {
		return ledger.NewShared(ledger.NewMemoryStore(newMemory(clock.Now)), newMemory(clock.Now))
	})
}

func TestSharedByTwoReplicas(t *testing.T) {
	ledgertest.Run(t, func(_ *testing.T, clock *ledgertest.Clock) ledger.Ledger {
		store := ledger.NewMemoryStore(newMemory(clock.Now))
		return ledgertest.NewReplicas(ledger.NewShared(store, newMemory(clock.Now)), ledger.NewShared(store, newMemory(clock.Now)))
	})
}

// Polling is for messages of other replicas. A call that waits for a message of the same replica goes on at once.
func TestSharedWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		l, other := store.replica(), store.replica()
		require.Equal(t, sendIt, begin(t, l, call("1", "u")))
		asked := store.count("Begin")
		answers := make(chan time.Duration, 2)
		for _, l := range []*ledger.Shared{l, other} {
			c := call("2", "u")
			if l == other {
				c = call("3", "u")
			}
			go func() {
				begun, err := l.Begin(t.Context(), c)
				if err != nil || begun.Result != ledger.JustSent {
					t.Error(begun, err)
				}
				answers <- time.Duration(time.Now().UnixNano())
			}()
		}
		time.Sleep(1025 * time.Millisecond)
		require.Equal(t, 1+21, store.count("Begin")-asked)
		ended := time.Duration(time.Now().UnixNano())
		_, _, err := l.End(t.Context(), ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "a"})
		require.NoError(t, err)
		require.Zero(t, <-answers-ended)
		require.Equal(t, 25*time.Millisecond, <-answers-ended)
	})
}

// A call may wait longer for another message than for the store.
func TestPollingIsNoWaitForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		l, other := store.replica(), store.replica()
		require.Equal(t, sendIt, begin(t, l, call("1", "u")))
		store.set("Begin", fault{delay: 20 * time.Millisecond})
		time.AfterFunc(3*time.Second, func() { _, _, _ = l.End(t.Context(), ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "a"}) })
		require.Equal(t, justSent, begin(t, other, call("2", "u")))
		require.Zero(t, other.Counts().Skipped+other.Counts().Errors)
	})
}

// Calls that wait are bounded in sum, not only for each message.
func TestSharedWaitingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		l, other := store.replica(), store.replica()
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 110)
		for i := range 11 {
			user := fmt.Sprint("user ", i)
			require.Equal(t, sendIt, begin(t, l, call(user, user)))
			for j := range 10 {
				go func() {
					_, err := other.Begin(ctx, call(fmt.Sprint(user, " call ", j), user))
					errs <- err
				}()
			}
		}
		time.Sleep(time.Second)
		require.Len(t, errs, 110-ledgertest.Settings.MaxWaiting)
		for range len(errs) {
			require.ErrorIs(t, <-errs, ledger.ErrCrowded)
		}
		cancel()
		for range ledgertest.Settings.MaxWaiting {
			require.ErrorIs(t, <-errs, context.Canceled)
		}
	})
}

// After a failure the store isn't asked for a second. Then one exchange finds out whether it is back.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		l := store.replica()
		var calls atomic.Int64
		ask := func() {
			n := calls.Add(1)
			if _, err := l.Begin(t.Context(), call(fmt.Sprint(n), fmt.Sprint("user ", n))); err != nil {
				t.Error(err)
			}
		}
		require.False(t, l.Away())
		store.set("", fault{fails: true})
		ask()
		require.True(t, l.Away())
		require.Equal(t, ledger.Change{Away: true, Err: errStore}, <-l.Changes())
		time.Sleep(time.Second - time.Nanosecond)
		ask()
		require.Equal(t, 1, store.count("Begin"))
		require.Equal(t, ledger.Counts{Missed: 2, Skipped: 1, Errors: 1}, l.Counts())

		store.set("", fault{hangs: true})
		time.Sleep(time.Nanosecond)
		for range 10 { // all at once
			go ask()
		}
		time.Sleep(151 * time.Millisecond)
		require.Equal(t, 2, store.count("Begin"), "one of them is the probe")
		require.Equal(t, ledger.Counts{Missed: 12, Skipped: 10, Errors: 2}, l.Counts())
		time.Sleep(999 * time.Millisecond)

		store.heal()
		ask()
		require.False(t, l.Away())
		require.Equal(t, ledger.Change{}, <-l.Changes())
		time.Sleep(2 * time.Second)
		require.False(t, l.Away(), "the exchange that was given up ends with an error, which is known")
		require.Empty(t, l.Changes())
	})
}

// Each operation that goes on without the store is counted once: if the store has failed, if the call has no time left for it, and if the
// memory has decided about the message before.
func TestMissed(t *testing.T) {
	for name, tt := range map[string]struct {
		method string
		fault  fault
		want   uint64 // of Begin, two attempts and the end of a race, Late, and two receipts
	}{
		"no fault":         {"", fault{}, 0},
		"everything fails": {"", fault{fails: true}, 7},
		"everything hangs": {"", fault{hangs: true}, 7},
		"Begin fails":      {"Begin", fault{fails: true}, 7},
		"Attempt takes longer than there is time": {"Attempt", fault{delay: 160 * time.Millisecond}, 3},
		"Attempt leaves little time for the end":  {"Attempt", fault{delay: 74 * time.Millisecond}, 0},
		"End is a little late":                    {"End", fault{delay: 151 * time.Millisecond}, 1},
		"Late fails":                              {"Late", fault{fails: true}, 3},
		"Receipt fails":                           {"Receipt", fault{fails: true}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newFaultyStore()
				l := store.replica()
				store.set(tt.method, tt.fault)
				require.True(t, begin(t, l, call("1", "u")).Go)
				r := race{id: "1", takes: time.Second}
				r.run(t, l)
				_, _, err := l.Late(t.Context(), "1", accepted("c", "SM2"))
				require.NoError(t, err)
				for _, name := range []string{"SM1", "SM2"} {
					_, _ = l.Receipt(t.Context(), map[string]string{"SM1": "b", "SM2": "c"}[name], "", receipt(name, providers.StateSent))
				}
				require.Equal(t, tt.want, l.Counts().Missed)
				store.heal()
				time.Sleep(3 * time.Second)
			})
		})
	}
}

// The refusal of an old call is no failure of the store.
func TestReplayedIsAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		l := store.replica()
		require.Equal(t, sendIt, begin(t, l, call("1", "u")))
		_, _, err := l.End(t.Context(), ledger.Ended{ID: "1", Result: ledger.Failed})
		require.NoError(t, err)
		time.Sleep(5 * time.Second)
		_, err = l.Begin(t.Context(), call("1", "u"))
		require.ErrorIs(t, err, ledger.ErrReplayed)
		require.Equal(t, ledger.Counts{}, l.Counts())
	})
}

// Per message: its call, one attempt, the end of the race and a receipt, which are four exchanges with the store.
func BenchmarkShared(b *testing.B) {
	for name, open := range map[string]func(*ledger.Memory) ledger.Ledger{
		"memory": func(m *ledger.Memory) ledger.Ledger { return m },
		"shared": func(m *ledger.Memory) ledger.Ledger {
			return ledger.NewShared(ledger.NewMemoryStore(m), newMemory(time.Now))
		},
	} {
		b.Run(name, func(b *testing.B) {
			l := open(newMemory(time.Now))
			now := time.Now()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				send(b, l, i, now)
			}
		})
	}
}
