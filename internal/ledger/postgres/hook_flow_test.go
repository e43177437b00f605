package postgres_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/policy"
)

// A number that a list refuses over HTTP is refused in SQL, if its first digits tell. None is refused that HTTP would allow.
func TestListsInSQL(t *testing.T) {
	h := newHooked(t, policy.Limits{})
	n := 0
	for name, tt := range map[string]struct {
		lists  policy.Lists
		worker []string // numbers that only tables of numbers can tell
	}{
		"none":              {},
		"countries":         {lists: policy.Lists{Countries: policy.Countries{"GB": true, "DE": true}}, worker: []string{"441534700900"}},
		"a country of many": {lists: policy.Lists{Countries: policy.Countries{"US": true}}, worker: []string{"14165550100"}},
		"blocked countries": {lists: policy.Lists{BlockedCountries: policy.Countries{"DE": true, "JE": true}}, worker: []string{"441534700900"}},
		"blocked prefixes":  {lists: policy.Lists{BlockedPrefixes: policy.Prefixes{"+4474", "+800"}}},
		"blocked types":     {lists: policy.Lists{BlockedTypes: policy.Types{"premium_rate": true}}, worker: []string{"449098790000"}},
	} {
		h.publish(t, policy.Limits{}, func(p *postgres.Published) { p.Allowed, p.Blocked = tt.lists.Digits() })
		for _, number := range []string{"447400123456", "441534700900", "449098790000", "4915112345678", "14165550100", "12025550100", "33612345678", "8001234567890", "37412345678"} {
			parsed, err := phone.Parse(number)
			require.NoError(t, err)
			_, verdict := policy.New(policy.Settings{Lists: tt.lists}).Ask(policy.Subject{Number: parsed})
			want := put
			if !verdict.Allow && !slices.Contains(tt.worker, number) {
				want = refused(422, "number")
			}
			require.False(t, verdict.Allow && slices.Contains(tt.worker, number), "%s: %s", name, number)
			n++
			require.Equal(t, want, sendSMS(t, h.auth, newEvent(n, set("sms.phone", number)).text()), "%s: %s", name, number)
		}
	}
}

// While the policy only observes, a limit that is used up refuses nothing.
func TestObserveInSQL(t *testing.T) {
	limits := policy.Limits{Phone: policy.Limit{Most: 1, Per: time.Hour}}
	same := set("sms.phone", "447700900123")
	h := newHooked(t, limits, func(p *postgres.Published) { p.Observe = true })
	require.Equal(t, put, sendSMS(t, h.auth, newEvent(1, same).text()))
	require.Equal(t, put, sendSMS(t, h.auth, newEvent(2, same).text()))
	h.publish(t, limits)
	require.Equal(t, refused(429, "too many"), sendSMS(t, h.auth, newEvent(3, same).text()))
}

// Who is over a limit, and has a code that they have not used, reads that a code was sent.
func TestALimitWithAnUnusedCode(t *testing.T) {
	h := newHooked(t, policy.Limits{User: policy.Limit{Most: 1, Per: time.Hour}})
	e := newEvent(1)
	require.Equal(t, put, sendSMS(t, h.auth, e.text()))
	again := func(uuid string, change ...func(event)) string {
		next := newEvent(1, append(change, set("metadata.uuid", "4fe7b0a2-16c5-4a0e-8e04-"+uuid), set("user.confirmation_sent_at", time.Now().Format(time.RFC3339Nano)))...)
		return sendSMS(t, h.auth, next.text())
	}
	require.Equal(t, refused(429, "just sent"), again("000000000002"))
	require.Equal(t, refused(429, "too many"), again("000000000003", set("user.last_sign_in_at", "2026-01-02T03:04:05Z")))
	require.Equal(t, refused(429, "too many"), again("000000000004", set("sms.sms_type", "mfa")), "another challenge")
}

// stored calls the hook as Auth does: in the transaction that stores the code, which is rolled back if the answer is an error.
func stored(ctx context.Context, conn *pgx.Conn, e string) (answer string, err error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if err := tx.QueryRow(ctx, "select smshook.send_sms($1::text::jsonb)::text", e).Scan(&answer); err != nil || answer != put {
		return answer, err
	}
	time.Sleep(5 * time.Millisecond) // Auth has more to store
	return answer, tx.Commit(ctx)
}

// Of requests at once, which know the same codes, one gets a code.
func TestRequestsAtOnce(t *testing.T) {
	h := newHooked(t, policy.Limits{Phone: policy.Limit{Most: 5, Per: time.Hour}, All: policy.Limit{Most: 1000, Per: time.Second}})
	const requests = 20
	for round, before := range []string{"", time.Now().Add(-time.Minute).Format(time.RFC3339Nano)} {
		answers := make(chan string, requests)
		var all sync.WaitGroup
		for i := range requests {
			conn := connectTB(t, h.URL("supabase_auth_admin", ""))
			e := newEvent(100*round+i, set("user.id", fmt.Sprint("one user ", round)), set("user.confirmation_sent_at", before), set("sms.phone", "447700900123"))
			all.Go(func() {
				answer, err := stored(context.Background(), conn, e.text())
				if err != nil {
					t.Error(err)
				}
				answers <- answer
			})
		}
		all.Wait()
		close(answers)
		count := map[string]int{}
		for answer := range answers {
			count[answer]++
		}
		require.Equal(t, map[string]int{put: 1, refused(429, "just sent"): requests - 1}, count)
		require.Len(t, h.claim(t), 1)
	}
}

// A code that was asked for after the last one was stored replaces it, however soon. One that was asked for before doesn't.
func TestTheNextCode(t *testing.T) {
	h := newHooked(t, policy.Limits{})
	ask := func(n int, change ...func(event)) string {
		return sendSMS(t, h.auth, newEvent(n, append([]func(event){set("user.id", "one user"), set("sms.phone", "447700900123")}, change...)...).text())
	}
	const old = "2026-01-02T03:04:05.678Z"
	require.Equal(t, put, ask(1, set("user.confirmation_sent_at", old)))
	require.Equal(t, refused(429, "just sent"), ask(2, set("user.confirmation_sent_at", old)))
	require.Equal(t, refused(429, "just sent"), ask(3, set("user.confirmation_sent_at", "2026-01-01T03:04:05.678Z")), "it knows an even older one")
	require.Equal(t, put, ask(4, set("user.confirmation_sent_at", time.Now().Format(time.RFC3339Nano))))
	require.Equal(t, put, ask(5, set("user.id", "another user")))
	require.Equal(t, put, ask(6, set("sms.sms_type", "mfa")))
	require.Equal(t, put, ask(7, set("sms.sms_type", "mfa")), "each challenge has a code")
	h.Exec(t, "update smshook.test_clock set at = clock_timestamp() + interval '10 seconds'")
	require.Equal(t, put, ask(8, set("user.confirmation_sent_at", old)), "a change of the password has emptied what Auth knows")
	overtaken := map[string]bool{}
	for _, c := range h.claim(t) {
		overtaken[c.ID[len(c.ID)-1:]] = c.Overtaken
	}
	require.Equal(t, map[string]bool{"1": true, "4": true, "5": false, "6": false, "7": false, "8": false}, overtaken)
}

// Only if another request of the flow stores its code for too long, the answer is that a code was just sent. The time is bounded by the hook itself:
// Auth has no time limit for a second factor.
func TestLocksAreNotWaitedForLong(t *testing.T) {
	h := newHooked(t, policy.Limits{IP: policy.Limit{Most: 100, Per: time.Hour}})
	tx, err := connectTB(t, h.URL("supabase_auth_admin", "")).Begin(t.Context())
	require.NoError(t, err)
	require.Equal(t, put, sendSMS(t, tx.Conn(), newEvent(1).text()))
	begun := time.Now()
	require.Equal(t, refused(429, "just sent"), sendSMS(t, h.auth, newEvent(1, set("metadata.uuid", nil)).text()))
	require.Equal(t, refused(422, "failed"), sendSMS(t, h.auth, newEvent(2).text()), "another user, from the same address")
	require.Equal(t, refused(422, "failed"), sendSMS(t, h.auth, newEvent(3, set("sms.sms_type", "mfa")).text()))
	require.Less(t, time.Since(begun), 20*time.Second)
	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, put, sendSMS(t, h.auth, newEvent(2).text()))
	require.Len(t, h.claim(t), 1)
}

// What Auth doesn't commit was never there.
func TestRolledBackCalls(t *testing.T) {
	calls := 200
	if os.Getenv("CI") == "true" || os.Getenv("SOAK") != "" {
		calls = 10_000
	}
	h := newHooked(t, policy.Limits{Phone: policy.Limit{Most: 5, Per: time.Hour}, IP: policy.Limit{Most: 5, Per: time.Hour}})
	for i := range calls {
		if i%1000 == 0 {
			require.Empty(t, h.claim(t)) // without a worker for 30 s, calls are refused
		}
		tx, err := h.auth.Begin(t.Context())
		require.NoError(t, err)
		require.Equal(t, put, sendSMS(t, h.auth, newEvent(i%7).text()))
		require.NoError(t, tx.Rollback(t.Context()))
	}
	require.Empty(t, h.claim(t))
	var rows int
	require.NoError(t, h.admin.QueryRow(t.Context(), "select (select count(*) from smshook.message) + (select count(*) from smshook.counter) + (select count(*) from smshook.flow)").Scan(&rows))
	require.Zero(t, rows)
}

// Without a worker for 30 seconds, Auth keeps the code before.
func TestWithoutAWorker(t *testing.T) {
	h := newHooked(t, policy.Limits{})
	h.Exec(t, "update smshook.test_clock set at = clock_timestamp() + interval '25 seconds'")
	require.Equal(t, put, sendSMS(t, h.auth, newEvent(1).text()))
	h.Exec(t, "update smshook.test_clock set at = clock_timestamp() + interval '31 seconds'")
	require.Equal(t, refused(422, "failed"), sendSMS(t, h.auth, newEvent(2).text()))
	require.Equal(t, refused(422, "number"), sendSMS(t, h.auth, newEvent(3, set("sms.phone", "12")).text()))
	h.claim(t) // now this replica works, and says so soon
	require.Eventually(t, func() bool { return sendSMS(t, h.auth, newEvent(4).text()) == put }, 20*time.Second, 50*time.Millisecond)
}

// A replica that only answers HTTP is no worker.
func TestAReplicaThatClaimsNothingIsNoWorker(t *testing.T) {
	h := newHooked(t, policy.Limits{})
	h.Exec(t, "delete from smshook.replica where id = 1")
	_, err := h.store.Queue().Claim(t.Context(), []ledger.Topic{ledger.Event, ledger.Scheduled}, 1)
	require.NoError(t, err)
	time.Sleep(time.Second) // it has told twice that it is alive
	require.Equal(t, refused(422, "failed"), sendSMS(t, h.auth, newEvent(1).text()))
}

// Auth may call the hook, and nothing else. Nobody else may call it.
func TestRightsOfTheHook(t *testing.T) {
	h := newHooked(t, policy.Limits{})
	for _, sql := range []string{
		"select smshook.accept('{}', '{}')", "select * from smshook.outbox", "select smshook.claim('{}')", "select smshook.live('x')", "select smshook.hash('x', 'y')", "create table smshook.x ()",
	} {
		denied(t, h.auth, sql)
	}
	for _, role := range []string{"anon", "authenticated", "service_role", "smshook"} {
		_, err := h.admin.Exec(t.Context(), "set role "+role)
		require.NoError(t, err)
		for _, sql := range []string{"select smshook.send_sms('{}')", "select smshook.live('x')", "select * from smshook.outbox", "insert into smshook.outbox default values"} {
			denied(t, h.admin, sql)
		}
		_, err = h.admin.Exec(t.Context(), "reset role")
		require.NoError(t, err)
	}
}

func denied(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql)
	var refusal *pgconn.PgError
	require.ErrorAs(t, err, &refusal, sql)
	require.Equal(t, "42501", refusal.Code, "%s: %s", sql, refusal.Message)
}

// A number or a code stands in the outbox alone, in the item's body, and is gone with the item.
func TestCodesAreInTheOutboxAlone(t *testing.T) {
	h := newHooked(t, policy.Limits{Phone: policy.Limit{Most: 5, Per: time.Hour}, IP: policy.Limit{Most: 5, Per: time.Hour}, Prefix: policy.Limit{Most: 5, Per: time.Hour}})
	const code = "93017264"
	e := newEvent(42, set("sms.otp", code))
	require.Equal(t, put, sendSMS(t, h.auth, e.text()))
	rows, err := h.admin.Query(t.Context(), "select table_name::text from information_schema.tables where table_schema = 'smshook'")
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Contains(t, tables, "outbox")
	h.Exec(t, "create view smshook.readable as select convert_from(body, 'UTF8') from smshook.outbox")
	in := func(table string) []string {
		var all string
		require.NoError(t, h.admin.QueryRow(t.Context(), "select coalesce(string_agg(x::text, e'\\n'), '') from smshook."+table+" x").Scan(&all))
		var found []string
		for _, secret := range []string{code, "7700900042", "203.0.113.7"} {
			if strings.Contains(all, secret) {
				found = append(found, secret)
			}
		}
		return found
	}
	require.Len(t, in("readable"), 3)
	for _, table := range tables {
		require.Empty(t, in(table), table)
	}
	for _, c := range h.claim(t) {
		held, err := h.store.Queue().End(t.Context(), c, ledger.ItemEnd{})
		require.NoError(t, err)
		require.True(t, held)
	}
	require.Empty(t, in("readable"))
}

// From Auth's call to the end: the item is claimed, and the ledger sends it as a message that is new to it, for as often as the worker tries.
func TestFromTheCallToTheEnd(t *testing.T) {
	h := newHooked(t, policy.Limits{})
	h.Exec(t, "delete from smshook.replica where id = 1")
	q := h.store.Queue()
	h.claim(t)
	require.Eventually(t, func() bool { return sendSMS(t, h.auth, newEvent(1).text()) == put }, 20*time.Second, 50*time.Millisecond)
	first := h.claim(t)[0]
	c := call(first.ID, "", policy.Charge{Rule: policy.InTotal, Limit: policy.Limit{Most: 2, Per: time.Hour}})
	c.Flow = ledger.Flow{User: "c9a5f9f0-0000-4000-8000-000000000001", Number: "447700900001"}
	begun, _ := begin(t, h.store, c, "")
	require.Equal(t, sendIt, begun)
	failed := ledger.Ended{ID: first.ID, Result: ledger.Failed, Attempts: []ledger.Attempt{attempt("a", ledger.AttemptFailed)}}
	_, _, err := h.store.End(t.Context(), failed)
	require.NoError(t, err)
	held, err := q.End(t.Context(), first, ledger.ItemEnd{Again: ledger.At(time.Now())})
	require.NoError(t, err)
	require.True(t, held)

	// Another message of the flow is sent at the same time: each goes its own way.
	require.Equal(t, put, sendSMS(t, h.auth, newEvent(2, set("user.id", c.Flow.User), set("sms.phone", c.Flow.Number), set("user.confirmation_sent_at", time.Now().Format(time.RFC3339Nano))).text()))
	items := h.claim(t)
	require.Len(t, items, 2)
	require.Equal(t, []bool{true, false}, []bool{items[0].Overtaken, items[1].Overtaken})
	require.Equal(t, []int{1, 0}, []int{items[0].Tries, items[1].Tries})
	c.ReceivedAt = ledger.At(time.Now().Add(20 * time.Second)) // a worker decides itself how long it tries
	begun, behind := begin(t, h.store, c, "")
	require.Empty(t, behind)
	require.True(t, begun.Go)
	require.Len(t, begun.Tried, 1)
	second := c
	second.Message.ID = items[1].ID
	begun, behind = begin(t, h.store, second, "")
	require.Empty(t, behind)
	require.Equal(t, sendIt, begun)
	for _, id := range []string{items[0].ID, items[1].ID} {
		result, _, err := h.store.End(t.Context(), accepted(id))
		require.NoError(t, err)
		require.Equal(t, ledger.Accepted, result)
	}
	begun, _ = begin(t, h.store, second, "")
	require.Equal(t, repeated, begun, "it was sent")

	// A third one is over the limit of all: the worker refuses it.
	require.Equal(t, put, sendSMS(t, h.auth, newEvent(3).text()))
	third := c
	third.Message.ID, third.Flow.User = h.claim(t)[0].ID, "c9a5f9f0-0000-4000-8000-000000000003"
	begun, _ = begin(t, h.store, third, "")
	require.Equal(t, []any{false, ledger.TooMany, 0}, []any{begun.Go, begun.Result, begun.Over})
}

// Where Auth can be asked, it knows best which codes are valid.
func TestLiveCodes(t *testing.T) {
	h := newHooked(t, policy.Limits{})
	q := h.store.Queue()
	h.Exec(t, "create table auth.one_time_tokens (user_id uuid, token_type text, token_hash text); grant select on auth.one_time_tokens to postgres")
	sent := func(n int) func(event) {
		return set("user.confirmation_sent_at", time.Now().Add(time.Duration(n)*time.Minute).Format(time.RFC3339Nano))
	}
	has := func(otp string) {
		h.Exec(t, "insert into auth.one_time_tokens (token_hash) values (encode(sha224(convert_to('447700900001"+otp+"', 'UTF8')), 'hex'))")
	}
	overtaken := func() map[string]bool {
		got := map[string]bool{}
		for _, c := range h.claim(t) {
			got[c.ID[len(c.ID)-1:]] = c.Overtaken
			held, err := q.End(t.Context(), c, ledger.ItemEnd{Again: ledger.At(time.Now())})
			require.NoError(t, err)
			require.True(t, held)
		}
		return got
	}
	for i, otp := range []string{"111111", "222222", "333333"} {
		e := newEvent(i+1, sent(i), set("sms.otp", otp), set("user.id", "one user"), set("sms.phone", "447700900001"))
		require.Equal(t, put, sendSMS(t, h.auth, e.text()))
	}
	require.Equal(t, map[string]bool{"1": true, "2": true, "3": false}, overtaken(), "Auth has none of them: nothing is known")
	has("222222")
	require.Equal(t, map[string]bool{"1": true, "2": false, "3": false}, overtaken(), "one is valid although a newer one was asked for")
	has("333333")
	require.Equal(t, map[string]bool{"1": true, "2": false, "3": false}, overtaken())
	h.Exec(t, "delete from auth.one_time_tokens")
	require.Equal(t, map[string]bool{"1": true, "2": true, "3": true}, overtaken(), "they are gone")
	h.Exec(t, "revoke select on auth.one_time_tokens from postgres")
	require.Equal(t, map[string]bool{"1": true, "2": true, "3": true}, overtaken())
}

// What is in the way of Auth's calls is found, and nothing of the call that finds it stays.
func TestCheckHook(t *testing.T) {
	h := newHooked(t, policy.Limits{All: policy.Limit{Most: 1, Per: time.Hour}, User: policy.Limit{Most: 1, Per: time.Hour}})
	check := func(want postgres.Hook) {
		t.Helper()
		got, err := postgres.CheckHook(t.Context(), h.URL("smshook", password))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	check(postgres.Hook{Role: true, Granted: true, Worker: true})
	h.Exec(t, "create table auth.one_time_tokens (token_hash text); grant select on auth.one_time_tokens to postgres")
	check(postgres.Hook{Role: true, Granted: true, Worker: true, Live: true})
	var left int
	require.NoError(t, h.admin.QueryRow(t.Context(), "select (select count(*) from smshook.outbox) + (select count(*) from smshook.message) + (select count(*) from smshook.counter)").Scan(&left))
	require.Zero(t, left)
	h.publish(t, policy.Limits{}, func(p *postgres.Published) { p.Blocked = []string{"44"} })
	check(postgres.Hook{Role: true, Granted: true, Worker: true, Live: true, Message: "number"})
	h.publish(t, policy.Limits{})
	h.Exec(t, "revoke usage on schema smshook from supabase_auth_admin")
	check(postgres.Hook{Role: true, Worker: true, Live: true})
	_, err := postgres.Migrate(t.Context(), h.Administrator())
	require.NoError(t, err, "it grants what is missing")
	check(postgres.Hook{Role: true, Granted: true, Worker: true, Live: true})
	h.Exec(t, "update smshook.test_clock set at = clock_timestamp() + interval '1 hour'")
	check(postgres.Hook{Role: true, Granted: true, Live: true, Message: "failed"})
	found, err := postgres.AuthRole(t.Context(), h.Administrator())
	require.NoError(t, err)
	require.True(t, found)
}
