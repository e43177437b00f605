package ledger_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

// Whatever the store does, a call waits 150 ms for it at most, and the message is sent. When the store is back, the other replicas
// learn all about the message.
func TestStoreIsNoCondition(t *testing.T) {
	faults := map[string]fault{
		"hangs":                 {hangs: true},
		"does it after 160 ms":  {delay: 160 * time.Millisecond},
		"does it after 1 s":     {delay: time.Second},
		"takes 100 ms":          {delay: 100 * time.Millisecond},
		"fails":                 {fails: true},
		"loses its answer":      {loses: true},
		"loses a late answer":   {loses: true, delay: 100 * time.Millisecond},
		"panics":                {panic: true},
		"is as fast as a store": {delay: time.Millisecond},
	}
	for _, method := range []string{"Begin", "Attempt", "End", ""} {
		for name, fault := range faults {
			t.Run(method+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := newFaultyStore()
					first, other := store.replica(), store.replica()
					store.set(method, fault)

					began := time.Now()
					begun, err := first.Begin(t.Context(), call("1", "u"))
					waited := time.Since(began)
					require.NoError(t, err)
					require.True(t, begun.Go)
					r := race{id: "1", takes: 300 * time.Millisecond}
					result, more, _ := r.run(t, first)
					require.Equal(t, ledger.Accepted, result)
					require.LessOrEqual(t, waited+more, 150*time.Millisecond)
					repeated, err := first.Begin(t.Context(), call("1", "u"))
					require.NoError(t, err)
					require.Equal(t, ledger.Begun{Repeat: true, Result: ledger.Accepted, Over: -1}, repeated)

					time.Sleep(100 * time.Millisecond)
					store.heal()
					sweep(t, first, 4*time.Second)
					require.False(t, first.Away())
					require.Zero(t, first.Counts().Owed)
					require.Zero(t, first.Counts().Dropped)

					repeated, err = other.Begin(t.Context(), call("1", "u"))
					require.NoError(t, err)
					require.Equal(t, ledger.Begun{Repeat: true, Result: ledger.Accepted, Over: -1}, repeated)
					m, found, err := store.Message(t.Context(), "1")
					require.NoError(t, err)
					require.True(t, found)
					require.Equal(t, ledger.Accepted, m.Result)
					require.Equal(t, "b", m.Instance)
					require.Equal(t, r.attempts, m.Attempts)

					begun, err = other.Begin(t.Context(), call("2", "u"))
					require.NoError(t, err)
					require.Equal(t, ledger.Begun{Go: true, Over: -1, Lost: "b", FirstAt: begun.FirstAt}, begun)
					_, _, err = other.End(t.Context(), ledger.Ended{ID: "2", Result: ledger.Failed})
					require.NoError(t, err)
					begun, err = other.Begin(t.Context(), call("3", "u"))
					require.NoError(t, err)
					require.False(t, begun.Go, "the messages are charged")

					news, err := other.Receipt(t.Context(), "b", "", providers.Receipt{ID: "SM1", State: providers.StateFailed, Kind: providers.Temporary})
					require.NoError(t, err)
					require.Len(t, news.Reports, 1)
					require.NotNil(t, news.Resend, "its contents are known")
					require.Equal(t, "028687", news.Resend.Message.Code.Reveal())
				})
			})
		}
	}
}

// A store that can be reached again is used within 2 s, whenever that happens, and without any call.
func TestStoreIsUsedAgain(t *testing.T) {
	for _, after := range []time.Duration{0, 100 * time.Millisecond, time.Second, 1100 * time.Millisecond, 1700 * time.Millisecond, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			store := newFaultyStore()
			l := store.replica()
			store.set("", fault{hangs: true})
			go sweep(t, l, 20*time.Second)
			for i := range 3 {
				require.True(t, begin(t, l, call(fmt.Sprint(i), fmt.Sprint("user ", i))).Go)
			}
			require.True(t, l.Away())
			time.Sleep(after)
			store.heal()
			time.Sleep(2 * time.Second)
			require.False(t, l.Away(), after)
			time.Sleep(20 * time.Second)
		})
	}
}

// A caller asks again, at the same replica or at the other, while the message is being sent. Without the store, no replica can know
// what the other one does. In all other cases no message is sent twice.
func TestDoubles(t *testing.T) {
	const messages = 50
	for _, tt := range []struct {
		name    string
		method  string
		fault   fault
		doubles [2]int // at the same replica, at the other
	}{
		{"no fault", "", fault{}, [2]int{0, 0}},
		{"slow store", "", fault{delay: 20 * time.Millisecond}, [2]int{0, 0}},
		{"Attempt fails", "Attempt", fault{fails: true}, [2]int{0, messages}},
		{"store hangs", "", fault{hangs: true}, [2]int{0, messages}},
		{"store fails", "", fault{fails: true}, [2]int{0, messages}},
	} {
		for where, doubles := range tt.doubles {
			t.Run(fmt.Sprint(tt.name, where), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := newFaultyStore()
					replicas := [2]*ledger.Shared{store.replica(), store.replica()}
					store.set(tt.method, tt.fault)
					sent := make(chan string, 10*messages)
					ask := func(l *ledger.Shared, id string) {
						begun, err := l.Begin(t.Context(), call(id, id))
						if err != nil {
							t.Error(err)
						}
						if begun.Go {
							sent <- id
							r := race{id: id, takes: time.Second}
							r.run(t, l)
							return
						}
						if begun.Result != ledger.Accepted {
							t.Errorf("%+v", begun)
						}
					}
					for i := range messages {
						go ask(replicas[i%2], fmt.Sprint(i))
					}
					time.Sleep(500 * time.Millisecond)
					for i := range messages {
						go ask(replicas[(i+where)%2], fmt.Sprint(i))
					}
					time.Sleep(2 * time.Second)
					require.Equal(t, messages+doubles, len(sent))

					store.heal()
					sweep(t, replicas[0], 4*time.Second)
					sweep(t, replicas[1], 4*time.Second)
					for i := range messages {
						ask(replicas[i%2], fmt.Sprint(i))
						ask(replicas[(i+1)%2], fmt.Sprint(i))
					}
					require.Equal(t, messages+doubles, len(sent), "the store is back")
				})
			})
		}
	}
}

// While the store is away, what this replica knows is shown, and marked.
func TestMessagesWithoutTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		first, other := store.replica(), store.replica()
		for id, l := range map[string]*ledger.Shared{"1": first, "2": other} {
			begun, err := l.Begin(t.Context(), call(id, id))
			require.NoError(t, err)
			require.True(t, begun.Go)
		}
		ids := func() (ids []string, err error) {
			page, err := first.Messages(t.Context(), ledger.Query{})
			for _, m := range page {
				ids = append(ids, m.ID)
			}
			return ids, err
		}
		all, err := ids()
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"1", "2"}, all)

		for _, f := range []fault{{fails: true}, {panic: true}, {hangs: true}} {
			store.set("", f)
			known, err := ids()
			require.ErrorIs(t, err, ledger.ErrAway)
			require.Equal(t, []string{"1"}, known)
		}
		store.heal()
		all, err = ids()
		require.NoError(t, err)
		require.Len(t, all, 2)
	})
}
