package main

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
)

// replace has a new process take the place of a replica during calls.
func (r *replicas) replace(t *testing.T, i int, kill bool) {
	before := r.processes[i]
	if kill {
		require.NoError(t, before.command.Process.Kill())
		_ = before.command.Wait() // it was killed
	}
	started := r.start(t)
	r.mu.Lock()
	r.processes[i] = started
	r.mu.Unlock()
	if !kill {
		before.stop(t)
	}
}

// Two replicas on one database, under load for SOAK. Everything fails and is started again in turn, the replicas too: no sign-in may be lost. In the
// end, each call is repeated at the other replica.
func TestSoakOfTwoReplicas(t *testing.T) {
	forCI(t)
	lasts, err := time.ParseDuration(os.Getenv(soakTime))
	if err != nil {
		lasts = 10 * time.Second
	}
	var proxy *pgtest.Proxy
	r := newReplicasAt(t, func(r *replicas) string {
		proxy = r.database.Proxy(t)
		return proxy.URL("smshook", "right")
	}, "SMSHOOK_LIMIT_PHONE=off")
	pause := func(heal func(), d time.Duration) {
		time.Sleep(d)
		heal()
	}
	faults := []struct {
		name string
		do   func()
	}{
		{"the database is frozen for 2 s", func() { pause(r.database.Freeze(t), 2*time.Second) }},
		{"the database is down for 2 s", func() { pause(r.database.Shutdown(t), 2*time.Second) }},
		{"the database is started again at once", func() { pause(r.database.Shutdown(t), 0) }},
		{"the network loses all for 3 s", func() { pause(proxy.BlackHole(t), 3*time.Second) }},
		{"the network is slow for 3 s", func() { pause(proxy.Latency(t, 300*time.Millisecond), 3*time.Second) }},
		{"a replica is killed and started", func() { r.replace(t, 0, true) }},
		{"the other replica is killed and started", func() { r.replace(t, 1, true) }},
		{"both replicas are updated, one after the other", func() { r.replace(t, 0, false); r.replace(t, 1, false) }},
	}
	l := r.steady(t)
	happened := map[string]int{}
	began := time.Now()
	for i := 0; time.Since(began) < lasts; i++ {
		time.Sleep(2 * time.Second)
		if i%len(faults) == 0 {
			rand.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
		}
		fault := faults[i%len(faults)]
		fault.do()
		happened[fault.name]++
	}
	time.Sleep(3 * time.Second)
	calls := l.end()
	doubles := r.doubles()
	var slow []time.Duration
	seen, again := map[string]int{}, 0
	for _, c := range calls {
		seen[userLine(c.seen)]++
		slow = append(slow, c.seen.Took)
		if c.seen.Attempts > 1 {
			again++
		}
	}
	slices.Sort(slow)
	var repeats sync.WaitGroup
	for n, c := range calls {
		repeats.Go(func() {
			repeat := *c
			r.call(t, &repeat, (n+1)%2)
		})
		time.Sleep(10 * time.Millisecond)
	}
	repeats.Wait()
	for name, n := range happened {
		t.Logf("%3d times: %s", n, name)
	}
	t.Logf("%d calls in %v; what users saw: %v; %d calls were tried again by Auth; half took %v, the slowest %v", len(calls), time.Since(began).Round(time.Second), seen, again, slow[len(slow)/2], slow[len(slow)-1])
	t.Logf("%d codes sent twice; repeats at the other replica afterwards: %d more", doubles, r.doubles()-doubles)
	for i, p := range r.processes {
		t.Logf("replica %d since its last start: the store was away %d times", i, strings.Count(p.stderr.String(), storeAway))
	}
	require.Empty(t, r.lost(calls))
	r.stop(t)
}
