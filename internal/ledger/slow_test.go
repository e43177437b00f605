package ledger_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

// A call that has little time left for the store gives up early. That says nothing about the store: it may have answered soon after. The store
// is away once it has taken 150 ms for one exchange.
func TestGivingUpEarlyIsNoFailureOfTheStore(t *testing.T) {
	for name, tt := range map[string]struct {
		end  fault
		away time.Duration // after the exchange has begun; 0 if never
	}{
		"it answers in time": {end: fault{delay: 60 * time.Millisecond}},
		"it hangs":           {end: fault{hangs: true}, away: 150 * time.Millisecond},
		"it fails":           {end: fault{fails: true}, away: time.Nanosecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newFaultyStore()
				l := store.replica()
				store.set("Begin", fault{delay: 100 * time.Millisecond})
				store.set("End", tt.end)
				require.Equal(t, sendIt, begin(t, l, call("1", "u")))
				began := time.Now()
				result, _, err := l.End(t.Context(), ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "a"})
				require.NoError(t, err)
				require.Equal(t, ledger.Accepted, result)
				require.LessOrEqual(t, time.Since(began), 50*time.Millisecond)
				if tt.away == 0 {
					time.Sleep(time.Second)
					require.False(t, l.Away())
					require.Zero(t, l.Counts().Errors)
					return
				}
				time.Sleep(tt.away - time.Since(began) - time.Nanosecond)
				synctest.Wait()
				require.Equal(t, tt.end.fails, l.Away())
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				require.True(t, l.Away())
				time.Sleep(2 * time.Second)
				require.EqualValues(t, 1, l.Counts().Errors, "each exchange is noted once")
			})
		})
	}
}

// No user waits for a receipt. A store that takes its time must not make it come again, and must not be taken for away because of it.
func TestAReceiptMayTakeLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		l := store.replica()
		store.set("Receipt", fault{delay: 400 * time.Millisecond})
		_, err := l.Receipt(t.Context(), "a", "", receipt("SM1", providers.StateSent))
		require.NoError(t, err)
		require.False(t, l.Away())
	})
}
