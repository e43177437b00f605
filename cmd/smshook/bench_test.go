package main

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/all"
)

// The benchmarks run the server in a process of its own. Its CPU time and its allocations are then separate from those of the callers and
// of the provider. The floor is the smallest program that answers the hook.

// benchServer is the variable that makes this test binary a server. Its value says which server.
const benchServer = "BENCH_SERVER"

const benchKey = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjU"

// floor verifies the HMAC, reads two fields, posts the form with a keep-alive client and decodes the provider's answer.
func floor(provider string) http.Handler {
	key, _ := base64.StdEncoding.DecodeString(benchKey)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(r.Header.Get("webhook-id") + "." + r.Header.Get("webhook-timestamp") + "."))
		mac.Write(body)
		want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		if !hmac.Equal([]byte(want), []byte(r.Header.Get("webhook-signature"))) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var call struct {
			SMS struct{ OTP, Phone string }
		}
		if err := json.Unmarshal(body, &call); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		form := url.Values{"To": {"+" + call.SMS.Phone}, "From": {"+15005550006"}, "Body": {"Your code is " + call.SMS.OTP}}
		request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, provider, strings.NewReader(form.Encode()))
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.SetBasicAuth("AC00000000000000000000000000000000", authToken)
		response, err := client.Do(request)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		var answer struct{ SID string }
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.SID == "" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, "{}")
	})
}

// usage is what a server has used since its start.
type usage struct {
	CPU     time.Duration
	Mallocs uint64
}

// serveBench is the server's process. For each line of input, it prints its usage.
func serveBench(kind string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("http://" + listener.Addr().String() + server.HookPath)
	if kind == "floor" {
		go http.Serve(listener, floor(os.Getenv("TWILIO_BASE_URL")))
	} else {
		collectLess()
		settings, err := config.Load(os.Environ(), all.Drivers(), false, nil)
		if err != nil {
			panic(err)
		}
		sh := &shell{stdout: io.Discard, stderr: os.NewFile(3, "log")}
		go sh.serve(context.Background(), settings, sh.loader(false, nil), listener, 0)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var used syscall.Rusage
		var memory runtime.MemStats
		syscall.Getrusage(syscall.RUSAGE_SELF, &used)
		runtime.ReadMemStats(&memory)
		json.NewEncoder(os.Stdout).Encode(usage{time.Duration(used.Utime.Nano() + used.Stime.Nano()), memory.Mallocs})
	}
}

// process is a server in a process of its own.
type process struct {
	url    string
	input  io.Writer
	output *bufio.Reader
}

func startBench(b *testing.B, kind string, env ...string) *process {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), append(env, benchServer+"="+kind)...)
	command.Stderr = os.Stderr
	log, logged, err := os.Pipe() // as under Docker and systemd, a reader takes the log from a pipe
	if err != nil {
		b.Fatal(err)
	}
	command.ExtraFiles = []*os.File{logged}
	input, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	logged.Close()
	go io.Copy(io.Discard, log)
	b.Cleanup(func() {
		input.Close()
		command.Wait()
		log.Close()
	})
	p := &process{input: input, output: bufio.NewReader(output)}
	line, err := p.output.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	p.url = strings.TrimSpace(line)
	return p
}

func (p *process) usage(b *testing.B) usage {
	fmt.Fprintln(p.input)
	line, err := p.output.ReadBytes('\n')
	if err != nil {
		b.Fatal(err)
	}
	var u usage
	if err := json.Unmarshal(line, &u); err != nil {
		b.Fatal(err)
	}
	return u
}

// load makes calls over a number of connections. Each call has its own user, IP address and number.
type load struct {
	secrets hook.Secrets
	client  *http.Client
	calls   atomic.Int64
}

func newLoad(b *testing.B, connections int) *load {
	l := &load{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}}
	if err := l.secrets.UnmarshalText([]byte("v1,whsec_" + benchKey)); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(l.client.CloseIdleConnections)
	return l
}

// call makes one call, of the size of a captured one, and returns the time until its answer.
func (l *load) call(b *testing.B, url string) time.Duration {
	n := l.calls.Add(1)
	body := fmt.Appendf(nil, `{"metadata":{"uuid":"%s","time":"%s","name":"send-sms","ip_address":"2001:db8:%x:%x::1"},`+
		`"user":{"id":"user-%d","aud":"authenticated","role":"authenticated","email":"","phone":"1555%07d","user_metadata":{"filler":"%s"}},`+
		`"sms":{"otp":"%06d","phone":"1555%07d"}}`, providers.NewUUID(), time.Now().Format(time.RFC3339Nano), n>>16, n&0xffff, n, n%1e7, strings.Repeat("x", 700), n%1e6, n%1e7)
	request, err := hook.Caller{Secrets: l.secrets}.Request(context.Background(), url, body)
	if err != nil {
		b.Error(err)
		return 0
	}
	start := time.Now()
	response, err := l.client.Do(request)
	if err != nil {
		b.Error(err)
		return 0
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || string(answer) != "{}" {
		b.Errorf("answer %d %s %v", response.StatusCode, answer, err)
	}
	return time.Since(start)
}

// run makes n calls over as many connections as there are workers.
func (l *load) run(b *testing.B, url string, n, workers int) {
	var left atomic.Int64
	left.Store(int64(n))
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for left.Add(-1) >= 0 {
				l.call(b, url)
			}
		})
	}
	working.Wait()
}

// benchProvider returns the address of a provider that accepts every message at once.
func benchProvider(b *testing.B) string {
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, accepted)
	}))
	b.Cleanup(provider.Close)
	return provider.URL
}

// benchEnv returns the settings of a careful operator: two instances, receipts, the log, and the rate limits that don't need a number's
// country. Limits that count several of the calls together are high.
func benchEnv(first, second string) []string {
	return append(serveEnv(first), "SMSHOOK_LOG_LEVEL=info", "SMSHOOK_PROVIDERS=twilio,b=twilio",
		"B_ACCOUNT_SID=AC00000000000000000000000000000001", "B_AUTH_TOKEN="+authToken, "B_FROM=+15005550006", "B_BASE_URL="+second,
		"SMSHOOK_PUBLIC_URL=https://sms.example.com", "SMSHOOK_RECEIPT_SECRET="+benchKey,
		"SMSHOOK_LIMIT_PHONE=5/10m", "SMSHOOK_LIMIT_IP=100/1h", "SMSHOOK_LIMIT_PREFIX=1000000/1h", "SMSHOOK_LIMIT_TOTAL=1000000/1h")
}

// BenchmarkHook measures the cost of a call, beside the floor's: 32 connections, a provider that answers at once, both servers in turn. The
// figures are the medians of the turns, because other programs on the machine disturb some of them.
func BenchmarkHook(b *testing.B) {
	const connections, batch = 32, 2000
	provider := benchProvider(b)
	floor, smshook := startBench(b, "floor", "TWILIO_BASE_URL="+provider), startBench(b, "smshook", benchEnv(provider, provider)...)
	l := newLoad(b, connections)
	turn := func(p *process) (cpu, mallocs float64) {
		before := p.usage(b)
		l.run(b, p.url, batch, connections)
		after := p.usage(b)
		return float64((after.CPU - before.CPU).Nanoseconds()) / 1000 / batch, float64(after.Mallocs-before.Mallocs) / batch
	}
	turn(floor) // warm-up
	turn(smshook)
	var cpus, floorCPUs, ratios, mallocs, above []float64
	for b.Loop() {
		floorCPU, floorMallocs := turn(floor)
		cpu, m := turn(smshook)
		cpus, floorCPUs, ratios = append(cpus, cpu), append(floorCPUs, floorCPU), append(ratios, cpu/floorCPU)
		mallocs, above = append(mallocs, m), append(above, m-floorMallocs)
	}
	b.ReportMetric(median(floorCPUs), "floor-cpu-µs/hook")
	b.ReportMetric(median(cpus), "cpu-µs/hook")
	b.ReportMetric(median(ratios), "cpu-ratio")
	b.ReportMetric(median(mallocs), "allocs/hook")
	b.ReportMetric(median(above), "allocs-above-floor/hook")
	b.ReportMetric(0, "ns/op")
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// BenchmarkStart measures the program as it is built for the image: its size, the time from its start to its first answer, and its memory
// then and after a thousand calls.
func BenchmarkStart(b *testing.B) {
	binary, size := buildProgram(b)
	provider := benchProvider(b)
	l := newLoad(b, 8)
	var first, idle, used []float64
	for b.Loop() {
		start := time.Now()
		program, address := startProgram(b, binary, benchEnv(provider, provider))
		first = append(first, float64(time.Since(start).Microseconds())/1000)
		time.Sleep(200 * time.Millisecond)
		idle = append(idle, resident(b, program.Process.Pid))
		l.run(b, "http://"+address+server.HookPath, 1000, 8)
		used = append(used, resident(b, program.Process.Pid))
		program.Process.Kill()
		program.Wait()
	}
	b.ReportMetric(size, "binary-MB")
	b.ReportMetric(median(first), "first-answer-ms")
	b.ReportMetric(median(idle), "rss-idle-MB")
	b.ReportMetric(median(used), "rss-after-1000-MB")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkRemembered is the memory of the program once it remembers as many messages as it ever does, under load. At 500 hooks a
// second that takes 131 s; here they come as fast as they can.
func BenchmarkRemembered(b *testing.B) {
	const messages, batch = 1 << 16, 1 << 12
	binary, _ := buildProgram(b)
	provider := benchProvider(b)
	l := newLoad(b, 8)
	for b.Loop() {
		program, address := startProgram(b, binary, append(benchEnv(provider, provider), "SMSHOOK_LIMIT_PHONE=off", "SMSHOOK_LIMIT_IP=off"))
		most := 0.0
		for range messages / batch {
			l.run(b, "http://"+address+server.HookPath, batch, 8)
			most = max(most, resident(b, program.Process.Pid))
		}
		b.ReportMetric(most, "rss-remembered-MB")
		program.Process.Kill()
		program.Wait()
	}
	b.ReportMetric(0, "ns/op")
}

// buildProgram builds the program as it is in the image, and returns where it is and its size in MB.
func buildProgram(b *testing.B) (binary string, size float64) {
	binary = filepath.Join(b.TempDir(), "smshook")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-tags", "timetzdata", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	file, err := os.Stat(binary)
	if err != nil {
		b.Fatal(err)
	}
	return binary, float64(file.Size()) / 1e6
}

// startProgram starts the program, and returns when it answers.
func startProgram(b *testing.B, binary string, env []string) (program *exec.Cmd, address string) {
	address = freeAddress(b)
	program = exec.Command(binary)
	program.Env = append(env, "SMSHOOK_ADDR="+address)
	if err := program.Start(); err != nil {
		b.Fatal(err)
	}
	untilHealthy(b, address)
	return program, address
}

func freeAddress(b *testing.B) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func untilHealthy(b *testing.B, address string) {
	for range 100_000 {
		response, err := http.Get("http://" + address + "/healthz")
		if err == nil {
			response.Body.Close()
			return
		}
	}
	b.Fatal("the program doesn't answer")
}

// resident returns the memory of a process in MB; 0 on systems without /proc.
func resident(b *testing.B, pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	var kib float64
	if _, err := fmt.Sscanf(after, "%g kB", &kib); err != nil {
		b.Fatal(err)
	}
	return kib * 1024 / 1e6
}

// BenchmarkFallback measures how long users wait when the first of two instances fails at once: 25 calls a second for ten seconds.
func BenchmarkFallback(b *testing.B) {
	failing := func(status int) string {
		provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.WriteHeader(status)
		}))
		b.Cleanup(provider.Close)
		return provider.URL
	}
	working := benchProvider(b)
	for _, tt := range []struct {
		name string
		env  []string
	}{
		{"single", append(benchEnv(working, working), "SMSHOOK_PROVIDERS=twilio")},
		{"healthy", benchEnv(working, working)},
		{"500", benchEnv(failing(500), working)},
		{"429", benchEnv(failing(429), working)},
		{"refused", benchEnv("http://127.0.0.1:1", working)},
	} {
		b.Run(tt.name, func(b *testing.B) {
			s := startBench(b, "smshook", tt.env...)
			l := newLoad(b, 32)
			l.run(b, s.url, 100, 8) // warm-up
			var took []time.Duration
			for b.Loop() {
				took = append(took, l.steady(b, s.url, 250, 40*time.Millisecond)...)
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// steady makes n calls, one every interval. It doesn't wait for the answers.
func (l *load) steady(b *testing.B, url string, n int, interval time.Duration) []time.Duration {
	took := make([]time.Duration, n)
	var calling sync.WaitGroup
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for i := range n {
		<-tick.C
		calling.Go(func() { took[i] = l.call(b, url) })
	}
	calling.Wait()
	return took
}
