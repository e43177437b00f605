package ledger_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

// What waits to be written is bounded: the oldest is dropped, and counted. So is a call with texts that are too long.
func TestOwedIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		l, other := store.replica(), store.replica()
		store.set("", fault{fails: true})
		long := call("long", "u")
		long.LastSignIn = strings.Repeat("s", 2000)
		sent(t, l, long)
		require.Equal(t, 0, l.Counts().Owed)
		for i := range 4096 + 10 {
			sent(t, l, call(fmt.Sprint(i), fmt.Sprint("user ", i)))
		}
		require.Equal(t, 4096, l.Counts().Owed)
		require.EqualValues(t, 11, l.Counts().Dropped)
		store.heal()
		sweep(t, l, 3*time.Second)
		require.Equal(t, 0, l.Counts().Owed)
		require.EqualValues(t, 4096, l.Counts().Written)
		require.Equal(t, sendIt, begin(t, other, call("9", "user 9")))
		require.Equal(t, repeat, begin(t, other, call("10", "user 10")))
	})
}

// A write that the store always refuses is given up in the end.
func TestRefusedWriteIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		l := store.replica()
		store.set("Begin", fault{fails: true})
		store.set("Write", fault{fails: true})
		sent(t, l, call("1", "u"))
		store.set("Begin", fault{})
		sweep(t, l, time.Minute)
		require.False(t, l.Away())
		counts := l.Counts()
		require.EqualValues(t, 1, counts.Dropped)
		require.Zero(t, counts.Owed)
		require.Equal(t, 10, store.count("Write"))
		require.Equal(t, sendIt, begin(t, l, call("1", "u")), "the store decides again")
	})
}

// Flush writes what is left before the end of the program, and says if it could not.
func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		l := store.replica()
		require.NoError(t, l.Flush(t.Context()))
		store.set("", fault{fails: true})
		sent(t, l, call("1", "u"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, l.Flush(ctx), ledger.ErrAway)
		store.heal()
		require.NoError(t, l.Flush(t.Context()))
		require.Equal(t, repeat, begin(t, store.replica(), call("1", "u")))
	})
}

// A repeat of a message that failed without the store, and isn't written yet, is sent here.
func TestRepeatBeforeItIsWritten(t *testing.T) {
	for name, method := range map[string]string{"decided here": "", "decided by the store": "End"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newFaultyStore()
				l, other := store.replica(), store.replica()
				store.set(method, fault{fails: true})
				c := call("1", "u")
				require.Equal(t, sendIt, begin(t, l, c))
				failed := ledger.Attempt{Instance: "a", BegunAt: ledger.At(time.Now()), State: ledger.AttemptFailed, Kind: providers.Temporary}
				_, _, err := l.End(t.Context(), ledger.Ended{ID: "1", Result: ledger.Failed, Attempts: []ledger.Attempt{failed}})
				require.NoError(t, err)
				require.Equal(t, ledger.Begun{Go: true, Over: -1, Tried: []ledger.Attempt{failed}}, begin(t, l, c))
				store.heal()
				sweep(t, l, 2*time.Second)
				m, found, _ := store.Message(t.Context(), "1")
				require.Equal(t, found, m.Sending, "what the store knows is no failure as long as the message is being sent")
				_, _, err = l.End(t.Context(), ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "b", Attempts: []ledger.Attempt{accepted("b", "SM1")}})
				require.NoError(t, err)
				sweep(t, l, 2*time.Second)
				require.Equal(t, repeat, begin(t, other, c))
				m, _, _ = store.Message(t.Context(), "1")
				require.Len(t, m.Attempts, 2)
				require.Zero(t, l.Counts().Owed)
			})
		})
	}
}
