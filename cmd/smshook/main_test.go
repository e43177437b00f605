package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/all"
	"github.com/smshook/smshook/providers/providertest"
)

func TestMain(m *testing.M) {
	if lingers := os.Getenv(wholeProgram); lingers != "" {
		d, err := time.ParseDuration(lingers)
		if err != nil {
			panic(err)
		}
		mainWith(d)
	}
	if kind := os.Getenv(benchServer); kind != "" {
		serveBench(kind) // this process is the server of a benchmark
		return
	}
	// toxiproxy leaves a goroutine behind where a toxic is removed while data flows.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*NoopToxic).Pipe"))
}

const (
	calls      = "../../testdata/hook"
	hookSecret = "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjU"
	authToken  = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
)

// buffer may be written to while it is read.
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

// program is smshook, running inside the test.
type program struct {
	url            string // of the hook
	stdout, stderr *buffer
	stop           func() int // stops it as a signal does, and returns its exit code
}

// starting runs a command that serves, and waits until it does. When the command is stopped, it doesn't linger.
func starting(t *testing.T, args []string, env ...string) *program {
	return lingering(t, 0, args, env...)
}

// lingering is starting for a command that lingers when it is stopped.
func lingering(t *testing.T, linger time.Duration, args []string, env ...string) *program {
	ctx, cancel := context.WithCancel(t.Context())
	p := &program{stdout: new(buffer), stderr: new(buffer)}
	code := make(chan int, 1)
	sh := &shell{env: env, stdin: strings.NewReader(""), stdout: p.stdout, stderr: p.stderr, linger: linger}
	go func() { code <- sh.run(ctx, args) }()
	p.stop = sync.OnceValue(func() int {
		cancel()
		return <-code
	})
	t.Cleanup(func() { p.stop() })
	p.url = "http://" + p.addr(t) + server.HookPath
	return p
}

// addr returns the address on which the program listens, from its log.
func (p *program) addr(t testing.TB) (addr string) {
	require.Eventually(t, func() bool {
		for line := range strings.Lines(p.stderr.String()) {
			var entry struct{ Message, Addr string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Message == "serving" {
				addr = entry.Addr
			}
		}
		return addr != ""
	}, 10*time.Second, time.Millisecond, "%s", p.stderr)
	return addr
}

// serveEnv returns the settings of a server with one Twilio account, and more.
func serveEnv(twilio string, more ...string) []string {
	return append([]string{
		"SMSHOOK_ADDR=127.0.0.1:0", "SMSHOOK_SECRETS=" + hookSecret, "SMSHOOK_PROVIDERS=twilio", "SMSHOOK_LOG_LEVEL=debug",
		"TWILIO_ACCOUNT_SID=AC00000000000000000000000000000000", "TWILIO_AUTH_TOKEN=" + authToken,
		"TWILIO_FROM=+15005550006", "TWILIO_BASE_URL=" + twilio,
	}, more...)
}

// auth returns a client that calls the hook as Supabase Auth does.
func auth(t *testing.T, secret string) hook.Caller {
	var secrets hook.Secrets
	require.NoError(t, secrets.UnmarshalText([]byte(secret)))
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return hook.Caller{HTTP: &http.Client{Transport: transport}, Secrets: secrets}
}

const accepted = `{"sid":"SM00000000000000000000000000000001","status":"queued","num_segments":"1","error_code":null}`

// TestFlows makes every call of testdata/hook to the whole program. It compares the text on the phone, the request to Twilio, the answer to
// Auth and what the app's user sees.
func TestFlows(t *testing.T) {
	twilio := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
	sending := starting(t, []string{"serve"}, serveEnv(twilio.URL, "SMSHOOK_POLICY=observe")...) // most are to one number
	printing := starting(t, []string{"dev"}, "SMSHOOK_ADDR=127.0.0.1:0", "SMSHOOK_SECRETS="+hookSecret, "SMSHOOK_LOG_FORMAT=json")
	caller := auth(t, hookSecret)
	files, err := filepath.Glob(filepath.Join(calls, "*.json"))
	require.NoError(t, err)
	require.Greater(t, len(files), 15)
	for _, file := range files {
		flow := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(flow, func(t *testing.T) {
			body, err := os.ReadFile(file)
			require.NoError(t, err)

			before := len(printing.stdout.String())
			printed, err := caller.Call(t.Context(), printing.url, body)
			require.NoError(t, err)
			phone := new(screen)
			phone.Write([]byte(printing.stdout.String()[before:]))

			sent, err := caller.Call(t.Context(), sending.url, body)
			require.NoError(t, err)
			require.Equal(t, *printed.Reply, *sent.Reply)
			var asked strings.Builder
			for _, request := range twilio.Requests() {
				asked.WriteString(request.String())
			}
			var got strings.Builder
			writeSection(&got, "phone", phone.take())
			writeSection(&got, "twilio", asked.String())
			writeSection(&got, "reply", replyLine(sent)+"\n")
			writeSection(&got, "app", userLine(sent)+"\n")
			providertest.Golden(t, strings.TrimSuffix(file, ".json")+".golden", got.String())
		})
	}
}

func writeSection(b *strings.Builder, name, content string) {
	b.WriteString("-- " + name + " --\n" + content)
}

// TestWhatTheUserSees tries the answers of a provider, with calls of current and of old versions of Auth.
func TestWhatTheUserSees(t *testing.T) {
	read := func(name string) []byte {
		body, err := os.ReadFile(filepath.Join(calls, name+".json"))
		require.NoError(t, err)
		return body
	}
	current, old, mfa := read("signup-phone-password"), read("old-server-otp"), read("mfa-challenge") // each is the first request of its user
	const (
		success  = "sees a success"
		generic  = "sees 500 Unexpected status code returned from hook: 422"
		inFlow   = "sees 500 error invoking hook"
		failure  = "sees 422 The code could not be sent. Please try again."
		noNumber = "sees 422 This number cannot receive codes."
	)
	for _, tt := range []struct {
		name              string
		answer            providertest.Answer
		current, old, mfa string
	}{
		{"accepted", providertest.Answer{Status: 201, Body: accepted}, success, success, success},
		{"accepted by a service", providertest.Answer{Status: 201, Body: strings.Replace(accepted, "queued", "accepted", 1)}, success, success, success},
		{"accepted and failed", providertest.Answer{Status: 201, Body: strings.Replace(accepted, "queued", "failed", 1)}, failure, generic, inFlow},
		{"no such number", providertest.Answer{Status: 400, Body: `{"code":21211,"message":"Invalid 'To'","status":400}`}, noNumber, generic, inFlow},
		{"wrong credentials", providertest.Answer{Status: 401, Body: `{"code":20003,"message":"Authenticate","status":401}`}, failure, generic, inFlow},
		{"out of order", providertest.Answer{Status: 503, Body: "<html>"}, failure, generic, inFlow},
		{"redirects", providertest.Answer{Status: 302, Header: http.Header{"Location": {"http://elsewhere.invalid/"}}}, failure, generic, inFlow},
		{"unreadable success", providertest.Answer{Status: 201, Body: "<html>"}, success, success, success},
		{"breaks off", providertest.Answer{Fault: providertest.Reset}, success, success, success},
		{"hangs", providertest.Answer{Fault: providertest.Hang}, success, success, success},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			twilio := providertest.NewFake(t, tt.answer)
			p := starting(t, []string{"serve"}, serveEnv(twilio.URL, "SMSHOOK_BUDGET=1s", "SMSHOOK_PATIENCE=1s")...)
			caller := auth(t, hookSecret)
			for _, call := range []struct {
				body []byte
				want string
			}{{current, tt.current}, {old, tt.old}, {mfa, tt.mfa}} {
				seen, err := caller.Call(t.Context(), p.url, call.body)
				require.NoError(t, err)
				require.Equal(t, call.want, userLine(seen))
				require.Equal(t, 1, seen.Attempts)
				require.Len(t, twilio.Requests(), 1, "one request to each instance")
			}
			require.Equal(t, exitOK, p.stop())
		})
	}
}

// panicking is a provider with a bug: its panic contains the number and the text.
type panicking struct{}

func (panicking) Send(_ context.Context, m providers.Message) (providers.Sent, error) {
	panic(m.To.Reveal() + m.Text.Reveal())
}

// leaking is a provider that breaks the contract: its error has a type of its own, and contains the number and the text.
type leaking struct{}

func (leaking) Send(_ context.Context, m providers.Message) (providers.Sent, error) {
	return providers.Sent{}, &net.AddrError{Err: m.Text.Reveal(), Addr: m.To.Reveal()}
}

// TestNothingLeaks makes calls fail in every way. Then it searches all output for the code, the number, the text and the secrets.
func TestNothingLeaks(t *testing.T) {
	const (
		code   = "9182736455"
		number = "15555550142"
	)
	hidden := []string{
		code, number, number[1:], "Your code is", "Your+code", "Your%20code",
		strings.TrimPrefix(hookSecret, "v1,whsec_"), authToken,
	}
	call := func(phone, otp string) []byte {
		return []byte(`{"metadata":{"uuid":"` + providers.NewUUID() + `"},"user":{"phone":"` + number + `"},"sms":{"otp":` + otp + `,"phone":"` + phone + `"}}`)
	}
	good := call(number, `"`+code+`"`)
	everything := "To=%2B" + number + " (555) 555-0142 Body=Your+code+is+" + code + " Your code is " + code + " " + authToken
	var fakes []*providertest.Fake
	answers := func(answer providertest.Answer) string {
		fakes = append(fakes, providertest.NewFake(t, answer))
		return fakes[len(fakes)-1].URL
	}
	quoted, _ := json.Marshal(everything)

	serving := func(t *testing.T, instances, twilio string) *program {
		drivers := append(all.Drivers(),
			providers.NewDriver("panicking", "", func(struct{}, providers.Deps) (panicking, error) { return panicking{}, nil }),
			providers.NewDriver("leaking", "", func(struct{}, providers.Deps) (leaking, error) { return leaking{}, nil }))
		settings, err := config.Load(append(serveEnv(twilio, "SMSHOOK_BUDGET=1s", "SMSHOOK_PATIENCE=1s"), "SMSHOOK_PROVIDERS="+instances), drivers, false, nil)
		require.NoError(t, err)
		p := &program{stdout: new(buffer), stderr: new(buffer)}
		listener, err := net.Listen("tcp", settings.Addr)
		require.NoError(t, err)
		p.url = "http://" + listener.Addr().String() + server.HookPath
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		sh := &shell{stdout: p.stdout, stderr: p.stderr}
		go func() { ended <- sh.serve(ctx, settings, sh.loader(false, nil), listener, 0) }()
		p.stop = sync.OnceValue(func() int {
			cancel()
			<-ended
			return exitOK
		})
		t.Cleanup(func() { p.stop() })
		return p
	}

	refusing := string(providertest.Refusing(t))
	for _, tt := range []struct {
		name, instances, twilio string
		secret                  string
		body                    []byte
		says                    string // what the log must say
	}{
		{"wrong secret", "twilio", refusing, hook.NewSecret(), good, "matches none of our secrets"},
		{"not JSON", "twilio", refusing, hookSecret, good[:len(good)-1], "not JSON"},
		{"code a number", "twilio", refusing, hookSecret, call(number, code), "sms.otp is not of the right type"},
		{"number with letters", "twilio", refusing, hookSecret, call(number+"x", `"`+code+`"`), "something other than digits"},
		{"over the limit", "twilio", refusing, hookSecret, append(good, bytes.Repeat([]byte(code), hook.MaxBody/len(code))...), "too long"},
		{"refused connection", "twilio", refusing, hookSecret, good, "connection refused"},
		{"refusal that echoes", "twilio", answers(providertest.Answer{Status: 400, Body: `{"code":21211,"message":` + string(quoted) + `}`}), hookSecret, good, "21211"},
		{"failure that echoes", "twilio", answers(providertest.Answer{Status: 201, Body: `{"status":"failed","error_code":30007,"error_message":` + string(quoted) + `}`}), hookSecret, good, "30007"},
		{"echo in place of a code", "twilio", answers(providertest.Answer{Status: 400, Body: `{"code":` + code + `}`}), hookSecret, good, "rejected"},
		{"HTML that echoes", "twilio", answers(providertest.Answer{Status: 500, Body: "<p>" + everything}), hookSecret, good, "answer 500"},
		{"success that echoes", "twilio", answers(providertest.Answer{Status: 201, Body: everything}), hookSecret, good, "not the JSON it should be"},
		{"redirect that echoes", "twilio", answers(providertest.Answer{Status: 302, Header: http.Header{"Location": {"/?" + everything}}}), hookSecret, good, "answer 302"},
		{"half an answer", "twilio", answers(providertest.Answer{Status: 201, Body: everything, Fault: providertest.Half}), hookSecret, good, "broken off"},
		{"garbage for HTTP", "twilio", garbage(t, everything), hookSecret, good, "no answer"},
		{"reset", "twilio", answers(providertest.Answer{Fault: providertest.Reset}), hookSecret, good, "no answer"},
		{"silence", "twilio", answers(providertest.Answer{Fault: providertest.Hang}), hookSecret, good, "after the answer"},
		{"panic", "panicking", refusing, hookSecret, good, "panic"},
		{"an error of another type", "leaking", refusing, hookSecret, good, "an error of type *net.AddrError"},
		{"all in turn", "twilio,panicking,leaking", refusing, hookSecret, good, "panic"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := serving(t, tt.instances, tt.twilio)
			seen, err := auth(t, tt.secret).Call(t.Context(), p.url, tt.body)
			require.NoError(t, err)
			for _, fake := range fakes {
				if fake.URL == tt.twilio {
					fake.Release()
				}
			}
			p.stop() // late attempts are in the log too
			written := p.stdout.String() + p.stderr.String() + replyLine(seen) + seen.Message
			require.Contains(t, written, tt.says)
			for _, secret := range hidden {
				require.NotContains(t, written, secret)
			}
		})
	}
}

// wholeProgram is the variable that makes this test binary be smshook itself. Its value is how long the program lingers.
const wholeProgram = "WHOLE_PROGRAM"

// asProgram are the variables of a process that is smshook itself.
func asProgram(lingers time.Duration) []string {
	// The race detector makes a process end a second late: https://go.dev/doc/articles/race_detector
	return []string{wholeProgram + "=" + lingers.String(), "GORACE=atexit_sleep_ms=0"}
}

// net/http's client logs what a provider sends after its answer, with the global logger of package log.
func TestNothingLeaksThroughTheGlobalLogger(t *testing.T) {
	const echo = "HTTP/1.1 400 028687 15555550142\r\n\r\n"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			io.Copy(io.Discard, r.Body)
		}
		fmt.Fprintf(conn, "HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s%s", len(accepted), accepted, echo)
		conn.Read(make([]byte, 1)) // until the client has read the answer, and closes
	}()
	program := exec.Command(os.Args[0], "send", "-code", "028687", "+15555550142")
	program.Env = serveEnv("http://"+listener.Addr().String(), asProgram(0)...)
	written, err := program.CombinedOutput()
	require.NoError(t, err, "%s", written)
	require.Regexp(t, `^twilio  \S+  accepted as \[SM0+1\]\naccepted\n$`, string(written))
}

// garbage returns the address of a server that answers with a text and not with HTTP.
func garbage(t *testing.T, text string) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				io.Copy(io.Discard, r.Body) // a connection closed over unread bytes is reset
			}
			conn.Write([]byte(text + "\r\n\r\n"))
			conn.Close()
		}
	}()
	return "http://" + listener.Addr().String()
}
