package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

// soakTime is the variable with the duration of TestSoak.
const soakTime = "SOAK"

const (
	soakCallers     = 16
	soakGenerations = 4 // processes with the whole program, one after the other
	soakSite        = "https://soak.example"
)

// TestSoak runs the program in a process, and replaces this process several times under load. The provider fails at random, and there are
// callers of all kinds. No accepted message may be lost, none may be sent twice without a reason, and memory and goroutines must not grow.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs for seconds")
	}
	lasts, err := time.ParseDuration(os.Getenv(soakTime))
	if err != nil {
		lasts = 4 * time.Second
	}
	s := newSoak(t)
	s.replace(t)
	idle := s.now().read(t, "go_goroutines")
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	var callers sync.WaitGroup
	for n := range soakCallers {
		callers.Go(func() { s.call(ctx, rand.New(rand.NewPCG(1, uint64(n)))) })
	}
	for range soakGenerations - 1 {
		time.Sleep(lasts / soakGenerations / 2)
		s.reload(t)
		time.Sleep(lasts / soakGenerations / 2)
		s.replace(t)
	}
	time.Sleep(lasts / soakGenerations / 2)
	half := s.now().read(t, "process_resident_memory_bytes")
	callers.Wait()
	s.receipts.Wait()
	end := s.now().read(t, "process_resident_memory_bytes")
	s.client.CloseIdleConnections()
	require.Eventually(t, func() bool { return s.now().read(t, "go_goroutines") <= idle+5 }, 60*time.Second, 100*time.Millisecond,
		"there were %v goroutines at the start", idle)
	s.now().stop(t)

	s.compare(t)
	t.Logf("resident memory %.1f MB half-way through the last process, %.1f MB at its end", half/1e6, end/1e6)
	if !providertest.RaceDetector {
		require.Less(t, end, half*1.3+16e6)
	}
	t.Log(s.counts())
}

// soak is the state of the test.
type soak struct {
	auth     hook.Caller
	forger   hook.Caller
	client   *http.Client
	twilio   *httptest.Server
	receipts sync.WaitGroup

	process atomic.Pointer[soakProcess]
	next    atomic.Int64 // number of the next code

	mu     sync.Mutex
	count  map[string]int
	codes  map[string]*soakCode
	errors []string
}

// soakCode has the counts for one code.
type soakCode struct {
	calls, accepted int // of the hook
	taken, unknown  int // messages that the provider has accepted, and that it has left unanswered
	failed          int // receipts that reported a failure
}

func newSoak(t *testing.T) *soak {
	s := &soak{count: map[string]int{}, codes: map[string]*soakCode{}}
	s.auth, s.forger = auth(t, hookSecret), auth(t, hook.NewSecret())
	s.client = s.auth.HTTP
	s.client.Transport.(*http.Transport).MaxIdleConnsPerHost = 2 * soakCallers
	s.twilio = httptest.NewServer(http.HandlerFunc(s.provider))
	t.Cleanup(s.twilio.Close)
	return s
}

func (s *soak) add(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count[what]++
}

// never records something that must not happen.
func (s *soak) never(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errors = append(s.errors, what)
}

// of calls f with the counts for a code.
func (s *soak) of(code string, f func(*soakCode)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.codes[code]
	if c == nil {
		c = new(soakCode)
		s.codes[code] = c
	}
	f(c)
}

func (s *soak) now() *soakProcess { return s.process.Load() }

// soakProcess is the whole program in a process of its own.
type soakProcess struct {
	command *exec.Cmd
	stderr  *buffer
	url     string
	admin   string
}

// startProcess starts the program in a process of its own, with JSON for its log, and waits until it serves.
func startProcess(t testing.TB, env ...string) *soakProcess {
	p := &soakProcess{stderr: new(buffer)}
	p.command = exec.Command(os.Args[0], "serve")
	p.command.Stderr = p.stderr
	p.command.Env = append(append(asProgram(linger), "SMSHOOK_LOG_FORMAT=json"), env...)
	require.NoError(t, p.command.Start())
	t.Cleanup(func() { p.command.Process.Kill() })
	p.url = "http://" + (&program{stderr: p.stderr}).addr(t)
	return p
}

// replace starts a new process, sends the calls there, and stops the process before it during calls.
func (s *soak) replace(t *testing.T) {
	admin := freeAddr(t)
	env := []string{
		"SMSHOOK_ADDR=127.0.0.1:0", "SMSHOOK_ADMIN_ADDR=" + admin, "SMSHOOK_SECRETS=" + hookSecret, "SMSHOOK_PROVIDERS=one=twilio,two=twilio",
		"SMSHOOK_PUBLIC_URL=" + soakSite, "SMSHOOK_RECEIPT_SECRET=" + hookSecret,
	}
	for _, name := range []string{"ONE", "TWO"} {
		env = append(env, name+"_ACCOUNT_SID=AC00000000000000000000000000000000", name+"_AUTH_TOKEN="+authToken,
			name+"_FROM=+15005550006", name+"_BASE_URL="+s.twilio.URL)
	}
	p := startProcess(t, env...)
	p.admin = admin
	if before := s.process.Swap(p); before != nil {
		before.stop(t)
		s.add("restarts under load")
	}
}

// reload makes the program read its settings again during calls.
func (s *soak) reload(t *testing.T) {
	require.NoError(t, s.now().command.Process.Signal(syscall.SIGHUP))
	require.Eventually(t, func() bool { return strings.Contains(s.now().stderr.String(), `"message":"reloaded"`) }, 10*time.Second, 10*time.Millisecond)
	s.add("reloads under load")
}

func (p *soakProcess) stop(t *testing.T) {
	require.NoError(t, p.command.Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.command.Wait(), "%s", p.stderr)
	require.NotContains(t, p.stderr.String(), `"message":"panic"`)
	if !providertest.RaceDetector { // it makes a busy machine too slow for the second that the log has at the end; the exit code says the same
		require.Contains(t, p.stderr.String(), `"message":"drained"`)
	}
}

// read returns the value of a metric.
func (p *soakProcess) read(t *testing.T, metric string) float64 {
	response, err := http.Get("http://" + p.admin + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^` + metric + ` (\S+)$`).FindSubmatch(text)
	require.NotNil(t, found, metric)
	value, err := strconv.ParseFloat(string(found[1]), 64)
	require.NoError(t, err)
	return value
}

// call makes calls of all kinds until ctx ends.
func (s *soak) call(ctx context.Context, random *rand.Rand) {
	for ctx.Err() == nil {
		hookURL := s.now().url + server.HookPath
		code := fmt.Sprintf("%010d", s.next.Add(1))
		body := soakBody(code)
		switch kind := random.IntN(100); {
		case kind < 55:
			s.good(hookURL, code, body)
		case kind < 65: // repeats, as after broken connections, but more of them
			var repeats sync.WaitGroup
			for range 5 {
				repeats.Go(func() { s.good(hookURL, code, body) })
			}
			repeats.Wait()
			s.good(hookURL, code, body)
		case kind < 75:
			s.refused("forged", 401, s.request(s.forger.Secrets, hookURL, body, time.Now()))
		case kind < 82:
			s.refused("replayed an hour later", 401, s.request(s.auth.Secrets, hookURL, body, time.Now().Add(-time.Hour)))
		case kind < 90:
			s.refused("malformed", 400, s.request(s.auth.Secrets, hookURL, body[:random.IntN(len(body))], time.Now()))
		case kind < 92:
			s.refused("huge", 413, s.request(s.auth.Secrets, hookURL, bytes.Repeat([]byte(" "), hook.MaxBody+1), time.Now()))
		case kind < 96:
			s.refused("forged receipts", 403, s.receipt(hookURL, "/receipts/one/0123456789abcdefghijkl", "SM0", "failed", ""))
		default: // the caller leaves
			limited, cancel := context.WithTimeout(ctx, time.Duration(random.IntN(20))*time.Millisecond)
			s.leave(limited, hookURL, code, body)
			cancel()
		}
	}
}

func soakBody(code string) []byte {
	return fmt.Appendf(nil, `{"metadata":{"uuid":"%s","time":"%s"},"user":{"id":"user-%s","user_metadata":{}},"sms":{"otp":"%s","phone":"1%s"}}`,
		providers.NewUUID(), time.Now().Format(time.RFC3339Nano), code, code, code)
}

func (s *soak) request(secrets hook.Secrets, url string, body []byte, at time.Time) *http.Request {
	r, _ := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	secrets.Sign(r.Header, providers.NewUUID(), at, body)
	return r
}

// do returns the status and the body of the answer. There must always be one, also during a restart.
func (s *soak) do(r *http.Request) (int, string) {
	response, err := s.client.Do(r)
	if err != nil {
		s.never("no answer: " + err.Error())
		return 0, ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.never("half an answer: " + err.Error())
	}
	return response.StatusCode, string(body)
}

func (s *soak) good(url, code string, body []byte) {
	acceptedBefore := false
	s.of(code, func(c *soakCode) { acceptedBefore = c.accepted > 0 })
	status, answer := s.do(s.request(s.auth.Secrets, url, body, time.Now()))
	accepted := answer == "{}"
	if acceptedBefore && !accepted {
		s.never("a repeat was refused though its call had been accepted")
	}
	if status != http.StatusOK || !accepted && !strings.HasPrefix(answer, `{"error":{"http_code":422,`) {
		s.never(fmt.Sprint("answer ", status, " ", answer))
		return
	}
	s.of(code, func(c *soakCode) {
		c.calls++
		if accepted {
			c.accepted++
		}
	})
}

func (s *soak) refused(what string, want int, r *http.Request) {
	if status, answer := s.do(r); status != want {
		s.never(fmt.Sprint(what, ": answer ", status, " ", answer))
		return
	}
	s.add(what)
}

func (s *soak) leave(ctx context.Context, url, code string, body []byte) {
	s.of(code, func(*soakCode) {})
	response, err := s.client.Do(s.request(s.auth.Secrets, url, body, time.Now()).WithContext(ctx))
	if err == nil {
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	s.add("callers that left")
}

var soakText = regexp.MustCompile(`[0-9]{10}`)

// provider answers for both instances.
func (s *soak) provider(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		return
	}
	code := soakText.FindString(r.Form.Get("Body"))
	refuse := func(status, reason int) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"code":%d,"message":"no","status":%d}`, reason, status)
	}
	switch kind := rand.IntN(100); {
	case kind < 10:
		refuse(500, 20500)
	case kind < 13:
		refuse(429, 20429)
	case kind < 15:
		refuse(400, 21211) // no such number
	case kind < 17:
		s.of(code, func(c *soakCode) { c.unknown++ })
		panic(http.ErrAbortHandler) // no answer at all
	default:
		if kind < 40 {
			time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
		}
		s.of(code, func(c *soakCode) { c.taken++ })
		sid := "SM" + strings.ReplaceAll(providers.NewUUID(), "-", "")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"sid":"%s","status":"queued","num_segments":"1"}`, sid)
		s.receipts.Go(func() { s.report(code, sid, r.Form.Get("StatusCallback")) })
	}
}

// report sends the receipts of one message, in random order and more than once.
func (s *soak) report(code, sid, callback string) {
	address, err := url.Parse(callback)
	if err != nil || !strings.HasPrefix(callback, soakSite+"/receipts/") {
		s.never("no address for receipts")
		return
	}
	states := []string{"sent", "delivered", "sent", "delivered"}
	if rand.IntN(20) == 0 {
		states = []string{"undelivered", "sent", "undelivered"}
		s.of(code, func(c *soakCode) { c.failed++ })
	}
	rand.Shuffle(len(states), func(i, j int) { states[i], states[j] = states[j], states[i] })
	for _, state := range states {
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		s.refused("receipts", 200, s.receipt(s.now().url, address.RequestURI(), sid, state, callback))
	}
}

// receipt returns a receipt for an address below soakSite. Its signature is valid if whole is the whole address.
func (s *soak) receipt(base, path, sid, state, whole string) *http.Request {
	form := url.Values{"MessageSid": {sid}, "MessageStatus": {state}}
	if state == "undelivered" {
		form.Set("ErrorCode", "30008")
	}
	return signedByTwilio(base, path, whole, form)
}

// signedByTwilio is a receipt of Twilio, for the program at base: path is the end of the address that Twilio was given, and whole is all of it.
func signedByTwilio(base, path, whole string, form url.Values) *http.Request {
	form.Set("AccountSid", "AC00000000000000000000000000000000")
	at, _ := url.Parse(base)
	r, _ := http.NewRequest(http.MethodPost, at.Scheme+"://"+at.Host+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	mac := hmac.New(sha1.New, []byte(authToken))
	io.WriteString(mac, whole)
	for _, name := range slices.Sorted(maps.Keys(form)) {
		io.WriteString(mac, name+form.Get(name))
	}
	r.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return r
}

// compare compares the answers of the program with the messages that the provider has accepted.
func (s *soak) compare(t *testing.T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Empty(t, s.errors)
	for code, c := range s.codes {
		switch {
		case c.accepted > 0 && c.taken+c.unknown == 0:
			t.Errorf("%s was accepted, but no instance has it", code)
		case c.taken > 1+c.failed+c.unknown:
			t.Errorf("%s was sent %d times, but only %d receipts reported a failure", code, c.taken, c.failed)
		case c.calls > 0 && c.accepted == 0 && c.taken > 0:
			t.Errorf("%s was refused, but an instance has it", code)
		}
		if c.calls > 0 {
			s.count["codes"]++
		}
		if c.accepted > 0 {
			s.count["codes accepted"]++
		}
		s.count["calls with a good signature"] += c.calls
		s.count["messages"] += c.taken
		if c.taken > 1 && c.failed > 0 {
			s.count["codes sent again because of a receipt"]++
		}
	}
}

func (s *soak) counts() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(s.count)) {
		fmt.Fprintf(&b, "\n%9d %s", s.count[what], what)
	}
	return b.String()
}

// freeAddr returns an address on which no program listens.
func freeAddr(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// With 500 calls a second and instances that don't answer, calls over SMSHOOK_CONCURRENCY are answered at once. Goroutines and memory don't
// grow beyond what that setting allows.
func TestEveryInstanceHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs for seconds")
	}
	const perSecond, lasts = 500, 4 * time.Second
	s := newSoak(t)
	hold := make(chan struct{})
	s.twilio.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	})
	s.client.Transport.(*http.Transport).MaxIdleConnsPerHost = 2 * perSecond
	s.replace(t)
	var calls sync.WaitGroup
	tick := time.NewTicker(time.Second / perSecond)
	defer tick.Stop()
	for start := time.Now(); time.Since(start) < lasts; <-tick.C {
		calls.Go(func() {
			start := time.Now()
			code := fmt.Sprintf("%010d", s.next.Add(1))
			status, answer := s.do(s.request(s.auth.Secrets, s.now().url+server.HookPath, soakBody(code), time.Now()))
			if status != http.StatusOK || time.Since(start) > hook.AuthWaits {
				s.never(fmt.Sprint("answer ", status, " ", answer, " after ", time.Since(start)))
			}
			if answer == "{}" {
				s.add("answered as sent")
			} else {
				s.add("answered as failed")
			}
		})
	}
	goroutines, memory := s.now().read(t, "go_goroutines"), s.now().read(t, "process_resident_memory_bytes")
	calls.Wait()
	close(hold)
	s.now().stop(t)
	require.Empty(t, s.errors)
	t.Logf("%d calls a second for %v: %v goroutines, %.0f MB%s", perSecond, lasts, goroutines, memory/1e6, s.counts())
	// 512 calls at the same time, each with a connection. 512 attempts at each of two instances, each with its own connection.
	require.Less(t, goroutines, 512.0*(3+2*4))
	if !providertest.RaceDetector {
		require.Less(t, memory, 256e6)
	}
}
