package ledger_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

// A call that has little time left for the store gives up early. That says nothing about the store: it may have answered soon after. The store
// is too slow once it has taken 150 ms for one exchange.
func TestGivingUpEarlyIsNoFailureOfTheStore(t *testing.T) {
	for name, tt := range map[string]struct {
		end   fault
		after time.Duration // how long after the exchange has begun it is noted as an error; 0 if never
	}{
		"it answers in time": {end: fault{delay: 60 * time.Millisecond}},
		"it hangs":           {end: fault{hangs: true}, after: 150 * time.Millisecond},
		"it fails":           {end: fault{fails: true}, after: time.Nanosecond},
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
				if tt.after == 0 {
					time.Sleep(time.Second)
					require.False(t, l.Away())
					require.Zero(t, l.Counts().Errors)
					return
				}
				time.Sleep(tt.after - time.Since(began) - time.Nanosecond)
				synctest.Wait()
				require.Equal(t, tt.end.fails, l.Counts().Errors == 1)
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				require.EqualValues(t, 1, l.Counts().Errors)
				require.Equal(t, tt.end.fails, l.Away())
				store.heal()
				time.Sleep(2 * time.Second)
				require.EqualValues(t, 1, l.Counts().Errors, "each exchange is noted once")
			})
		})
	}
}

// The breaker opens at once if the store fails, and after three exchanges in a row that are too slow: one pause of the store, in which any
// number of exchanges is under way, is one of them.
func TestASlowStoreIsNotAwayAtOnce(t *testing.T) {
	const (
		quick = time.Millisecond
		slow  = 151 * time.Millisecond
	)
	for name, tt := range map[string]struct {
		delays []time.Duration // of exchanges one after the other
		each   int             // at the same time
		away   bool
	}{
		"one":                           {[]time.Duration{slow}, 1, false},
		"two":                           {[]time.Duration{slow, slow}, 1, false},
		"three":                         {[]time.Duration{slow, slow, slow}, 1, true},
		"a pause":                       {[]time.Duration{slow}, 100, false},
		"two pauses":                    {[]time.Duration{slow, slow}, 100, false},
		"three pauses, none in between": {[]time.Duration{slow, slow, slow}, 100, true},
		"now and then":                  {[]time.Duration{slow, slow, quick, slow, slow, quick, slow}, 1, false},
		"again after it was quick":      {[]time.Duration{slow, quick, slow, slow, slow}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newFaultyStore()
				l := store.replica()
				for i, delay := range tt.delays {
					require.False(t, l.Away(), i)
					store.set("", fault{delay: delay})
					for j := range tt.each {
						go func() {
							user := fmt.Sprint(i, " ", j)
							if _, err := l.Begin(t.Context(), call(user, user)); err != nil {
								t.Error(err)
							}
						}()
					}
					time.Sleep(150*time.Millisecond + 1)
				}
				require.Equal(t, tt.away, l.Away())
				if tt.away {
					require.EqualError(t, (<-l.Changes()).Err, "the store takes too long to answer")
				}
				time.Sleep(3 * time.Second)
			})
		})
	}
}

// A store that always takes too long stays away: the exchange that finds out whether it is back has no more time than a call.
func TestASlowStoreStaysAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		l := store.replica()
		store.set("", fault{delay: 300 * time.Millisecond})
		changes := 0
		for i := range 20 {
			require.True(t, begin(t, l, call(fmt.Sprint(i), fmt.Sprint("user ", i))).Go)
			select {
			case <-l.Changes():
				changes++
			default:
			}
			sweep(t, l, time.Second)
		}
		time.Sleep(time.Second)
		_, err := l.Receipt(t.Context(), "a", "", receipt("SM1", providers.StateSent)) // now it is the one that finds out
		require.NoError(t, err)
		require.Equal(t, 1, changes)
		require.True(t, l.Away())
		store.heal()
		sweep(t, l, 2*time.Second)
		require.False(t, l.Away())
	})
}

// A store that stops under load costs each call 150 ms at most, and soon costs nothing. A short pause has no replica decide alone afterwards:
// hardly a repeat that comes to the other one is sent again.
func TestAStoreThatPausesUnderLoad(t *testing.T) {
	const every = 5 * time.Millisecond
	for _, pause := range []time.Duration{200 * time.Millisecond, 300 * time.Millisecond, 5 * time.Second} {
		t.Run(pause.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newFaultyStore()
				replicas := [2]*ledger.Shared{store.replica(), store.replica()}
				var mu sync.Mutex
				var slowest time.Duration
				var doubles int
				call := func(i int) {
					c := call(fmt.Sprint(i), fmt.Sprint("user ", i))
					var sent [2]bool
					for j := range replicas {
						l, at := replicas[(i+j)%2], time.Now()
						begun, err := l.Begin(t.Context(), c)
						if err != nil {
							t.Error(err)
						}
						waited := time.Since(at)
						if sent[j] = begun.Go; begun.Go {
							r := race{id: c.Message.ID, takes: 100 * time.Millisecond}
							_, more, _ := r.run(t, l)
							waited += more
						}
						if j == 0 { // a repeat also waits for the message
							mu.Lock()
							slowest = max(slowest, waited)
							mu.Unlock()
						}
					}
					if sent[0] && sent[1] {
						mu.Lock()
						doubles++
						mu.Unlock()
					}
				}
				go func() {
					time.Sleep(time.Second)
					store.set("", fault{until: time.Now().Add(pause)})
					time.Sleep(pause)
					store.heal()
				}()
				for i := range int((pause + 3*time.Second) / every) {
					time.Sleep(every)
					go call(i)
				}
				time.Sleep(5 * time.Second)
				for _, l := range replicas {
					sweep(t, l, 5*time.Second)
					require.False(t, l.Away())
					require.Zero(t, l.Counts().Owed)
				}
				t.Logf("%d doubles, the slowest call waited %v", doubles, slowest)
				require.LessOrEqual(t, slowest, 150*time.Millisecond)
				if pause < 400*time.Millisecond {
					require.LessOrEqual(t, doubles, 20)
				}
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
