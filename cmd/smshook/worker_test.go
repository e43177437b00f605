package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
	"github.com/smshook/smshook/providers"
)

// sqlHook is a database with the SQL hook, and a provider that notes when it is asked to send a code.
type sqlHook struct {
	testing.TB
	database *pgtest.Database
	env      []string
	delay    time.Duration // of the provider
	next     atomic.Int64

	mu        sync.Mutex
	committed map[string]time.Time   // by code: when Auth's transaction had ended
	sent      map[string][]time.Time // by code
	active    int
	most      int
}

// newSQLHook doesn't start a worker. There is no secret of an HTTP hook.
func newSQLHook(tb testing.TB, delay time.Duration, env ...string) *sqlHook {
	if testing.Short() {
		tb.Skip("a database server is started")
	}
	s := &sqlHook{TB: tb, database: pgtest.New(tb, pgtest.Empty), delay: delay, committed: map[string]time.Time{}, sent: map[string][]time.Time{}}
	migrated := exec.Command(os.Args[0], "migrate", "-url", s.database.Administrator())
	migrated.Env = asProgram(0)
	out, err := migrated.CombinedOutput()
	require.NoError(tb, err, "%s", out)
	s.database.Exec(tb, "alter role smshook password 'right'")
	provider := httptest.NewServer(http.HandlerFunc(s.provider))
	tb.Cleanup(provider.Close)
	s.env = append(serveEnv(provider.URL, "SMSHOOK_SECRETS=", "SMSHOOK_STORE="+s.database.URL("smshook", "right"), "SMSHOOK_STORE_KEY=a long random text of a test",
		"SMSHOOK_LIMIT_PHONE=off", "SMSHOOK_LIMIT_USER=off"), env...)
	s.env = slices.DeleteFunc(s.env, func(e string) bool { return strings.HasPrefix(e, "SMSHOOK_SECRETS=") })
	return s
}

func (s *sqlHook) provider(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	if r.ParseForm() != nil {
		return
	}
	code := sixDigits.FindString(r.Form.Get("Body"))
	s.mu.Lock()
	s.sent[code] = append(s.sent[code], now)
	s.active++
	s.most = max(s.most, s.active)
	delay := s.delay
	s.mu.Unlock()
	time.Sleep(delay)
	s.mu.Lock()
	s.active--
	s.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"sid":"SM%s","status":"queued","num_segments":"1"}`, strings.ReplaceAll(providers.NewUUID(), "-", ""))
}

// auth returns connections to the database as Auth has them.
func (s *sqlHook) auth(n int) []*pgx.Conn {
	var all []*pgx.Conn
	for range n {
		conn, err := pgx.Connect(s.Context(), s.database.URL("supabase_auth_admin", ""))
		require.NoError(s, err)
		s.Cleanup(func() { _ = conn.Close(context.Background()) })
		all = append(all, conn)
	}
	return all
}

func (s *sqlHook) superuser() *pgx.Conn {
	conn, err := pgx.Connect(s.Context(), s.database.Superuser())
	require.NoError(s, err)
	s.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// send asks for a code as Auth does, for a user of its own. It returns the code, or what the hook refuses with.
func (s *sqlHook) send(auth *pgx.Conn) (code, refused string) {
	return s.sendTo(auth, s.next.Add(1), "")
}

// sendTo asks for a code for a user. storedAt is when Auth has stored the last code of the user, if it has.
func (s *sqlHook) sendTo(auth *pgx.Conn, user int64, storedAt string) (code, refused string) {
	code = fmt.Sprint(100000 + s.next.Add(1))
	event := fmt.Sprintf(`{"metadata":{"uuid":"%s","time":"%s"},"user":{"id":"user-%d","confirmation_sent_at":"%s"},"sms":{"otp":"%s","phone":"1555%07d"}}`,
		providers.NewUUID(), now(), user, storedAt, code, user)
	err := auth.QueryRow(s.Context(), "select coalesce(smshook.send_sms($1::text::jsonb) ->> 'error', '')", event).Scan(&refused)
	if err != nil {
		return "", err.Error()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.committed[code] = time.Now()
	return code, refused
}

// now is as Auth writes times.
func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }

// ready waits until a worker is known to live.
func (s *sqlHook) ready(auth *pgx.Conn) {
	require.Eventually(s, func() bool {
		_, refused := s.send(auth)
		return refused == ""
	}, 20*time.Second, 50*time.Millisecond)
	s.mu.Lock()
	clear(s.committed)
	s.mu.Unlock()
}

// all waits until every code was sent that was committed.
func (s *sqlHook) all() {
	require.Eventually(s, func() bool { return len(s.missing()) == 0 }, 60*time.Second, 10*time.Millisecond)
}

func (s *sqlHook) missing() (codes []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for code := range s.committed {
		if len(s.sent[code]) == 0 {
			codes = append(codes, code)
		}
	}
	return codes
}

// waits are how long the codes took from the commit to the provider, from the shortest to the longest. doubles is how many codes were sent more
// than once.
func (s *sqlHook) waits() (waits []time.Duration, doubles int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for code, at := range s.committed {
		waits = append(waits, s.sent[code][0].Sub(at))
		if len(s.sent[code]) > 1 {
			doubles++
		}
	}
	slices.Sort(waits)
	return waits, doubles
}

// serve starts a worker.
func (s *sqlHook) serve(env ...string) *soakProcess {
	return startProcess(s.TB, append(s.env, env...)...)
}

// What Auth asks for by SQL is sent, logged and counted as what it asks for over HTTP. A worker that ends ends what it sends.
func TestSQLHook(t *testing.T) {
	s := newSQLHook(t, 0)
	auth := s.auth(1)[0]
	_, refused := s.send(auth)
	require.Equal(t, `{"message": "The code could not be sent. Please try again.", "http_code": 422}`, refused, "there is no worker")
	clear(s.committed)
	admin := freeAddr(t)
	p := s.serve("SMSHOOK_ADMIN_ADDR=" + admin)
	s.ready(auth)
	for range 10 {
		_, refused := s.send(auth)
		require.Empty(t, refused)
	}
	s.all()
	waits, doubles := s.waits()
	require.Zero(t, doubles)
	t.Log("from the commit to the provider: ", waits)
	shown := scrape(t, admin)
	require.Contains(t, shown, `smshook_outbox_worker{topic="hook"} 1`)
	require.Contains(t, shown, `smshook_outbox_oldest_seconds{topic="hook"} 0`)

	// A user asks twice before a worker looks: both messages are there at once, since one transaction has put them there. Only the code that
	// is valid then is sent.
	user := s.next.Add(1)
	_, err := auth.Exec(t.Context(), "begin")
	require.NoError(t, err)
	older, refused := s.sendTo(auth, user, "")
	require.Empty(t, refused)
	newer, refused := s.sendTo(auth, user, now())
	require.Empty(t, refused)
	_, err = auth.Exec(t.Context(), "commit")
	require.NoError(t, err)
	s.mu.Lock()
	delete(s.committed, older)
	s.mu.Unlock()
	s.all()

	s.mu.Lock()
	s.delay = 500 * time.Millisecond
	s.mu.Unlock()
	_, refused = s.send(auth)
	require.Empty(t, refused)
	s.all()
	p.stop(t)
	var jobs, overtaken int
	for line := range strings.Lines(p.stderr.String()) {
		if strings.Contains(line, `"result":"just_sent"`) {
			require.Regexp(t, `"level":"info","id":"[0-9a-f-]{36}","result":"just_sent","reason":"a newer message for the same number has a code that is valid","waited_ms":`, line)
			overtaken++
		} else if strings.Contains(line, `"message":"hook"`) {
			jobs++
			require.Regexp(t, `"id":"[0-9a-f-]{36}","result":"accepted","phone":"\+1555\*{4}\d{3}","calling_code":1,"attempts":\[.+\],"waited_ms":[\d.]+,"tries":0,"again":false,"took_ms":`, line)
		}
	}
	require.Equal(t, []int{13, 1}, []int{jobs, overtaken})
	require.Empty(t, s.sent[older])
	require.Len(t, s.sent[newer], 1)
	var results []string
	require.NoError(t, s.superuser().QueryRow(t.Context(), "select array_agg(result order by received_at desc) from smshook.message").Scan(&results))
	require.Equal(t, []string{"accepted", "accepted", "just_sent", "accepted"}, results[:4])
}

// A replica that only answers HTTP sends nothing.
func TestWithoutAWorker(t *testing.T) {
	s := newSQLHook(t, 0, "SMSHOOK_SECRETS="+hookSecret, "SMSHOOK_WORKER=off")
	s.env = append(s.env, "SMSHOOK_SECRETS="+hookSecret)
	s.serve()
	time.Sleep(time.Second)
	_, refused := s.send(s.auth(1)[0])
	require.Contains(t, refused, "422")
	require.Empty(t, s.sent)
}

// One of two workers is killed while it sends: the other one takes over within 2 s, and no code is lost.
func TestAWorkerIsKilled(t *testing.T) {
	forCI(t)
	s := newSQLHook(t, 300*time.Millisecond)
	auth := s.auth(1)[0]
	first, second := s.serve(), s.serve()
	s.ready(auth)
	var killed time.Time
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := range 250 {
		<-tick.C
		_, refused := s.send(auth)
		require.Empty(t, refused)
		if i == 100 {
			require.NoError(t, first.command.Process.Kill())
			_ = first.command.Wait() // it was killed
			killed = time.Now()
		}
	}
	s.all()
	second.stop(t)
	waits, doubles := s.waits()
	var takenOver time.Duration // how long after the kill the last message was sent again
	for _, sent := range s.sent {
		if len(sent) > 1 {
			takenOver = max(takenOver, sent[1].Sub(killed))
		}
	}
	t.Logf("a worker was killed during 250 codes at 50/s: none was lost, the longest waited %s; %d were sent twice, within %s of the kill",
		waits[len(waits)-1], doubles, takenOver)
	require.Less(t, max(takenOver, waits[len(waits)-1]), 2*time.Second+busy)
}

// scrape returns what Prometheus reads.
func scrape(t *testing.T, admin string) string {
	response, err := http.Get("http://" + admin + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	shown, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(shown)
}

// busy is how much longer all may take on a machine that is busy.
const busy = time.Second
