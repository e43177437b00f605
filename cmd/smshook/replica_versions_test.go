package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/server"
)

// later is what a later version of the program may add to the schema, as `smshook migrate` of that version would, during calls.
const later = `begin;
set local lock_timeout = '2s';
set local role smshook_owner;
alter table smshook.message add column later text not null default 'nothing';
alter table smshook.flow add column later bigint not null default 7;
create table smshook.later (id bigint primary key, message_id text references smshook.message);
create function smshook.begin_later(p jsonb) returns jsonb language sql as 'select p';
insert into smshook.version values (%d);
commit`

// An update of several replicas: the schema gets its next version during calls, and one replica after the other is replaced. This program
// stands for both versions: it runs on before and after the migration, and is started after it.
func TestTwoVersionsAtOnce(t *testing.T) {
	forCI(t)
	r := newReplicas(t)
	l := r.steady(t)
	time.Sleep(time.Second)
	r.database.Exec(t, fmt.Sprintf(later, postgres.Version+1))
	time.Sleep(time.Second)
	before := r.processes[1]
	started := r.start(t)
	r.mu.Lock()
	r.processes[1] = started
	r.mu.Unlock()
	r.missed += before.missed(t)
	http.DefaultClient.CloseIdleConnections()
	before.stop(t)
	time.Sleep(time.Second)
	calls := l.end()
	doubles := r.doubles()
	for n, c := range calls {
		repeat := *c
		r.call(t, &repeat, (n+1)%2)
	}
	for _, p := range append(r.processes[:], before) {
		for line := range strings.Lines(p.stderr.String()) {
			require.False(t, strings.Contains(line, storeAway) && !strings.Contains(line, "takes too long"), line)
		}
	}
	t.Logf("%d calls, %d lost, %d codes sent twice; repeats at the other replica: %d codes sent again", len(calls), len(r.lost(calls)), doubles, r.doubles()-doubles)
	require.Empty(t, r.lost(calls))
	r.stop(t)
	r.skipIfMissed(t)
	require.Zero(t, r.doubles())
}

// The version after the next is for a newer program: this one says so, and works from memory.
func TestAVersionThatIsTooNew(t *testing.T) {
	forCI(t)
	r := newReplicas(t)
	r.stop(t)
	r.database.Exec(t, fmt.Sprintf("insert into smshook.version values (%d)", postgres.Version+2))
	p := r.start(t)
	want := fmt.Sprintf("the schema smshook has version %d, and this program works with %d and %d: use a newer smshook", postgres.Version+2, postgres.Version, postgres.Version+1)
	require.Eventually(t, func() bool { return strings.Contains(p.stderr.String(), want) }, 10*time.Second, 10*time.Millisecond, "%s", p.stderr)
	require.Contains(t, smshook(t, "", r.env, "check").stdout, want)
	seen, err := r.auth.Call(t.Context(), p.url+server.HookPath, hook.Example())
	require.NoError(t, err)
	require.Equal(t, ok, userLine(seen), "it works from memory")
	r.auth.HTTP.CloseIdleConnections()
	p.stop(t)
}
