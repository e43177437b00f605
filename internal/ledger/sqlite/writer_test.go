package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

// opened returns a ledger in a new file, and what it reports.
func opened(t *testing.T, path string) (*Ledger, <-chan error) {
	reports := make(chan error, 100)
	l, err := Open(Options{
		Path:     path,
		Settings: ledger.Settings{CallerWaits: 5 * time.Second, ResendWindow: 10 * time.Minute, CodeLife: time.Minute, MaxWaiting: 100, LateFallback: true},
		Keep:     time.Hour,
		Sealer:   ledger.NewSealer(providers.NewSecret("a long random text")),
		Counter:  policy.NewMemory(),
		Clock:    time.Now,
		Report:   func(err error, _ uint64) { reports <- err },
	})
	require.NoError(t, err)
	return l, reports
}

// send has a message of a user of its own accepted, and returns how long the ledger took.
func send(t testing.TB, l ledger.Ledger, id string) time.Duration {
	start := time.Now()
	begun, err := l.Begin(context.Background(), ledger.Call{
		Message: providers.Message{ID: id, To: providers.NewSecret("+447700900123"), Text: providers.NewSecret("Your code is 028687"), Code: providers.NewSecret("028687")},
		Flow:    ledger.Flow{User: id, Number: "447700900123"}, Number: "+4477*****123", Country: "GB",
		ReceivedAt: ledger.At(start), Deadline: start.Add(time.Minute), Life: time.Minute,
		Charges: []policy.Charge{{Rule: policy.InAll, Limit: policy.Limit{Most: 1_000_000, Per: 700 * time.Hour}}},
	})
	require.NoError(t, err)
	require.True(t, begun.Go)
	a := ledger.Attempt{Instance: "twilio", BegunAt: ledger.At(start)}
	require.NoError(t, l.Attempt(context.Background(), id, a))
	a.State, a.Parts = ledger.AttemptAccepted, []ledger.Part{{ID: "SM" + id}}
	result, _, err := l.End(context.Background(), ledger.Ended{ID: id, Result: ledger.Accepted, Instance: "twilio", Attempts: []ledger.Attempt{a}})
	require.NoError(t, err)
	require.Equal(t, ledger.Accepted, result)
	return time.Since(start)
}

// stored returns how many messages a file has that were accepted.
func stored(t *testing.T, path string) (n int) {
	db, conn, err := connect(t.Context(), path, false)
	require.NoError(t, err)
	defer db.Close()
	defer conn.Close()
	require.NoError(t, conn.QueryRowContext(t.Context(), `select count(*) from messages where json_extract(state, '$.result') = 1`).Scan(&n))
	return n
}

// hold keeps everybody from writing, as a disk does that hangs, until the function that it returns is called.
func hold(t *testing.T, path string) func() {
	db, conn, err := connect(t.Context(), path, false)
	require.NoError(t, err)
	_, err = conn.ExecContext(t.Context(), "begin immediate")
	require.NoError(t, err)
	return func() {
		_, err := conn.ExecContext(t.Context(), "rollback")
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		require.NoError(t, db.Close())
	}
}

// A call waits 150 ms for a disk that hangs, and those that follow don't wait. When the disk is back, nothing is missing.
func TestADiskThatHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smshook.db")
	const soon = 150 * time.Millisecond
	l, reports := opened(t, path)
	send(t, l, "before")
	require.Zero(t, l.Missed())
	l.waitAtMost = soon
	release := hold(t, path)
	first := send(t, l, "first")
	require.GreaterOrEqual(t, first, soon)
	require.Less(t, first, 2*soon, "its three steps have 150 ms together")
	for i := range 100 {
		require.Less(t, send(t, l, fmt.Sprint(i)), soon)
	}
	require.EqualValues(t, 303, l.Missed())
	release()
	require.Eventually(t, func() bool { return stored(t, path) == 102 }, 10*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool { return !l.behind.Load() }, 10*time.Second, 10*time.Millisecond)
	l.waitAtMost = waitAtMost
	send(t, l, "after")
	require.EqualValues(t, 303, l.Missed())
	require.Equal(t, 103, stored(t, path))
	require.Equal(t, errSlow, <-reports)
	require.NoError(t, l.Close())
	require.Empty(t, reports, "it is said once a minute")
}

// A disk that is full is said, and harms no call. When there is room again, nothing is missing.
func TestADiskThatIsFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smshook.db")
	l, reports := opened(t, path)
	var pages int
	require.NoError(t, l.rows.conn.QueryRowContext(t.Context(), "pragma page_count").Scan(&pages))
	limit := func(pages int) {
		var now int
		require.NoError(t, l.rows.conn.QueryRowContext(t.Context(), fmt.Sprintf("pragma max_page_count = %d", pages)).Scan(&now))
		require.Equal(t, pages, now)
	}
	limit(pages + 1)
	const messages = 200
	for i := range messages {
		send(t, l, fmt.Sprint(i))
	}
	require.NotZero(t, l.Missed())
	select {
	case err := <-reports:
		require.Equal(t, errFull, err)
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was reported")
	}
	limit(1 << 20)
	require.Eventually(t, func() bool { return stored(t, path) == messages }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, l.Close())
}

// What an operation has returned is in the file.
func TestWhatIsAnsweredIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smshook.db")
	l, _ := opened(t, path)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 50 {
				send(t, l, fmt.Sprint(i, " ", n))
			}
		})
	}
	all.Wait()
	require.Zero(t, l.Missed())
	require.Equal(t, 400, stored(t, path))
	require.NoError(t, l.Close())
}

func TestOldRowsAreRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smshook.db")
	var mu sync.Mutex
	now := time.Now()
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	l, err := Open(Options{Path: path, Keep: time.Hour, Sealer: ledger.NewSealer(providers.NewSecret("x")), Counter: policy.NewMemory(), Clock: clock,
		Settings: ledger.Settings{CallerWaits: 5 * time.Second, MaxWaiting: 1, LateFallback: true}, Report: func(error, uint64) {}})
	require.NoError(t, err)
	count := func() string {
		db, conn, err := connect(t.Context(), path, false)
		require.NoError(t, err)
		defer db.Close()
		defer conn.Close()
		var messages, contents, counters int
		require.NoError(t, conn.QueryRowContext(t.Context(), `select (select count(*) from messages), (select count(*) from contents), (select count(*) from counters)`).
			Scan(&messages, &contents, &counters))
		return fmt.Sprint(messages, contents, counters)
	}
	for i := range 2500 { // more than one batch
		_, _, err := counter{l}.Take(t.Context(), clock(), []policy.Charge{{Rule: policy.PerPhone, Limit: policy.Limit{Most: 1, Per: 30 * time.Second}, Key: uint64(i)}})
		require.NoError(t, err)
	}
	send(t, l, "1")
	for _, tt := range []struct {
		after time.Duration
		want  string
	}{{0, "1 1 2501"}, {time.Minute + time.Second, "1 0 0"}, {time.Hour, "0 0 0"}} {
		mu.Lock()
		now = now.Add(tt.after)
		mu.Unlock()
		require.Eventually(t, func() bool { return count() == tt.want }, 10*time.Second, 20*time.Millisecond, tt.want)
	}
	require.NoError(t, l.Close())
}

func TestWhatWaitsToBeWrittenIsBounded(t *testing.T) {
	p := newPending()
	for i := range maxQueued {
		require.NotNil(t, p.add(place{counter: uint64(i)}, nil))
	}
	require.Nil(t, p.add(place{id: "one more"}, nil))
	require.NotNil(t, p.add(place{counter: 1}, nil), "it waits already")
	taken := p.take()
	require.Len(t, taken, maxWritten)
	again := p.add(place{counter: 0}, nil)
	p.finish(taken, errFull)
	require.Len(t, p.entries, maxQueued, "what could not be written waits again, once")
	require.Same(t, again, p.byPlace[place{counter: 0}])
}

// A hook is three operations of the ledger. The memory alone is measured in the same run.
func BenchmarkHooks(b *testing.B) {
	settings := ledger.Settings{CallerWaits: 5 * time.Second, ResendWindow: 10 * time.Minute, CodeLife: time.Minute, MaxWaiting: 100, LateFallback: true}
	for _, callers := range []int{1, 50} {
		for _, kind := range []string{"memory", "sqlite"} {
			b.Run(fmt.Sprintf("%s, %d callers", kind, callers), func(b *testing.B) {
				var l ledger.Ledger = ledger.NewMemory(settings, policy.NewMemory(), time.Now)
				if kind == "sqlite" {
					file, err := Open(Options{Path: filepath.Join(b.TempDir(), "smshook.db"), Settings: settings, Keep: time.Hour,
						Sealer: ledger.NewSealer(providers.NewSecret("x")), Counter: policy.NewMemory(), Clock: time.Now, Report: func(error, uint64) {}})
					require.NoError(b, err)
					file.waitAtMost = 150 * time.Millisecond // as in earnest
					defer func() {
						require.NoError(b, file.Close())
						b.ReportMetric(float64(file.Missed()), "missed")
					}()
					l = file
				}
				var all sync.WaitGroup
				next := make(chan int, callers)
				for range callers {
					all.Go(func() {
						for i := range next {
							send(b, l, fmt.Sprintf("4fe7b0a2-16c5-4a0e-8e04-%012d", i))
						}
					})
				}
				for i := 0; b.Loop(); i++ {
					next <- i
				}
				close(next)
				all.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "hooks/s")
			})
		}
	}
}

// fill puts messages into a file that were received a millisecond after each other, the last one now.
func fill(tb testing.TB, l *Ledger, messages int) {
	now := ledger.At(time.Now())
	require.NoError(tb, l.rows.in(tb.Context(), func() error {
		for i := range messages {
			at := now.Add(time.Duration(i-messages+1) * time.Millisecond)
			m := ledger.Message{ID: filled(i), Number: "+4477*****123", Country: "GB", ReceivedAt: at, AnsweredAt: at, Life: time.Minute, Charged: true,
				Result: ledger.Accepted, Instance: "twilio", Attempts: []ledger.Attempt{{Instance: "twilio", BegunAt: at, State: ledger.AttemptAccepted,
					Parts: []ledger.Part{{ID: fmt.Sprintf("SM%032d", i), State: providers.StateDelivered}}}}}
			if err := l.rows.message(tb.Context(), m, &marks{user: int64(i) << 40, number: int64(i) << 40, lastSignIn: 1 << 60, stored: 1 << 61}); err != nil {
				return err
			}
		}
		return nil
	}))
}

func filled(i int) string { return fmt.Sprintf("4fe7b0a2-16c5-4a0e-8e04-%012d", i) }

// Of more messages than there is room for, the newest are restored. The others are known to have been sent.
func TestMoreMessagesThanThereIsRoomFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smshook.db")
	l, _ := opened(t, path)
	const more = 10
	fill(t, l, ledger.MaxMessages+more)
	require.NoError(t, l.Close())
	l, _ = opened(t, path)
	require.Equal(t, ledger.MaxMessages, l.Restored)
	require.Zero(t, l.Forgotten())
	for i, want := range map[int]error{0: ledger.ErrReplayed, more - 1: ledger.ErrReplayed, more: nil, ledger.MaxMessages + more - 1: nil} {
		begun, err := l.Begin(t.Context(), ledger.Call{Message: providers.Message{ID: filled(i)}, ReceivedAt: ledger.At(time.Now())})
		require.Equal(t, []any{want, want == nil}, []any{err, begun.Repeat}, i)
	}
	require.NoError(t, l.Close())
}

// A start reads all messages that the memory has room for.
func BenchmarkOpen(b *testing.B) {
	o := Options{Path: filepath.Join(b.TempDir(), "smshook.db"), Settings: ledger.Settings{ResendWindow: 10 * time.Minute}, Keep: time.Hour,
		Sealer: ledger.NewSealer(providers.NewSecret("x")), Counter: policy.NewMemory(), Clock: time.Now, Report: func(error, uint64) {}}
	l, err := Open(o)
	require.NoError(b, err)
	fill(b, l, ledger.MaxMessages)
	require.NoError(b, l.Close())
	info, err := os.Stat(o.Path)
	require.NoError(b, err)
	for b.Loop() {
		o.Counter = policy.NewMemory()
		l, err := Open(o)
		require.NoError(b, err)
		require.Equal(b, ledger.MaxMessages, l.Restored)
		require.NoError(b, l.Close())
	}
	b.ReportMetric(float64(info.Size())/ledger.MaxMessages, "bytes/message")
}
