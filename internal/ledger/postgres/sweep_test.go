package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What is old is deleted in batches, one for each sweep, by one replica at a time, until nothing of it is left.
func TestWhatIsOldIsDeletedInBatches(t *testing.T) {
	d, one, other := replicas(t)
	c := call("new", "user")
	begun, _ := begin(t, one, c, "")
	require.Equal(t, sendIt, begun)
	d.Exec(t, `
		insert into smshook.message select r.* from smshook.message m, generate_series(1, 20000) i, jsonb_populate_record(m, jsonb_build_object('id', 'old ' || i,
			'flow', i, 'sending', false, 'received_at', m.received_at - 700000000 - i)) r;
		insert into smshook.flow select i, null, 'old ' || i from generate_series(1, 20000) i;
		update smshook.flow set newest = 'new' where key = 20000;
		insert into smshook.name select i, 'old ' || i, smshook.micros() - 700000000 from generate_series(1, 20000) i;
		insert into smshook.counter select i, smshook.micros() - i from generate_series(1, 20000) i;
		insert into smshook.counter values (0, smshook.micros() + 60000000);
		insert into smshook.content select 'old ' || i, smshook.micros() - 1, 'x' from generate_series(1, 2000) i`)
	conn := connect(t, d.Superuser())
	counts := func() (all [5]int) {
		require.NoError(t, conn.QueryRow(t.Context(), `select (select count(*) from smshook.message), (select count(*) from smshook.flow), (select count(*) from smshook.name),
			(select count(*) from smshook.counter), (select count(*) from smshook.content)`).Scan(&all[0], &all[1], &all[2], &all[3], &all[4]))
		return all
	}
	require.Equal(t, [5]int{20001, 20001, 20000, 20001, 2001}, counts())

	busy, err := conn.Begin(t.Context()) // another replica is at it
	require.NoError(t, err)
	_, err = busy.Exec(t.Context(), "select pg_advisory_xact_lock(20822, 1)")
	require.NoError(t, err)
	more, _, err := other.Sweep(t.Context())
	require.NoError(t, err)
	require.True(t, more)
	require.NoError(t, busy.Rollback(t.Context()))
	require.Equal(t, [5]int{20001, 20001, 20000, 20001, 1001}, counts(), "contents that have expired don't wait for it")

	before, sweeps := counts(), 0
	for ; before[0] > 1 && sweeps < 25; sweeps++ {
		more, _, err := one.Sweep(t.Context())
		require.NoError(t, err)
		require.True(t, more)
		after := counts()
		require.Equal(t, before[0]-1000, after[0])
		require.LessOrEqual(t, before[1]-after[1], 1000)
		require.Equal(t, before[2]-1000, after[2])
		require.Contains(t, []int{0, 5000}, before[3]-after[3])
		before = after
	}
	require.Equal(t, 20, sweeps)
	require.Equal(t, [3]int{1, 2, 0}, [3]int(before[:3]), "a flow stays whose newest message does")
	d.Exec(t, "delete from smshook.content; truncate smshook.counter")
	_, _, err = one.Sweep(t.Context())
	require.NoError(t, err)
	more, _, err = one.Sweep(t.Context())
	require.NoError(t, err)
	require.False(t, more, "nothing is left to do")
}

// Counters are looked at now and then; once there are many that are over, each time, until there are few.
func TestCountersThatAreOver(t *testing.T) {
	d, one, _ := replicas(t)
	d.Exec(t, `insert into smshook.counter select i, smshook.micros() - i from generate_series(1, 20000) i; insert into smshook.counter values (0, smshook.micros() + 60000000)`)
	conn := connect(t, d.Superuser())
	count := func() (n int) {
		require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from smshook.counter").Scan(&n))
		return n
	}
	for n := 0; count() == 20001 && n < 2000; n++ { // each has a chance of 3 in 100
		_, _, err := one.Sweep(t.Context())
		require.NoError(t, err)
	}
	for _, want := range []int{10001, 5001, 1} {
		more, _, err := one.Sweep(t.Context())
		require.NoError(t, err)
		require.True(t, more)
		require.Equal(t, want, count())
	}
	more, _, err := one.Sweep(t.Context())
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, 1, count(), "it is not over")
}

// An attack that the limits refuse doesn't fill the history: the newest of its messages are kept, and all others.
func TestRefusedMessagesAreBounded(t *testing.T) {
	d, one, _ := replicas(t)
	one.KeepRefused(100)
	begun, _ := begin(t, one, call("sent", "user"), "")
	require.Equal(t, sendIt, begun)
	_, _, err := one.End(t.Context(), accepted("sent"))
	require.NoError(t, err)
	d.Exec(t, `
		insert into smshook.message select r.* from smshook.message m, generate_series(1, 6000) i, jsonb_populate_record(m, jsonb_build_object('id', 'refused ' || i,
			'flow', i, 'state', 'refused', 'result', 'too_many', 'received_at', m.received_at + i)) r;
		insert into smshook.flow select i from generate_series(1, 6000) i`)
	conn := connect(t, d.Superuser())
	counts := func() (all [3]int) {
		require.NoError(t, conn.QueryRow(t.Context(), `select (select count(*) from smshook.message), (select count(*) from smshook.flow),
			(select count(*) from smshook.message where id > 'refused 5900' and length(id) = 12)`).Scan(&all[0], &all[1], &all[2]))
		return all
	}
	require.Equal(t, [3]int{6001, 6001, 100}, counts())
	for n := 0; counts()[0] == 6001 && n < 2000; n++ { // each has a chance of 3 in 100
		_, _, err := one.Sweep(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, [3]int{1001, 1001, 100}, counts())
	_, _, err = one.Sweep(t.Context()) // once there are many, each sweep looks at them
	require.NoError(t, err)
	require.Equal(t, [3]int{101, 101, 100}, counts())
	_, found, err := one.Message(t.Context(), "sent")
	require.NoError(t, err)
	require.True(t, found)
}
