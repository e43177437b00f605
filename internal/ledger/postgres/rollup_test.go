package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/ledgertest"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
	"github.com/smshook/smshook/providers"
)

// The buckets of the schema are those of package ledger.
func TestBuckets(t *testing.T) {
	d := pgtest.New(t, migrated)
	conn := connect(t, d.Superuser())
	rows, err := conn.Query(t.Context(), `select b + x, smshook.bucket(b + x) from (
		select (n * 10 ^ e * 1000)::bigint as b from unnest('{100,125,160,200,250,315,400,500,630,800}'::int[]) n, generate_series(0, 6) e
		union all values (-1000000::bigint), (0), (99)) b, generate_series(-1, 1) x`)
	require.NoError(t, err)
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var took int64
		var bucket int8
		require.NoError(t, rows.Scan(&took, &bucket))
		require.Equal(t, ledger.Bucket(time.Duration(took)*time.Microsecond), bucket, took)
	}
	require.NoError(t, rows.Err())
	require.Equal(t, 219, n)
}

// Whatever happens to messages, and whenever that is, the counts are those of the messages.
func TestCountsFollowMessages(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			d, one, other := replicas(t, func(s *postgres.Settings) { s.Keep = 90 * 24 * time.Hour })
			r := rand.New(rand.NewPCG(seed, 0))
			pick := func(list ...string) string { return list[r.IntN(len(list))] }
			var clock ledger.Time
			conn := connect(t, d.Superuser())
			now := func() ledger.Time {
				require.NoError(t, conn.QueryRow(t.Context(), "select smshook.micros()").Scan((*int64)(&clock)))
				return clock
			}
			check := func() {
				ledgertest.RequireCounts(t, allMessages(t, one), now(), one.Count)
			}
			written := 0
			for range 5 {
				for range r.IntN(60) {
					written++
					age := time.Duration(r.Float64() * float64([]time.Duration{time.Minute, time.Hour, 48 * time.Hour}[r.IntN(3)]))
					c := call(fmt.Sprint(written), fmt.Sprint("user ", written))
					c.ReceivedAt = now().Add(-age)
					c.AskedAt, c.Country, c.Kind = c.ReceivedAt, pick("GB", "FR"), ledger.Kind(r.IntN(6))
					instance := pick("a", "b")
					a := ledger.Attempt{Instance: instance, Channel: pick("sms", "voice"), BegunAt: c.ReceivedAt, EndedAt: c.ReceivedAt, State: ledger.AttemptFailed}
					e := ledger.Ended{ID: c.Message.ID, Result: ledger.Failed}
					if r.IntN(4) > 0 {
						a.State, a.Parts = ledger.AttemptAccepted, []ledger.Part{{ID: fmt.Sprint("SM", written)}}
						e.Result, e.Instance = ledger.Accepted, instance
					}
					e.Attempts = []ledger.Attempt{a}
					_, err := one.Write(t.Context(), ledger.Written{Call: c, Ended: e})
					require.NoError(t, err)
				}
				for range r.IntN(60) {
					n := 1 + r.IntN(written+1)
					_, err := other.Receipt(t.Context(), pick("a", "b"), "", providers.Receipt{ID: fmt.Sprint("SM", n), State: providers.State(1 + r.IntN(int(providers.StateRead)))})
					require.NoError(t, err)
				}
				d.Exec(t, fmt.Sprintf(`delete from smshook.message where hashtext(id || '%d') %% 20 = 0;
					update smshook.message set use = 'used', used_at = asked_at + abs(hashtext(id)) %% 100000000, version = version + 1 where hashtext(id || '%[1]d') %% 20 = 1;
					update smshook.message set use = 'unused', used_at = 0, version = version + 1 where hashtext(id || '%[1]d') %% 20 = 2;
					update smshook.message set segments = 3, rule = 'limit_phone' where hashtext(id || '%[1]d') %% 20 = 3`, r.IntN(1000)))
				check()
				_, _, err := one.Sweep(t.Context())
				require.NoError(t, err)
				check()
			}
			number := func(query string) (n int64) {
				require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&n))
				return n
			}
			d.Exec(t, "update smshook.test_clock set at = smshook.clock() + interval '1 minute'")
			_, _, err := one.Sweep(t.Context())
			require.NoError(t, err)
			require.InDelta(t, int64(now().Add(-ledger.RollUpAfter)), number("select until from smshook.rolled_up"), 61e6)
			require.Positive(t, number("select count(*) from smshook.rollup"))
			require.Zero(t, number("select count(*) from smshook.rollup where messages <= 0"), "no count is empty")
			require.Zero(t, number("select count(*) from smshook.rollup_change"))
			require.Zero(t, number("select count(*) from smshook.rollup where span = 60000000 and at < smshook.micros() - 4 * 3600000000"))
			check()
			d.Exec(t, "delete from smshook.message where id in (select id from smshook.message order by id limit 20)")
			check()
			d.Exec(t, "truncate smshook.message")
			check()
		})
	}
}

// allMessages returns all messages.
func allMessages(t *testing.T, s ledger.Store) (all []ledger.Message) {
	q := ledger.Query{}
	for {
		page, err := s.Messages(t.Context(), q)
		require.NoError(t, err)
		if len(page) == 0 {
			return all
		}
		all, q.Before = append(all, page...), page[len(page)-1].Place()
	}
}

// Changes are added to the rollup although no message is due.
func TestChangesAreRolledUp(t *testing.T) {
	d, one, _ := replicas(t, func(s *postgres.Settings) { s.Keep = 90 * 24 * time.Hour })
	d.Exec(t, `insert into smshook.message (id, version, flow, mfa, user_key, number_key, sign_in, known, number, country, range, received_at, asked_at, life, owner, proven, kind, segments,
			state, result) select 'old ' || i, 1, i, false, i, i, 1, 1, '', 'GB', '', smshook.micros() - 86400000000 - i, 0, 60000000, 0, false, 'otp', 1, 'accepted', 'accepted' from generate_series(1, 2500) i`)
	sweep := func() {
		for more := true; more; {
			var err error
			more, _, err = one.Sweep(t.Context())
			require.NoError(t, err)
		}
	}
	sweep()
	d.Exec(t, "delete from smshook.message")
	sweep()
	conn := connect(t, d.Superuser())
	var left, counted int
	require.NoError(t, conn.QueryRow(t.Context(), "select (select count(*) from smshook.rollup_change), (select coalesce(sum(messages), 0) from smshook.rollup where span = 604800000000)").Scan(&left, &counted))
	require.Equal(t, left, counted)
	require.Less(t, left, 1000, "only few changes wait for the next messages")
	require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from smshook.rollup where messages <= 0").Scan(&left))
	require.Zero(t, left)
	counts, err := one.Count(t.Context(), ledger.CountQuery{})
	require.NoError(t, err)
	require.Empty(t, counts)
}

// A roll-up reads what it changes, and not all there is: also before Postgres has statistics of its tables.
func TestARollUpReadsLittle(t *testing.T) {
	d := pgtest.New(t, migrated)
	conn := connect(t, d.Superuser())
	d.Exec(t, "update smshook.rolled_up set until = smshook.micros() - 10 * 86400000000, safe_at = smshook.micros(), seen_at = smshook.micros()")
	pages := func() float64 {
		// one message to add, and one change
		d.Exec(t, `insert into smshook.message (id, version, flow, mfa, user_key, number_key, sign_in, known, number, country, range, received_at, asked_at, life, owner, proven, kind, segments,
			state, result) select gen_random_uuid()::text, 1, 0, false, 1, 1, 1, 1, '', 'GB', '', smshook.micros() - days * 86400000000, 0, 60000000, 0, false, 'otp', 1, 'accepted', 'accepted'
			from unnest('{5, 11}'::bigint[]) days`)
		var plans []struct{ Plan map[string]any }
		require.NoError(t, conn.QueryRow(t.Context(), `explain (analyze, buffers, format json) select smshook.roll_up('{"after": 600000000, "batch": 31,
			"spans": [{"length": 60000000, "kept_for": 86400000000}, {"length": 7200000000, "kept_for": 0}]}')`).Scan(&plans))
		var left int
		require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from smshook.rollup_change").Scan(&left))
		require.Zero(t, left)
		d.Exec(t, "update smshook.rolled_up set until = smshook.micros() - 10 * 86400000000")
		return plans[0].Plan["Shared Hit Blocks"].(float64) + plans[0].Plan["Shared Read Blocks"].(float64)
	}
	var few float64
	for range 10 { // by then, Postgres has planned the statements for tables that are nearly empty
		few = pages()
	}
	d.Exec(t, `insert into smshook.rollup (span, measure, at, country, instance, channel, kind, rule, state, use, bucket, messages, segments)
		select span, 0, smshook.micros() - i * span / 1000, 'GB', '', '', 'otp', '', 'accepted', '', 0, 1, 1 from generate_series(1, 50000) i, unnest('{60000000, 7200000000}'::bigint[]) span`)
	require.Less(t, min(pages(), pages(), pages()), 2*few) // Postgres may plan a statement anew, for which it reads its catalog
}

// A change is counted, whatever the transaction is in which it is made, and whatever the clock does.
func TestChangesInOtherTransactions(t *testing.T) {
	const minute = "update smshook.test_clock set at = smshook.clock() + interval '%s minutes'"
	prepare := func(t *testing.T) (d *pgtest.Database, one *postgres.Store, insert func(conn *pgx.Conn, from, to int), sweep func()) {
		d, one, _ = replicas(t, func(s *postgres.Settings) { s.Keep = 90 * 24 * time.Hour })
		insert = func(conn *pgx.Conn, from, to int) {
			_, err := conn.Exec(t.Context(), fmt.Sprintf(`insert into smshook.message (id, version, flow, mfa, user_key, number_key, sign_in, known, number, country, range, received_at, asked_at,
				life, owner, proven, kind, segments, state, result) select 'm' || i, 1, i, false, i, i, 1, 1, '', 'GB', '', smshook.micros(), 0, 60000000, 0, false, 'otp', 1, 'accepted', 'accepted'
				from generate_series(%d, %d) i`, from, to))
			require.NoError(t, err)
		}
		sweep = func() {
			for range 3 {
				_, _, err := one.Sweep(t.Context())
				require.NoError(t, err)
			}
		}
		return d, one, insert, sweep
	}
	counted := func(t *testing.T, s *postgres.Store) (n int) {
		counts, err := s.Count(t.Context(), ledger.CountQuery{})
		require.NoError(t, err)
		for _, c := range counts {
			n += c.Messages
		}
		return n
	}

	t.Run("a long one", func(t *testing.T) {
		d, one, insert, sweep := prepare(t)
		conn, long := connect(t, d.Superuser()), connect(t, d.Superuser())
		insert(conn, 1, 100)
		tx, err := long.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), "delete from smshook.message where id in (select id from smshook.message limit 30)")
		require.NoError(t, err)
		insert(long, 101, 110)
		d.Exec(t, fmt.Sprintf(minute, "12"))
		sweep()
		require.NoError(t, tx.Commit(t.Context()))
		require.Equal(t, 80, counted(t, one))
		d.Exec(t, fmt.Sprintf(minute, "12"))
		sweep()
		require.Equal(t, 80, counted(t, one))
		var until int64
		require.NoError(t, conn.QueryRow(t.Context(), "select smshook.micros() - until from smshook.rolled_up").Scan(&until))
		require.Less(t, until, int64(12*60*1e6), "messages are rolled up once it has ended")
	})
	t.Run("one that sees the database as it was", func(t *testing.T) {
		d, one, insert, sweep := prepare(t)
		conn, other := connect(t, d.Superuser()), connect(t, d.Superuser())
		insert(conn, 1, 100)
		d.Exec(t, fmt.Sprintf(minute, "12"))
		remove := func(between func()) error {
			tx, err := other.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
			require.NoError(t, err)
			defer func() { _ = tx.Rollback(t.Context()) }()
			_, err = tx.Exec(t.Context(), "select from smshook.message")
			require.NoError(t, err)
			between()
			if _, err = tx.Exec(t.Context(), "delete from smshook.message where id in (select id from smshook.message limit 10)"); err != nil {
				return err
			}
			return tx.Commit(t.Context())
		}
		require.ErrorContains(t, remove(sweep), "40001", "it is to be tried again")
		require.NoError(t, remove(func() {}))
		require.Equal(t, 90, counted(t, one))
	})
	t.Run("a clock that was ahead", func(t *testing.T) {
		d, one, insert, sweep := prepare(t)
		conn := connect(t, d.Superuser())
		insert(conn, 1, 100)
		d.Exec(t, fmt.Sprintf(minute, "60"))
		sweep()
		d.Exec(t, fmt.Sprintf(minute, "-60"))
		insert(conn, 101, 200)
		sweep()
		require.Equal(t, 200, counted(t, one))
		d.Exec(t, "delete from smshook.message where id in (select id from smshook.message order by id desc limit 10)")
		d.Exec(t, fmt.Sprintf(minute, "240"))
		sweep()
		require.Equal(t, 190, counted(t, one))
	})
}

// What keeps messages from being rolled up is told, and keeps nothing else.
func TestARollUpThatFails(t *testing.T) {
	var told []string
	d, one, _ := replicas(t, func(s *postgres.Settings) { s.RollingUp = func(problem string) { told = append(told, problem) } })
	d.Exec(t, "alter table smshook.rolled_up rename to gone")
	for range 2 {
		_, _, err := one.Sweep(t.Context())
		require.NoError(t, err)
	}
	d.Exec(t, "alter table smshook.gone rename to rolled_up")
	_, _, err := one.Sweep(t.Context())
	require.NoError(t, err)
	require.Len(t, told, 2)
	require.Contains(t, told[0], "rolled_up")
	require.Empty(t, told[1])
}

// The schema's own role can't read tables through what it asks.
func TestCountGroupsTakesNumbersAlone(t *testing.T) {
	d := pgtest.New(t, migrated)
	conn := connect(t, d.URL("smshook", password))
	_, err := conn.Exec(t.Context(), `create domain pg_temp."x\" as bigint`)
	require.NoError(t, err)
	for _, q := range []string{
		`{"since":0,"until":"x\\\" '5' --","step":0,"times":false,"by":[],"periods":[]}`,
		`{"since":0,"until":5,"step":0,"times":false,"by":[],"periods":[{"span":0,"since":0,"until":"x\\\" '5' --"}]}`,
		`{"since":0,"until":5,"step":0,"times":false,"by":[],"periods":[{"span":"x\\\" '5' --","since":0,"until":5}]}`,
	} {
		_, err := conn.Exec(t.Context(), "select smshook.count_groups($1::text::jsonb)", q)
		require.ErrorContains(t, err, "22P02", "%s", q) // invalid input syntax for type bigint
	}
}
