package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
)

// storeOf names a store, and makes it. A store in Postgres serves two processes.
func storeOf(tb testing.TB, kind string) (setting string, processes int) {
	if kind != "postgres" {
		return "sqlite:" + filepath.Join(tb.TempDir(), "smshook.db") + kind, 1
	}
	database := pgtest.New(tb, pgtest.Empty)
	migrated := exec.Command(os.Args[0], "migrate", "-url", database.Administrator())
	migrated.Env = asProgram(0)
	out, err := migrated.CombinedOutput()
	require.NoError(tb, err, "%s", out)
	database.Exec(tb, "alter role smshook password 'right'")
	return database.URL("smshook", "right"), 2
}

// Processes are killed at random points during requests. What was answered with a success is sent, and what is due later too. Texts that
// were sent twice are counted.
func TestKilledDuringRequests(t *testing.T) {
	forCI(t)
	for _, kind := range []string{"", "?synchronous=full", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			store, processes := storeOf(t, kind)
			m := newMessageAPI(t, "SMSHOOK_STORE="+store, "SMSHOOK_LOG_LEVEL=info")
			m.delay = 20 * time.Millisecond
			var mu sync.Mutex
			running := make([]*soakProcess, processes)
			for i := range running {
				running[i] = startProcess(t, m.env...)
			}
			url := func(i int) string {
				mu.Lock()
				defer mu.Unlock()
				return running[i%processes].url
			}
			const kills, callers = 8, 16
			var next, killed atomic.Int64
			var taken sync.Map // text: when it is due
			var calling sync.WaitGroup
			ended := make(chan struct{})
			for range callers {
				calling.Go(func() {
					for {
						select {
						case <-ended:
							return
						case <-time.After(5 * time.Millisecond):
						}
						n := next.Add(1)
						text, due := fmt.Sprintf("text %d", n), time.Now()
						body := map[string]any{"to": "+14155551234", "body": text}
						if n%10 == 0 {
							due = due.Add(2 * time.Second)
							body["scheduled_at"] = due
						}
						if a, err := m.ask("POST", url(int(n))+"/send-sms", body); err == nil && a.code == 200 {
							taken.Store(text, due)
						}
					}
				})
			}
			for range kills {
				time.Sleep(time.Duration(300+rand.IntN(700)) * time.Millisecond)
				i := rand.IntN(processes)
				before := running[i]
				require.NoError(t, before.command.Process.Kill())
				_ = before.command.Wait() // it was killed
				killed.Add(1)
				p := startProcess(t, m.env...)
				mu.Lock()
				running[i] = p
				mu.Unlock()
			}
			close(ended)
			calling.Wait()
			count := 0
			require.Eventually(t, func() bool {
				count = 0
				missing := false
				taken.Range(func(text, _ any) bool {
					count++
					missing = missing || len(m.texts(text.(string))) == 0
					return true
				})
				return !missing
			}, time.Minute, 50*time.Millisecond, "all that was answered with a success is sent")
			require.Greater(t, count, 100)
			doubles := 0
			m.mu.Lock()
			for _, sent := range m.sent {
				doubles += len(sent) - 1
			}
			m.mu.Unlock()
			t.Logf("%d requests, %d taken, %d processes killed, %d texts sent twice", next.Load(), count, killed.Load(), doubles)
		})
	}
}
