package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
)

// replicas are two processes with the whole program, on one database, and a provider that counts messages.
type replicas struct {
	database  *pgtest.Database
	env       []string
	processes [2]*soakProcess
	auth      hook.Caller
	next      atomic.Int64 // number of the next code
	missed    int          // operations that the replicas have done without the database, up to their stop

	mu   sync.Mutex           // also for processes, while calls are made
	sent map[string][]message // by code
}

// message is what the provider was asked to send.
type message struct{ sid, callback string }

func newReplicas(t *testing.T, env ...string) *replicas {
	return newReplicasAt(t, func(r *replicas) string { return r.database.URL("smshook", "right") }, env...)
}

// newReplicasAt starts replicas that reach the database at an address of it.
func newReplicasAt(t *testing.T, address func(*replicas) string, env ...string) *replicas {
	if testing.Short() {
		t.Skip("a database server is started")
	}
	r := &replicas{database: pgtest.New(t, pgtest.Empty), auth: auth(t, hookSecret), sent: map[string][]message{}}
	r.auth.HTTP.Transport.(*http.Transport).MaxIdleConnsPerHost = 100
	r.auth.HTTP.Transport = inTurn{r.auth.HTTP.Transport}
	migrated := smshook(t, "", nil, "migrate", "-url", r.database.Administrator())
	require.Equal(t, exitOK, migrated.code, migrated.stderr)
	r.database.Exec(t, "alter role smshook password 'right'")
	provider := httptest.NewServer(http.HandlerFunc(r.provider))
	t.Cleanup(provider.Close)
	r.env = append(serveEnv(provider.URL, "SMSHOOK_STORE="+address(r), "SMSHOOK_LIMIT_PHONE=10/1h", "SMSHOOK_PROVIDERS=one=twilio,two=twilio",
		"SMSHOOK_PUBLIC_URL="+soakSite, "SMSHOOK_RECEIPT_SECRET="+hookSecret), env...)
	for _, name := range []string{"ONE", "TWO"} {
		r.env = append(r.env, name+"_ACCOUNT_SID=AC00000000000000000000000000000000", name+"_AUTH_TOKEN="+authToken, name+"_FROM=+15005550006", name+"_BASE_URL="+provider.URL)
	}
	for i := range r.processes {
		r.processes[i] = r.start(t)
	}
	return r
}

// start starts a replica.
func (r *replicas) start(t *testing.T) *soakProcess {
	admin := freeAddr(t)
	p := startProcess(t, append(r.env, "SMSHOOK_ADMIN_ADDR="+admin)...)
	p.admin = admin
	return p
}

var missedTotal = regexp.MustCompile(`(?m)^smshook_store_missed_total ([0-9]+)$`)

// missed returns how many operations a replica has done without the database.
func (p *soakProcess) missed(t *testing.T) int {
	response, err := http.Get("http://" + p.admin + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	metrics, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	found := missedTotal.FindSubmatch(metrics)
	require.NotNil(t, found)
	n, err := strconv.Atoi(string(found[1]))
	require.NoError(t, err)
	return n
}

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

func (r *replicas) provider(w http.ResponseWriter, request *http.Request) {
	if request.ParseForm() != nil {
		return
	}
	sid := "SM" + strings.ReplaceAll(providers.NewUUID(), "-", "")
	code := sixDigits.FindString(request.Form.Get("Body"))
	r.mu.Lock()
	r.sent[code] = append(r.sent[code], message{sid, request.Form.Get("StatusCallback")})
	r.mu.Unlock()
	time.Sleep(normalDelay)
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"sid":"%s","status":"queued","num_segments":"1"}`, sid)
}

// messages returns what was sent with a code.
func (r *replicas) messages(code string) []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sent[code])
}

// signIn is one call of Auth.
type signIn struct {
	code string
	body []byte
	at   time.Time
	seen hook.Seen
}

// signIn returns a call for a user of its own. An empty phone is a number of its own.
func (r *replicas) signIn(phone string) *signIn {
	n := r.next.Add(1)
	if phone == "" {
		phone = fmt.Sprintf("1555%07d", n)
	}
	code := fmt.Sprint(100000 + n)
	return &signIn{code: code, body: fmt.Appendf(nil, `{"metadata":{"uuid":"%s","time":"%s"},"user":{"id":"user-%d"},"sms":{"otp":"%s","phone":"%s"}}`,
		providers.NewUUID(), time.Now().UTC().Format(time.RFC3339Nano), n, code, phone)}
}

// call makes a call as Auth does, with each attempt at another replica.
func (r *replicas) call(t *testing.T, c *signIn, first int) {
	to := &targets{replicas: r}
	to.next.Store(int64(first))
	c.at = time.Now()
	c.seen, _ = r.auth.Call(context.WithValue(t.Context(), targetsKey{}, to), "http://smshook.test"+server.HookPath, c.body)
}

// targets are where the attempts of one call go: to the replicas in turn, as they are then.
type targets struct {
	replicas *replicas
	next     atomic.Int64
}

func (to *targets) host() string {
	to.replicas.mu.Lock()
	defer to.replicas.mu.Unlock()
	return strings.TrimPrefix(to.replicas.processes[(to.next.Add(1)-1)%2].url, "http://")
}

type targetsKey struct{}

type inTurn struct{ http.RoundTripper }

func (i inTurn) RoundTrip(request *http.Request) (*http.Response, error) {
	if to, ok := request.Context().Value(targetsKey{}).(*targets); ok {
		request = request.Clone(request.Context())
		request.URL.Host = to.host()
		request.Host = request.URL.Host
	}
	return i.RoundTripper.RoundTrip(request)
}

func (i inTurn) CloseIdleConnections() { i.RoundTripper.(*http.Transport).CloseIdleConnections() }

// Each call comes to both replicas at once, and again afterwards: one message, and one answer.
func TestRepeatsAtTheOtherReplica(t *testing.T) {
	for _, each := range []int{50, 200} { // calls a second
		t.Run(fmt.Sprint(each), func(t *testing.T) { repeatAtTheOther(t, time.Second/time.Duration(each)) })
	}
}

func repeatAtTheOther(t *testing.T, every time.Duration) {
	lasts, err := time.ParseDuration(os.Getenv(soakTime))
	if err != nil {
		lasts = 2 * time.Second
	}
	calls := int(lasts / every)
	r := newReplicas(t)
	var all sync.WaitGroup
	for n := range calls {
		time.Sleep(every)
		all.Go(func() {
			c := r.signIn("")
			var answers [4]string
			var both sync.WaitGroup
			for i := range r.processes {
				both.Go(func() {
					repeat := *c
					r.call(t, &repeat, i)
					answers[i] = userLine(repeat.seen)
				})
			}
			both.Wait()
			for i := range r.processes {
				repeat := *c
				r.call(t, &repeat, i)
				answers[2+i] = userLine(repeat.seen)
			}
			if want := [4]string{ok, ok, ok, ok}; answers != want {
				t.Errorf("call %d: answers %v", n, answers)
			}
		})
	}
	all.Wait()
	r.stop(t)
	t.Logf("%d calls, each to both replicas at once and then again, so that %d repeats came to the other one: %d codes sent twice", calls, 2*calls, r.doubles())
	r.skipIfMissed(t)
	require.Equal(t, calls, r.total())
}

func TestALimitOfTwoReplicas(t *testing.T) {
	const calls, most = 50, 10
	r := newReplicas(t)
	var all sync.WaitGroup
	answers := make([]*signIn, calls)
	for n := range answers {
		answers[n] = r.signIn("15555550100")
		all.Go(func() { r.call(t, answers[n], n%2) })
	}
	all.Wait()
	r.stop(t)
	t.Logf("%d calls at once for one number, over two replicas with a limit of %d: %d messages", calls, most, r.total())
	r.skipIfMissed(t)
	got := map[string]int{}
	for _, c := range answers {
		got[userLine(c.seen)]++
	}
	require.Equal(t, map[string]int{ok: most, "sees 429 Too many attempts. Please try again later.": calls - most}, got)
	require.Equal(t, most, r.total())
}

// skipIfMissed skips the rest of a test if the machine was so busy that the database took more than 150 ms of a call: then a replica has decided
// alone. The replicas are stopped.
func (r *replicas) skipIfMissed(t *testing.T) {
	if r.missed > 0 {
		t.Skipf("the machine is too busy: %d operations were done without the database", r.missed)
	}
}

// A receipt comes to the replica that has not sent the message, and to both at once.
func TestALateFallbackAtTheOtherReplica(t *testing.T) {
	const calls = 20
	r := newReplicas(t, "SMSHOOK_CODE_LIFE=5m")
	var all sync.WaitGroup
	codes := make([]*signIn, calls)
	var again atomic.Int64
	for n := range codes {
		codes[n] = r.signIn("")
		all.Go(func() {
			r.call(t, codes[n], n%2)
			sent := r.messages(codes[n].code)
			if len(sent) != 1 {
				t.Errorf("%d messages before the receipt", len(sent))
				return
			}
			var receipts sync.WaitGroup
			for i := range 4 {
				receipts.Go(func() { again.Add(r.report(t, r.processes[(n+1+i)%2], sent[0])) })
			}
			receipts.Wait()
		})
	}
	all.Wait()
	for _, c := range codes {
		require.Eventually(t, func() bool { return len(r.messages(c.code)) == 2 }, 10*time.Second, 10*time.Millisecond)
	}
	r.stop(t) // it waits for what is being sent
	require.Equal(t, 2*calls, r.total())
	t.Logf("%d messages that failed, 4 receipts each at two replicas: each was sent again once; %d receipts had to come again", calls, again.Load())
}

// report sends a receipt that says that a message was not delivered, until it is taken. It returns how often the receipt had to come again.
func (r *replicas) report(t *testing.T, to *soakProcess, m message) (again int64) {
	address, err := url.Parse(m.callback)
	if err != nil {
		t.Error(err)
		return 0
	}
	for ; again < 20; again++ {
		response, err := http.DefaultClient.Do(new(soak).receipt(to.url, address.RequestURI(), m.sid, "undelivered", m.callback))
		if err != nil {
			t.Error(err)
			return again
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return again
		}
		if response.StatusCode != http.StatusServiceUnavailable {
			break
		}
		time.Sleep(500 * time.Millisecond)
	}
	t.Error("a receipt was not taken")
	return again
}

// doubles returns how many codes were sent more than once.
func (r *replicas) doubles() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, sent := range r.sent {
		if len(sent) > 1 {
			n++
		}
	}
	return n
}

// total returns how many messages were sent.
func (r *replicas) total() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, sent := range r.sent {
		n += len(sent)
	}
	return n
}

// stop stops the replicas, which first end what they are sending.
func (r *replicas) stop(t *testing.T) {
	http.DefaultClient.CloseIdleConnections()
	r.auth.HTTP.CloseIdleConnections()
	for _, p := range r.processes {
		if p.command.ProcessState == nil {
			r.missed += p.missed(t)
			http.DefaultClient.CloseIdleConnections()
			p.stop(t)
		}
	}
}
