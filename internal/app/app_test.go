package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/metrics"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gate is an instance that waits until open is closed.
type gate struct {
	reached chan struct{}
	open    chan struct{}
}

func (g *gate) Send(ctx context.Context, _ providers.Message) (providers.Sent, error) {
	g.reached <- struct{}{}
	select {
	case <-g.open:
		return providers.Sent{IDs: []string{"1"}}, nil
	case <-ctx.Done():
		return providers.Sent{}, ctx.Err()
	}
}

// buffer is a bytes.Buffer that may be used concurrently.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

type none struct{}

// newApp returns a program with one instance.
func newApp(t *testing.T, p *gate, log io.Writer) *App {
	driver := providers.NewDriver("gate", "Gate", func(none, providers.Deps) (*gate, error) { return p, nil })
	settings, err := config.Load([]string{
		"SMSHOOK_SECRETS=v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "SMSHOOK_PROVIDERS=gate",
	}, []providers.Driver{driver}, false, nil)
	require.NoError(t, err)
	a, err := New(settings, "v1", NewLog(settings, log), nil)
	require.NoError(t, err)
	return a
}

// serving starts a program with one instance. end stops it and returns what Serve returned.
func serving(t *testing.T, p *gate) (url string, secrets hook.Secrets, log *buffer, end func(), ended chan error) {
	log = new(buffer)
	a := newApp(t, p, log)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	go func() { ended <- a.Serve(ctx, listener, nil, 0) }()
	return "http://" + listener.Addr().String(), a.settings.Secrets, log, cancel, ended
}

func TestRunningCallsFinishAtShutdown(t *testing.T) {
	g := &gate{make(chan struct{}), make(chan struct{})}
	url, secrets, log, end, ended := serving(t, g)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	seen := make(chan hook.Seen, 1)
	go func() {
		s, _ := hook.Caller{HTTP: client, Secrets: secrets}.Call(t.Context(), url+server.HookPath, hook.Example())
		seen <- s
	}()
	<-g.reached
	end()
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "draining") }, 5*time.Second, time.Millisecond)
	select {
	case err := <-ended:
		t.Fatalf("it ended before the call was answered: %v", err)
	default:
	}
	require.Eventually(t, func() bool { // the port is closed
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err == nil {
			conn.Close()
		}
		return err != nil
	}, 5*time.Second, time.Millisecond)
	close(g.open)
	require.True(t, (<-seen).OK())
	require.NoError(t, <-ended)
	require.Contains(t, log.String(), "drained")
}

// Clients open connections in advance.
func TestConnectionsWithoutARequestDoNotDelayShutdown(t *testing.T) {
	url, _, log, end, ended := serving(t, &gate{make(chan struct{}), make(chan struct{})})
	silent, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	defer silent.Close()
	response, err := http.Get(url + "/healthz") // the server has accepted the silent connection by now
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	start := time.Now()
	end()
	require.NoError(t, <-ended)
	require.Less(t, time.Since(start), 1900*time.Millisecond, "http.Server.Shutdown waits for the head for 2 s")
	require.Contains(t, log.String(), "drained")
}

func TestServeReportsABrokenListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	a, err := New(config.Config{}, "v1", zerolog.Nop(), nil)
	require.NoError(t, err)
	require.ErrorIs(t, a.Serve(t.Context(), listener, nil, 0), net.ErrClosed)
}

// Attempts that end in time are in the hook's line.
func TestLateAttemptsPanicsAndAccountProblemsAreLogged(t *testing.T) {
	fail := func(kind providers.Kind) *providers.Error {
		return &providers.Error{Kind: kind, Code: "7", Err: errors.New("answer 400: no")}
	}
	attempt := race.Attempt{MessageID: "m", Instance: "pigeon", Took: 1500 * time.Microsecond}
	with := func(change func(*race.Attempt)) race.Attempt {
		changed := attempt
		change(&changed)
		return changed
	}
	for _, tt := range []struct {
		attempt race.Attempt
		want    string
	}{
		{with(func(a *race.Attempt) { a.Sent.IDs = []string{"SM1"} }), ""},
		{with(func(a *race.Attempt) { a.Err = fail(providers.Rejected) }), ""},
		{with(func(a *race.Attempt) { a.Late, a.Sent.IDs = true, []string{"SM1"} }),
			`{"level":"info","id":"m","instance":"pigeon","took_ms":1.5,"provider_ids":["SM1"],"message":"attempt accepted after the answer"}`},
		{with(func(a *race.Attempt) { a.Late, a.Err = true, fail(providers.Rejected) }),
			`{"level":"warn","id":"m","instance":"pigeon","took_ms":1.5,"kind":"rejected","code":"7","error":"answer 400: no","message":"attempt failed after the answer"}`},
		{with(func(a *race.Attempt) { a.Err = fail(providers.Account) }),
			`{"level":"error","id":"m","times":1,"instance":"pigeon","took_ms":1.5,"kind":"account","code":"7","error":"answer 400: no","message":"account problem: an operator must fix it"}`},
		{with(func(a *race.Attempt) {
			a.Err, a.Panic = fail(providers.Unknown), &race.Panic{Type: "string", Stack: []byte("stack")}
		}),
			`{"level":"error","id":"m","instance":"pigeon","took_ms":1.5,"type":"string","stack":"stack","kind":"unknown","code":"7","error":"answer 400: no","message":"provider code panicked"}`},
	} {
		written := new(bytes.Buffer)
		a := App{log: zerolog.New(written), metrics: metrics.New("v1")}
		a.ended(tt.attempt)
		if tt.want == "" {
			require.Empty(t, written.String())
			continue
		}
		require.JSONEq(t, tt.want, written.String())
	}
}

func TestReceiptsAreLogged(t *testing.T) {
	number, err := phone.Parse("+15555550100")
	require.NoError(t, err)
	receipt := func(state providers.State) providers.Receipt {
		return providers.Receipt{ID: "SM1", State: state, Kind: providers.Channel, Code: "7"}
	}
	failed := race.Attempt{Instance: "dove", Took: time.Millisecond, Err: &providers.Error{Kind: providers.Temporary, Err: errors.New("no")}}
	for _, tt := range []struct {
		do   func(*App)
		want string
	}{
		{func(a *App) {
			a.reported(ledger.Report{ID: "m", Number: number.Masked(), Instance: "pigeon", Receipt: receipt(providers.StateDelivered), After: 2 * time.Second})
		}, `{"level":"info","instance":"pigeon","state":"delivered","code":"7","id":"m","phone":"+1555****100","country":"","after_ms":2000,"message":"receipt"}`},
		{func(a *App) {
			a.reported(ledger.Report{ID: "m", Number: number.Masked(), Instance: "pigeon", Receipt: receipt(providers.StateUndelivered), After: 2 * time.Second})
		}, `{"level":"warn","instance":"pigeon","state":"undelivered","kind":"channel","code":"7","id":"m","phone":"+1555****100","country":"","after_ms":2000,"message":"receipt"}`},
		{func(a *App) { a.reported(ledger.Report{Instance: "pigeon", Receipt: receipt(providers.StateSent)}) },
			`{"level":"debug","instance":"pigeon","state":"sent","code":"7","message":"receipt for an unknown message"}`},
		{func(a *App) {
			a.fellBack(dispatch.Fallback{MessageID: "m", Instance: "pigeon", Kind: providers.Channel, Outcome: race.Outcome{Attempts: []race.Attempt{failed}}})
		}, `{"level":"warn","id":"m","instance":"pigeon","kind":"channel","accepted":false,` +
			`"attempts":[{"instance":"dove","took_ms":1,"kind":"temporary","error":"no"}],"message":"late fallback"}`},
		{func(a *App) {
			a.fellBack(dispatch.Fallback{MessageID: "m", Instance: "pigeon", Kind: providers.Channel, Reason: errors.New("too many")})
		}, `{"level":"warn","id":"m","instance":"pigeon","kind":"channel","accepted":false,"reason":"too many","message":"late fallback"}`},
	} {
		written := new(bytes.Buffer)
		tt.do(&App{log: zerolog.New(written), metrics: metrics.New("v1")})
		require.JSONEq(t, tt.want, written.String())
	}
}

func TestLog(t *testing.T) {
	written := new(bytes.Buffer)
	log := NewLog(config.Config{LogLevel: "warn"}, written)
	log.Info().Msg("unseen")
	log.Warn().Msg("seen")
	var entry struct{ Level, Message, Time string }
	require.NoError(t, json.Unmarshal(written.Bytes(), &entry))
	at, err := time.Parse(time.RFC3339Nano, entry.Time)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, time.Minute)
	require.Equal(t, "warn seen", entry.Level+" "+entry.Message)

	written.Reset()
	console := NewLog(config.Config{LogLevel: "info", LogFormat: "console"}, written)
	console.Info().Str("a", "b").Msg("seen")
	require.Regexp(t, `^\d\d:\d\d:\d\d INF seen a=b\n$`, written.String())
}

// Attempts and receipts are counted and logged in goroutines that have no other recover.
func TestPanicInEventsIsLogged(t *testing.T) {
	written := new(bytes.Buffer)
	a := App{log: zerolog.New(written), metrics: metrics.New("v1")}
	a.guard(func() { a.ended(race.Attempt{Late: true, Segments: -1}) })
	require.NotContains(t, written.String(), "panic", "a count below 0 does not panic")

	a.guard(func() { panic("028687") })
	var line struct{ Level, Type, Stack, Message string }
	require.NoError(t, json.Unmarshal(written.Bytes()[bytes.LastIndexByte(bytes.TrimSpace(written.Bytes()), '\n')+1:], &line))
	require.Equal(t, "error string panic", line.Level+" "+line.Type+" "+line.Message)
	require.Contains(t, line.Stack, "TestPanicInEventsIsLogged")
	require.NotContains(t, written.String(), "028687")
	w := httptest.NewRecorder()
	a.metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	require.Contains(t, w.Body.String(), "smshook_panics_total 1")
}

// What became of codes is counted.
func TestJudgedMessagesAreCounted(t *testing.T) {
	a := newApp(t, &gate{}, io.Discard)
	m := ledger.Message{Instance: "gate", Country: "GB", Kind: ledger.OTP, Use: ledger.Used, AskedAt: 1e6, UsedAt: 8e6, Attempts: []ledger.Attempt{{Instance: "gate", Channel: "sms"}}}
	a.judged(m)
	m.Use, m.UsedAt = ledger.Unused, 0
	a.judged(m)
	recorded := httptest.NewRecorder()
	a.Server.Admin().ServeHTTP(recorded, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`smshook_codes_total{channel="sms",country="GB",kind="otp",provider="gate",use="used"} 1`,
		`smshook_codes_total{channel="sms",country="GB",kind="otp",provider="gate",use="unused"} 1`,
		`smshook_use_seconds_sum{channel="sms",provider="gate"} 7`,
		`smshook_use_seconds_count{channel="sms",provider="gate"} 1`,
	} {
		require.Contains(t, recorded.Body.String(), want+"\n")
	}
}
