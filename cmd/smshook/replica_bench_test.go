package main

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/server"
)

// What the database costs a hook: the whole program with a memory, and with a database, in turn in one run, at 200 hooks a second. The provider
// takes 100 ms. It prints figures, and asserts none: they are the machine's.
func TestHooksBesideMemory(t *testing.T) {
	forCI(t)
	const (
		every  = 5 * time.Millisecond
		rounds = 5
		each   = 400 // hooks a round
	)
	r := newReplicas(t, "SMSHOOK_LIMIT_PHONE=off")
	memory := startProcess(t, append(r.env, "SMSHOOK_STORE=memory")...)
	took := map[string][]time.Duration{}
	for range rounds {
		for _, target := range []struct{ name, url string }{{"memory", memory.url}, {"postgres", r.processes[0].url}} {
			var mu sync.Mutex
			var calling sync.WaitGroup
			tick := time.NewTicker(every)
			for range each {
				<-tick.C
				calling.Go(func() {
					seen, err := r.auth.Call(t.Context(), target.url+server.HookPath, r.signIn("").body)
					mu.Lock()
					defer mu.Unlock()
					if err != nil || userLine(seen) != ok {
						t.Error(userLine(seen), err)
					}
					took[target.name] = append(took[target.name], seen.Took)
				})
			}
			calling.Wait()
			tick.Stop()
		}
	}
	r.stop(t)
	memory.stop(t)
	for _, name := range []string{"memory", "postgres"} {
		all := took[name]
		slices.Sort(all)
		require.Len(t, all, rounds*each)
		t.Logf("%s: %d hooks at 200/s: p50 %v, p99 %v", name, len(all), all[len(all)/2], all[len(all)*99/100])
	}
}
