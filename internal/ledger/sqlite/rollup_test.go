package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/ledgertest"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

func TestFactsAreWrittenAndRead(t *testing.T) {
	m := ledger.Message{Country: "GB", Rule: "limit_phone", Kind: ledger.MFA, Segments: 2, ReceivedAt: 1, AskedAt: 1, Result: ledger.Accepted, Instance: "b",
		Use: ledger.Used, UsedAt: 30_000_001, Attempts: []ledger.Attempt{{Instance: "a"}, {Instance: "b", Channel: "sms", State: ledger.AttemptAccepted,
			Parts: []ledger.Part{{ID: "SM1", State: providers.StateDelivered, At: 2_000_001}}}}}
	text := factsOf(&m)
	require.Equal(t, "GB\x1fb\x1fsms\x1fmfa\x1flimit_phone\x1fdelivered\x1f1\x1f2\x1f14\x1f25", text)
	read, err := parseFacts(text)
	require.NoError(t, err)
	require.Equal(t, m.Facts(0), read)
	for _, wrong := range []string{"", "GB", text + "\x1f", "\x1f\x1f\x1f\x1f\x1f\x1f1\x1f2\x1f14\x1fx"} {
		_, err := parseFacts(wrong)
		require.Equal(t, errCorrupt, err)
	}
	m.Result, m.Sending = ledger.Failed, true
	require.Empty(t, factsOf(&m))
}

// randomMessage is a message whose ID is n.
func randomMessage(r *rand.Rand, n int, at ledger.Time) ledger.Message {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	m := ledger.Message{ID: fmt.Sprint(n), ReceivedAt: at, AskedAt: at, Life: time.Minute, Country: pick("GB", "GB", "FR", ""), Kind: ledger.Kind(r.IntN(6)),
		Segments: uint8(r.IntN(3)), Rule: pick("", "", "limit_phone"), Result: ledger.Result(r.IntN(5)), Sending: r.IntN(9) == 0, Charged: r.IntN(2) == 0}
	if m.Result == ledger.Accepted {
		m.Instance, m.Use = pick("a", "b"), ledger.Use(r.IntN(5))
		state := providers.State(r.IntN(int(providers.StateRead) + 1))
		m.Attempts = []ledger.Attempt{{Instance: m.Instance, Channel: pick("sms", "voice"), State: ledger.AttemptAccepted,
			Parts: []ledger.Part{{ID: "SM" + m.ID, State: state, At: at.Add(time.Duration(r.IntN(100)) * time.Second)}}}}
		if m.Use == ledger.Used && r.IntN(3) > 0 {
			m.UsedAt = at.Add(time.Duration(r.IntN(100)) * time.Second)
		}
	} else if r.IntN(2) == 0 {
		m.Attempts = []ledger.Attempt{{Instance: pick("a", "b"), Channel: "sms", State: ledger.AttemptFailed}}
	}
	return m
}

// Whatever happens to messages, and whenever that is, the counts are those of the messages. In some rounds, the file is one of version 1.
func TestCountsFollowMessages(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			path := filepath.Join(t.TempDir(), "smshook.db")
			now := ledger.At(time.Date(2026, 3, 19, 10, 7, 30, 0, time.UTC))
			db, conn, err := open(t.Context(), path, false)
			require.NoError(t, err)
			defer db.Close()
			defer conn.Close()
			var h hashing
			require.NoError(t, conn.QueryRowContext(t.Context(), "select key from hashing").Scan((*[]byte)(&h)))
			w, err := newRows(t.Context(), conn, h, ledger.NewSealer(providers.NewSecret("a long random text")))
			require.NoError(t, err)
			reader, err := read(path, func() time.Time { return now.Time() })
			require.NoError(t, err)
			defer reader.Close()
			messages := map[string]ledger.Message{}
			written := 0
			write := func(n int) {
				age := time.Duration(r.Float64() * float64([]time.Duration{time.Minute, time.Hour, 48 * time.Hour, 40 * 24 * time.Hour}[r.IntN(4)]))
				m := randomMessage(r, n, now.Add(-age))
				if before, known := messages[m.ID]; known && r.IntN(9) > 0 {
					m.ReceivedAt = before.ReceivedAt
				}
				require.NoError(t, w.message(t.Context(), m, &marks{}))
				m, err := decode(m.ID, m.ReceivedAt, false, must(encode(m)))
				require.NoError(t, err)
				messages[m.ID] = m
			}
			check := func() {
				var all []ledger.Message
				for _, m := range messages {
					all = append(all, m)
				}
				ledgertest.RequireCounts(t, all, now, reader.Count)
			}
			for range 4 {
				for range r.IntN(150) {
					written++
					write(written)
				}
				for range r.IntN(60) {
					write(1 + r.IntN(written+1))
				}
				for id := range messages {
					if r.IntN(20) == 0 {
						_, err := conn.ExecContext(t.Context(), "delete from messages where id = ?", id)
						require.NoError(t, err)
						delete(messages, id)
					}
				}
				check()
				if r.IntN(3) == 0 {
					continue
				}
				if seed < 2 && r.IntN(2) == 0 { // an older version has written it, as far as nothing is rolled up
					_, err := conn.ExecContext(t.Context(), "update messages set facts = null where received_at >= (select until from rolled_up)")
					require.NoError(t, err)
				}
				for more := true; more; {
					more, err = w.rollUp(t.Context(), now, 100)
					require.NoError(t, err)
				}
				now = now.Add(time.Duration(r.IntN(100)) * []time.Duration{time.Second, time.Minute, time.Hour}[r.IntN(3)])
				check()
			}
			for more := true; more; {
				more, err = w.rollUp(t.Context(), now, 100)
				require.NoError(t, err)
			}
			number := func(query string, values ...any) (n int64) {
				require.NoError(t, conn.QueryRowContext(t.Context(), query, values...).Scan(&n))
				return n
			}
			require.EqualValues(t, ledger.Spans[0].StepAt(now.Add(-ledger.RollUpAfter)), number("select until from rolled_up"))
			require.Positive(t, number("select count(*) from rollup"))
			require.Zero(t, number("select count(*) from rollup where messages <= 0"), "no count is empty")
			require.Less(t, number("select count(*) from rollup_change"), int64(100), "they wait for the next messages")
			for _, s := range ledger.Spans[:2] {
				require.Zero(t, number("select count(*) from rollup where span = ? and at < ?", s.Length.Microseconds(), int64(now.Add(-s.KeptFor()))))
			}
		})
	}
}

func must(text string, err error) string {
	if err != nil {
		panic(err)
	}
	return text
}

// A file of version 1 becomes one of this version, and its messages are rolled up, a batch at a time. Many of them may have come at once.
func TestRollUpInBatches(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smshook.db")
	now := ledger.At(time.Now())
	makeOld(t, path, 201, now.Add(-24*time.Hour), 120)
	reader, err := read(path, func() time.Time { return now.Time() })
	require.NoError(t, err)
	_, err = reader.Count(t.Context(), ledger.CountQuery{})
	require.Equal(t, errOlder, err)
	require.NoError(t, reader.Close())

	db, conn, err := open(t.Context(), path, false)
	require.NoError(t, err)
	defer db.Close()
	defer conn.Close()
	reader, err = read(path, func() time.Time { return now.Time() })
	require.NoError(t, err)
	defer reader.Close()
	w, err := newRows(t.Context(), conn, hashing("a key"), ledger.NewSealer(providers.NewSecret("a long random text")))
	require.NoError(t, err)
	var rolled []int
	for more := true; more; {
		more, err = w.rollUp(t.Context(), now, 50)
		require.NoError(t, err)
		var n int
		require.NoError(t, conn.QueryRowContext(t.Context(), "select count(*) from messages, rolled_up where received_at < until").Scan(&n))
		rolled = append(rolled, n)
		counts, err := reader.Count(t.Context(), ledger.CountQuery{})
		require.NoError(t, err)
		require.Len(t, counts, 1)
		require.Equal(t, 201, counts[0].Messages)
	}
	require.Equal(t, []int{0, 119, 201, 201}, rolled, "those of one microsecond are rolled up at once")

	_, err = conn.ExecContext(t.Context(), "delete from messages")
	require.NoError(t, err)
	calls := 1
	for ; ; calls++ {
		more, err := w.rollUp(t.Context(), now, 50)
		require.NoError(t, err)
		if !more {
			break
		}
	}
	require.Equal(t, 5, calls, "changes are added although no message is due")
	var left, counts int
	require.NoError(t, conn.QueryRowContext(t.Context(), "select (select count(*) from rollup_change), (select count(*) from rollup)").Scan(&left, &counts))
	require.Equal(t, []int{1, 4}, []int{left, counts}, "a change waits for the next messages; its message is in all spans but the shortest")
}

// The ledger rolls up what is old enough, without being asked.
func TestALedgerRollsUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smshook.db")
	l, _ := opened(t, path)
	send(t, l, "1")
	require.NoError(t, l.Close())
	l, err := Open(Options{Path: path, Settings: ledger.Settings{ResendWindow: 10 * time.Minute}, Keep: time.Hour, Sealer: ledger.NewSealer(providers.NewSecret("x")),
		Counter: policy.NewMemory(), Clock: func() time.Time { return time.Now().Add(30 * time.Minute) }, Report: func(error, uint64) {}})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		var n int
		require.NoError(t, l.reader.db.QueryRowContext(t.Context(), "select coalesce(sum(messages), 0) from rollup where span = 60000000 and measure = 0").Scan(&n))
		return n == 1
	}, 20*time.Second, 50*time.Millisecond)
	require.NoError(t, l.Close())
}

// Two processes that have a file of version 1 at once, as they are told not to, make one of this version of it, and count each message once.
func TestTwoProcessesRollUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smshook.db")
	now := ledger.At(time.Now())
	makeOld(t, path, 1000, now.Add(-24*time.Hour), 1)
	failed := make(chan error, 2)
	for range 2 {
		go func() {
			failed <- func() error {
				db, conn, err := open(context.Background(), path, false)
				if err != nil {
					return err
				}
				r := &rows{conn: conn}
				for more := true; more && err == nil; {
					more, err = r.rollUp(context.Background(), now, 10)
				}
				return errors.Join(err, conn.Close(), db.Close())
			}()
		}()
	}
	require.NoError(t, <-failed)
	require.NoError(t, <-failed)
	reader, err := read(path, func() time.Time { return now.Time() })
	require.NoError(t, err)
	defer reader.Close()
	counts, err := reader.Count(t.Context(), ledger.CountQuery{})
	require.NoError(t, err)
	require.Equal(t, []ledger.Count{{Group: ledger.Group{State: ledger.Refused}, Messages: 1000}}, counts)
}

// makeOld makes a file of version 1 with messages that were refused, some of them in each microsecond.
func makeOld(t *testing.T, path string, messages int, since ledger.Time, inEach int) {
	db, conn, err := open(t.Context(), path, false)
	require.NoError(t, err)
	_, err = conn.ExecContext(t.Context(), fmt.Sprintf(`drop trigger messages_inserted; drop trigger messages_updated; drop trigger messages_deleted; drop table rollup; drop table rolled_up;
		drop table rollup_change; alter table messages drop column facts; pragma user_version = 1;
		with recursive i(i) as (select 1 union all select i + 1 from i where i < %d)
		insert into messages (id, received_at, user, number, mfa, last_sign_in, stored, expires_at, country, instance, kind, rule, word, state)
		select i, %d + i / %d, 0, 0, 0, 0, 0, 0, '', '', '', '', 'refused', '{"result":2}' from i`, messages, since, inEach))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.NoError(t, db.Close())
}
