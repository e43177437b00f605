package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/ledgertest"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

// call is a call of a user for a message, received now.
func call(id, user string, charges ...policy.Charge) ledger.Call {
	return ledger.Call{
		Message: providers.Message{
			ID:   id,
			To:   providers.NewSecret("+447700900123"),
			Text: providers.NewSecret("Your code is 028687"),
			Code: providers.NewSecret("028687"),
		},
		Flow:       ledger.Flow{User: user, Number: "447700900123"},
		Number:     "+4477*****123",
		Country:    "GB",
		LastSignIn: "2026-01-02T03:04:05Z",
		ReceivedAt: ledger.At(time.Now()),
		Deadline:   time.Now().Add(time.Minute),
		Life:       time.Minute,
		Charges:    charges,
	}
}

func begin(t *testing.T, s ledger.Store, c ledger.Call, waitedFor string) (ledger.Begun, string) {
	begun, behind, err := s.Begin(t.Context(), c, waitedFor)
	require.NoError(t, err)
	begun.FirstAt = 0
	return begun, behind.ID
}

func attempt(instance string, state ledger.AttemptState, names ...string) ledger.Attempt {
	a := ledger.Attempt{Instance: instance, BegunAt: ledger.At(time.Now()), State: state}
	for _, name := range names {
		a.Parts = append(a.Parts, ledger.Part{ID: name})
	}
	return a
}

func accepted(id string) ledger.Ended {
	return ledger.Ended{ID: id, Result: ledger.Accepted, Instance: "a", Attempts: []ledger.Attempt{attempt("a", ledger.AttemptAccepted, "SM"+id)}}
}

var (
	sendIt   = ledger.Begun{Go: true, Over: -1}
	repeated = ledger.Begun{Repeat: true, Result: ledger.Accepted, Over: -1}
)

// replicas returns two stores on one database.
func replicas(t *testing.T, change ...func(*postgres.Settings)) (d *pgtest.Database, one, other *postgres.Store) {
	d = pgtest.New(t, migrated)
	s := settings(time.Now)
	for _, f := range change {
		f(&s)
	}
	return d, open(t, d, s), open(t, d, s)
}

func TestRepeatAtAnotherReplica(t *testing.T) {
	_, one, other := replicas(t)
	c := call("1", "user")
	begun, _ := begin(t, one, c, "")
	require.Equal(t, sendIt, begun)
	_, behind := begin(t, other, c, "")
	require.Equal(t, "1", behind)
	result, news, err := one.End(t.Context(), accepted("1"))
	require.NoError(t, err)
	require.Equal(t, ledger.Accepted, result)
	require.Zero(t, news)
	begun, behind = begin(t, other, c, "1")
	require.Equal(t, repeated, begun)
	require.Empty(t, behind)
}

// The key of the hashes and everything else is in the database: a receipt finds its message at any replica, and one of them is told to send it again.
func TestReceiptAtAnotherReplica(t *testing.T) {
	_, one, other := replicas(t)
	begun, _ := begin(t, one, call("1", "user"), "")
	require.Equal(t, sendIt, begun)
	_, _, err := one.End(t.Context(), accepted("1"))
	require.NoError(t, err)
	var resends atomic.Int64
	var all sync.WaitGroup
	for i := range 20 {
		store := []*postgres.Store{one, other}[i%2]
		all.Go(func() {
			news, err := store.Receipt(t.Context(), "a", "", providers.Receipt{ID: "SM1", State: providers.StateFailed, Kind: providers.Temporary})
			if err != nil {
				t.Error(err)
			}
			if news.Resend != nil {
				resends.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, resends.Load())
}

// locked stops the clock of the database once all replicas hold their locks: no lease ends from then on.
func locked(t *testing.T, d *pgtest.Database) {
	require.Eventually(t, func() bool {
		return d.Run("do $$ begin if (select count(*) filter (where locked) < 2 from smshook.replica) then raise 'not yet'; end if; end $$") == nil
	}, 10*time.Second, 10*time.Millisecond)
	d.Exec(t, "update smshook.test_clock set at = clock_timestamp()")
}

// beginSoon begins as soon as the database has noticed that the connections of a replica are closed.
func beginSoon(t *testing.T, s ledger.Store, c ledger.Call, waitedFor string) (begun ledger.Begun) {
	require.Eventually(t, func() bool {
		var behind string
		begun, behind = begin(t, s, c, waitedFor)
		return behind == ""
	}, 10*time.Second, 10*time.Millisecond)
	return begun
}

// A replica whose session is gone doesn't send: its message is taken over at once. The instance that may have it comes last.
func TestTakeOverFromADeadReplica(t *testing.T) {
	d, one, other := replicas(t)
	locked(t, d)
	c := call("1", "user")
	begun, _ := begin(t, one, c, "")
	require.Equal(t, sendIt, begun)
	pending := attempt("a", ledger.Pending)
	require.NoError(t, one.Attempt(t.Context(), "1", pending))
	_, behind := begin(t, other, c, "")
	require.Equal(t, "1", behind, "the other replica is alive")

	one.Close()
	begun = beginSoon(t, other, c, "1")
	pending.State, pending.Kind = ledger.AttemptFailed, providers.Temporary
	require.Equal(t, ledger.Begun{Go: true, Over: -1, Tried: []ledger.Attempt{pending}}, begun)
	require.NoError(t, other.Attempt(t.Context(), "1", attempt("b", ledger.Pending)))
	m, found, err := other.Message(t.Context(), "1")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, providers.Unknown, m.Attempts[0].Kind, "nobody knows what became of it")
	require.Equal(t, []ledger.AttemptState{ledger.AttemptFailed, ledger.Pending}, []ledger.AttemptState{m.Attempts[0].State, m.Attempts[1].State})
}

func TestAnotherCallOfTheFlowOfADeadReplica(t *testing.T) {
	d, one, other := replicas(t)
	locked(t, d)
	begun, _ := begin(t, one, call("1", "user"), "")
	require.Equal(t, sendIt, begun)
	_, behind := begin(t, other, call("2", "user"), "")
	require.Equal(t, "1", behind)
	one.Close()
	require.Equal(t, sendIt, beginSoon(t, other, call("2", "user"), "1"))
}

// Where sessions are not the program's own, the lease alone says who is alive.
func TestTakeOverWhenTheLeaseHasEnded(t *testing.T) {
	d, one, other := replicas(t, func(s *postgres.Settings) { s.NoCache = true })
	clock := &ledgertest.Clock{}
	clock.Move(time.Since(clock.Now()))
	timed := withClock(t, d, other, clock)
	timed.leasesEnd = true
	timed.set()
	c := call("1", "user")
	begun, _ := begin(t, one, c, "")
	require.Equal(t, sendIt, begun)
	one.Close()
	d.Exec(t, "update smshook.replica set locked = false, lease_until = smshook.micros() + 2000000") // as behind a pooler
	clock.Move(1900 * time.Millisecond)
	_, behind := begin(t, timed, c, "")
	require.Equal(t, "1", behind)
	clock.Move(200 * time.Millisecond)
	begun, behind = begin(t, timed, c, "1")
	require.Empty(t, behind)
	require.Equal(t, sendIt, begun)
}

// A replica stays alive as long as it runs, however long a message takes.
func TestALiveReplicaRenewsItsLease(t *testing.T) {
	d, one, other := replicas(t)
	clock := &ledgertest.Clock{}
	clock.Move(time.Since(clock.Now()))
	withClock(t, d, other, clock).set()
	c := call("1", "user")
	begun, _ := begin(t, one, c, "")
	require.Equal(t, sendIt, begun)
	conn, err := pgx.Connect(t.Context(), d.Superuser())
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(t.Context(), "update smshook.test_clock set at = at + interval '1 hour'")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		var renewed bool
		err := conn.QueryRow(t.Context(), "select count(*) filter (where lease_until > smshook.micros()) = 2 from smshook.replica").Scan(&renewed)
		return err == nil && renewed
	}, 10*time.Second, 20*time.Millisecond)
	_, behind := begin(t, other, c, "")
	require.Equal(t, "1", behind)
}

func TestALimitHoldsForAllReplicas(t *testing.T) {
	_, one, other := replicas(t)
	limit := policy.Charge{Rule: policy.InTotal, Limit: policy.Limit{Most: 10, Per: time.Hour}}
	var sent atomic.Int64
	var all sync.WaitGroup
	for i := range 50 {
		store := []*postgres.Store{one, other}[i%2]
		all.Go(func() {
			begun, _, err := store.Begin(t.Context(), call(fmt.Sprint(i), fmt.Sprint(i), limit), "")
			if err != nil {
				t.Error(err)
			}
			if begun.Go {
				sent.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 10, sent.Load())
}

// Calls of few users, numbers and messages, repeats, receipts and sweeps at two replicas at once: none waits for another in a circle, and no
// message is sent twice.
func TestMixedLoadHasNoDeadlock(t *testing.T) {
	const calls, workers = 5000, 20
	d, one, other := replicas(t)
	var next, sent atomic.Int64
	var all sync.WaitGroup
	for w := range workers {
		store := []*postgres.Store{one, other}[w%2]
		random := rand.New(rand.NewPCG(1, uint64(w)))
		all.Go(func() {
			for next.Add(1) <= calls {
				n := random.IntN(calls / 2)
				id := fmt.Sprint(n)
				var charges []policy.Charge
				for rule := policy.PerPhone; rule <= policy.InAll; rule++ {
					charges = append(charges, policy.Charge{Rule: rule, Limit: policy.Limit{Most: 1000 + int(rule), Per: time.Minute}, Key: random.Uint64N(3)})
				}
				c := call(id, fmt.Sprint("user ", n/4), charges...)
				c.Stored = id          // else it is a second tap
				c.Flow.MFA = n%10 == 0 // a call and its repeats have one flow
				begun, _, err := store.Begin(t.Context(), c, "")
				if errors.Is(err, ledger.ErrReplayed) { // it waited behind another call at first, for too long
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if begun.Go {
					sent.Add(1)
					err = store.Attempt(t.Context(), id, attempt("a", ledger.Pending))
					if err == nil {
						_, _, err = store.End(t.Context(), accepted(id))
					}
				}
				if err == nil && random.IntN(3) == 0 {
					_, err = store.Receipt(t.Context(), "a", id, providers.Receipt{ID: "SM" + id, State: providers.StateDelivered})
				}
				if err == nil && random.IntN(100) == 0 {
					_, _, err = store.Sweep(t.Context())
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	require.Positive(t, sent.Load())
	conn, err := pgx.Connect(t.Context(), d.Superuser())
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	var deadlocks, messages, accepted int64
	require.NoError(t, conn.QueryRow(t.Context(), "select deadlocks from pg_stat_database where datname = current_database()").Scan(&deadlocks))
	require.NoError(t, conn.QueryRow(t.Context(), "select count(*), count(*) filter (where charged) from smshook.message").Scan(&messages, &accepted))
	require.Zero(t, deadlocks)
	require.Equal(t, accepted, sent.Load(), "each is sent once")
	t.Logf("%d messages of %d sent, %d deadlocks", accepted, messages, deadlocks)
}

// What was decided without the database is counted, and answers repeats and receipts. Of a message that the database knows, the end is noted.
func TestWrite(t *testing.T) {
	_, one, other := replicas(t)
	limit := policy.Charge{Rule: policy.PerPhone, Limit: policy.Limit{Most: 1, Per: time.Hour}, Key: 7}
	written := ledger.Written{Call: call("1", "user", limit), Ended: accepted("1")}
	known := call("2", "another")
	begun, _ := begin(t, one, known, "")
	require.Equal(t, sendIt, begun)
	for range 2 {
		for _, w := range []ledger.Written{written, {Call: known, Ended: accepted("2")}} {
			news, err := one.Write(t.Context(), w)
			require.NoError(t, err)
			require.Zero(t, news)
		}
	}
	for _, c := range []ledger.Call{written.Call, known} {
		begun, _ = begin(t, other, c, "")
		require.Equal(t, repeated, begun)
	}
	begun, _ = begin(t, other, call("3", "a third", limit), "")
	require.Equal(t, ledger.TooMany, begun.Result)
	require.InDelta(t, time.Hour, begun.After, float64(time.Minute), "it is counted once")
	news, err := other.Receipt(t.Context(), "a", "", providers.Receipt{ID: "SM1", State: providers.StateFailed, Kind: providers.Temporary})
	require.NoError(t, err)
	require.Len(t, news.Reports, 1)
	require.Equal(t, "Your code is 028687", news.Resend.Message.Text.Reveal())
}

// A receipt that came before a message was written has it sent again, and so has one that is written with it.
func TestWriteLearnsOfAFailure(t *testing.T) {
	_, one, other := replicas(t)
	news, err := other.Receipt(t.Context(), "a", "", providers.Receipt{ID: "SM1", State: providers.StateFailed, Kind: providers.Temporary})
	require.NoError(t, err)
	require.Zero(t, news)
	news, err = one.Write(t.Context(), ledger.Written{Call: call("1", "user"), Ended: accepted("1")})
	require.NoError(t, err)
	require.Len(t, news.Reports, 1)
	require.NotNil(t, news.Resend)
	reported := accepted("2")
	reported.Attempts[0].Parts[0].State = providers.StateFailed
	news, err = one.Write(t.Context(), ledger.Written{Call: call("2", "another"), Ended: reported})
	require.NoError(t, err)
	require.NotNil(t, news.Resend)
	m, _, err := other.Message(t.Context(), "2")
	require.NoError(t, err)
	require.True(t, m.Resending)
}

// A replica whose clock is wrong by 10 s reads the same records: times are those of the database.
func TestClocksThatDiffer(t *testing.T) {
	for _, skew := range []time.Duration{-10 * time.Second, 10 * time.Second} {
		d := pgtest.New(t, migrated)
		right := open(t, d, settings(time.Now))
		wrong := open(t, d, settings(func() time.Time { return time.Now().Add(skew) }))
		c := call("1", "user")
		begun, _, err := right.Begin(t.Context(), c, "")
		require.NoError(t, err)
		require.InDelta(t, int64(c.ReceivedAt), int64(begun.FirstAt), 1e6)
		_, _, err = right.End(t.Context(), ledger.Ended{ID: "1", Result: ledger.Failed})
		require.NoError(t, err)
		c.ReceivedAt = ledger.At(time.Now().Add(skew))
		begun, _, err = wrong.Begin(t.Context(), c, "")
		require.NoError(t, err, "it was not received 10 s later")
		require.True(t, begun.Go)
		require.InDelta(t, int64(c.ReceivedAt), int64(begun.FirstAt), 4e6, "by the clock of the replica that asks")
	}
}

// Who gives up doesn't wait for the database, and doesn't close the connection.
func TestACallerThatGivesUpIsAnsweredAtOnce(t *testing.T) {
	d, store, _ := replicas(t, func(s *postgres.Settings) { s.Connections = 1 })
	begin(t, store, call("0", "somebody"), "")
	conn, err := pgx.Connect(t.Context(), d.Superuser())
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	backends := func() (pids []int32) {
		rows, err := conn.Query(t.Context(), "select pid from pg_stat_activity where usename = 'smshook' order by pid")
		require.NoError(t, err)
		pids, err = pgx.CollectRows(rows, pgx.RowTo[int32])
		require.NoError(t, err)
		return pids
	}
	before := backends()
	locked, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = locked.Exec(t.Context(), "lock table smshook.flow in exclusive mode")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, _, err = store.Begin(ctx, call("1", "user"), "")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), time.Second)
	require.NoError(t, locked.Rollback(t.Context()))
	require.Eventually(t, func() bool {
		m, found, err := store.Message(t.Context(), "1")
		return err == nil && found && m.Sending
	}, 5*time.Second, 10*time.Millisecond, "the question goes on")
	require.Subset(t, backends(), before)
}
