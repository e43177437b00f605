package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers/providertest"
)

const (
	storeAway  = `"message":"the store can't be reached`
	storeAgain = `"message":"the store can be reached again"`
	notWritten = `"error":"SMSHOOK_STORE: the store can't be reached; of the messages that were sent without it, 1 could not be written to it"`
)

// steadyCalls are calls to both replicas in turn, 50 a second.
type steadyCalls struct {
	every   time.Duration
	ended   chan struct{}
	calling sync.WaitGroup
	calls   []*signIn // only while no call is made
}

func (r *replicas) steady(t *testing.T) *steadyCalls {
	l := &steadyCalls{every: 20 * time.Millisecond, ended: make(chan struct{})}
	l.calling.Go(func() {
		tick := time.NewTicker(l.every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-l.ended:
				return
			}
			c := r.signIn("")
			c.at = time.Now()
			first := len(l.calls) % 2
			l.calls = append(l.calls, c)
			l.calling.Go(func() { r.call(t, c, first) })
		}
	})
	return l
}

// end ends them, and waits for the answers.
func (l *steadyCalls) end() []*signIn {
	close(l.ended)
	l.calling.Wait()
	return l.calls
}

// lost returns the calls whose user sees no success, or whose code was never sent.
func (r *replicas) lost(calls []*signIn) (lost []string) {
	for _, c := range calls {
		if userLine(c.seen) != ok || len(r.messages(c.code)) == 0 {
			lost = append(lost, fmt.Sprint(userLine(c.seen), ", ", c.seen.Attempts, " attempts, ", len(r.messages(c.code)), " messages, ", c.seen.Cause))
		}
	}
	return lost
}

// sentAgain returns how many codes were sent more than once, of the calls that came between two times.
func (r *replicas) sentAgain(calls []*signIn, from, to time.Time) (n int) {
	for _, c := range calls {
		if !c.at.Before(from) && c.at.Before(to) && len(r.messages(c.code)) > 1 {
			n++
		}
	}
	return n
}

// slowest returns how long the slowest call took of those that came between two times.
func slowest(calls []*signIn, from, to time.Time) (d time.Duration) {
	for _, c := range calls {
		if !c.at.Before(from) && c.at.Before(to) {
			d = max(d, c.seen.Took)
		}
	}
	return d
}

// The database stops during calls. Calls go on, and once the database is back, the replicas know of each other's calls again, and of those
// that each of them has decided alone.
func TestTheDatabaseStops(t *testing.T) {
	forCI(t)
	for name, tt := range map[string]struct {
		fault  func(*replicas, *pgtest.Proxy, *testing.T) (heal func())
		lasts  time.Duration
		within time.Duration // the store is used again
	}{
		"it is frozen":                {func(r *replicas, _ *pgtest.Proxy, t *testing.T) func() { return r.database.Freeze(t) }, 2 * time.Second, 2 * time.Second},
		"it ends, and is started":     {func(r *replicas, _ *pgtest.Proxy, t *testing.T) func() { return r.database.Shutdown(t) }, 2 * time.Second, 2 * time.Second},
		"it is started again at once": {func(r *replicas, _ *pgtest.Proxy, t *testing.T) func() { return r.database.Shutdown(t) }, 0, 2 * time.Second},
		"the network is slow":         {func(_ *replicas, p *pgtest.Proxy, t *testing.T) func() { return p.Latency(t, 300*time.Millisecond) }, 4 * time.Second, 2 * time.Second},
		// The first exchange afterwards may be too slow, since it makes a connection. The next one comes a second later.
		"the network loses all": {func(_ *replicas, p *pgtest.Proxy, t *testing.T) func() { return p.BlackHole(t) }, 4 * time.Second, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			var proxy *pgtest.Proxy
			r := newReplicasAt(t, func(r *replicas) string {
				proxy = r.database.Proxy(t)
				return proxy.URL("smshook", "right")
			})
			l := r.steady(t)
			time.Sleep(time.Second) // the first calls wait for connections to the database
			begun := time.Now()
			time.Sleep(time.Second)
			heal := tt.fault(r, proxy, t)
			stopped := time.Now().Add(-300 * time.Millisecond) // calls that came just before have not ended
			time.Sleep(tt.lasts)
			heal()
			back := time.Now()
			var used [2]time.Duration
			for i, p := range r.processes {
				require.Eventually(t, func() bool { return strings.Contains(p.stderr.String(), storeAgain) }, 10*time.Second, time.Millisecond)
				used[i] = time.Since(back)
			}
			again := time.Now()
			time.Sleep(time.Second)
			calls := l.end()
			doubles := r.doubles()

			var repeats sync.WaitGroup
			for n, c := range calls {
				repeats.Go(func() {
					repeat := *c
					r.call(t, &repeat, (n+1)%2) // the replica that the call did not come to first
				})
				time.Sleep(4 * time.Millisecond)
			}
			repeats.Wait()
			r.stop(t)
			end := time.Now()
			t.Logf("%d calls, %d lost; the slowest took %v before, %v while the database was away, %v afterwards; used again after %v and %v; %d codes sent twice; repeats at the other replica afterwards: %d codes sent again of those before, %d while it was away, %d afterwards",
				len(calls), len(r.lost(calls)), slowest(calls, begun, stopped), slowest(calls, stopped, back), slowest(calls, back, end), used[0], used[1], doubles,
				r.sentAgain(calls, begun, stopped), r.sentAgain(calls, stopped, back), r.sentAgain(calls, back, end))
			require.Empty(t, r.lost(calls))
			require.Less(t, slices.Max(used[:]), tt.within)
			require.Equal(t, 0, doubles, "no call came twice")
			if !providertest.RaceDetector {
				require.Less(t, slowest(calls, stopped, again)-slowest(calls, begun, stopped), 200*time.Millisecond)
			}
		})
	}
}

// A replica is killed during calls. Auth's next attempts go to the other one.
func TestAReplicaIsKilled(t *testing.T) {
	forCI(t)
	for name, address := range map[string]func(*replicas) string{
		"direct":                      func(r *replicas) string { return r.database.URL("smshook", "right") },
		"behind a transaction pooler": func(r *replicas) string { return r.database.Pooler(t, "transaction", "smshook", "right") },
	} {
		t.Run(name, func(t *testing.T) { killOne(t, newReplicasAt(t, address)) })
	}
}

func killOne(t *testing.T, r *replicas) {
	l := r.steady(t)
	time.Sleep(2 * time.Second)
	require.NoError(t, r.processes[1].command.Process.Kill())
	killed := time.Now()
	_ = r.processes[1].command.Wait() // it was killed
	time.Sleep(3 * time.Second)
	calls := l.end()
	r.stop(t)
	running, again := 0, 0
	for _, c := range calls {
		if c.seen.Attempts > 1 {
			again++
			if c.at.Before(killed) {
				running++
			}
		}
	}
	t.Logf("%d calls, %d lost, %d tried again; the killed replica had %d calls; %d codes sent twice; the slowest call took %v",
		len(calls), len(r.lost(calls)), again, running, r.doubles(), slowest(calls, time.Time{}, time.Now()))
	require.Empty(t, r.lost(calls))
	require.NotZero(t, again)
	require.LessOrEqual(t, r.doubles(), running, "only what the killed replica was sending may be sent twice")
}

// A database that can't be used is no reason not to send.
func TestServeWithADatabaseThatCantBeUsed(t *testing.T) {
	forCI(t)
	if testing.Short() {
		t.Skip("a database server is started")
	}
	d := pgtest.New(t, pgtest.Empty)
	migrated := pgtest.New(t, pgtest.Empty)
	require.Equal(t, exitOK, smshook(t, "", nil, "migrate", "-url", migrated.Administrator()).code)
	migrated.Exec(t, "alter role smshook password 's3cret'")
	for _, tt := range []struct {
		name, store string
		want        []string // what the log and check say
	}{
		{"nothing listens", "postgres://smshook:s3cret@127.0.0.1:1/x?sslmode=disable", []string{"connection refused"}},
		{"wrong password", migrated.URL("smshook", "wr0ng"), []string{"the database refuses the role or its password"}},
		{"no schema", d.URL("smshook", "s3cret"), []string{"the database has no schema of smshook", "run `smshook migrate`"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			twilio := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
			env := serveEnv(twilio.URL, "SMSHOOK_STORE="+tt.store)
			p := startProcess(t, env...)
			require.Eventually(t, func() bool { return strings.Contains(p.stderr.String(), storeAway) }, 10*time.Second, 10*time.Millisecond, "%s", p.stderr)
			seen, err := auth(t, hookSecret).Call(t.Context(), p.url+server.HookPath, hook.Example())
			require.NoError(t, err)
			require.Equal(t, ok, userLine(seen))
			require.Len(t, twilio.Requests(), 1)
			checked := smshook(t, "", env, "check").stdout
			time.Sleep(2 * time.Second) // the database is asked again meanwhile
			log := p.stderr.String()
			require.Equal(t, 1, strings.Count(log, storeAway), "%s", log)
			for _, want := range append(tt.want, "SMSHOOK_STORE: ") {
				require.Contains(t, log, want)
				require.Contains(t, checked, want)
			}
			require.NotRegexp(t, "s3cret|wr0ng", log+checked)
			if tt.store == d.URL("smshook", "s3cret") { // what the log asks for needs no restart
				require.Equal(t, exitOK, smshook(t, "", nil, "migrate", "-url", d.Administrator()).code)
				require.Eventually(t, func() bool { return strings.Contains(p.stderr.String(), storeAgain) }, 10*time.Second, 10*time.Millisecond)
				p.stop(t)
				require.NotContains(t, p.stderr.String(), notWritten)
				return
			}
			p.stop(t)
			require.Contains(t, p.stderr.String(), notWritten)
			for line := range strings.Lines(p.stderr.String()) {
				if strings.Contains(line, "STORE") {
					t.Log(line)
				}
			}
		})
	}
}

// forCI skips a test that waits for faults to pass, for tens of seconds. .ci/run and make soak run it.
func forCI(t *testing.T) {
	if os.Getenv("CI") != "true" && os.Getenv("SOAK") == "" {
		t.Skip("it takes tens of seconds: .ci/run and make soak run it")
	}
}
