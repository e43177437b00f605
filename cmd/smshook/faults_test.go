package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers/providertest"
)

// fault is one way in which an instance fails.
type fault struct {
	name   string
	answer providertest.Answer
	dial   broken
	tls    bool // the address is https

	sends  bool          // a message is sent, and the provider may have accepted it
	silent bool          // there is no answer, or none until after
	after  time.Duration // time of the answer of a silent instance; 0 if there is none
	alone  string        // what the user sees if it is the only instance
}

const (
	ok      = "sees a success"
	notSent = "sees 422 The code could not be sent. Please try again."
)

func faults() []fault {
	answer := func(status int, body string, header ...string) providertest.Answer {
		a := providertest.Answer{Status: status, Body: body, Header: http.Header{}}
		for i := 0; i < len(header); i += 2 {
			a.Header.Set(header[i], header[i+1])
		}
		return a
	}
	blackHole := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return []fault{
		{name: "refused", dial: func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }, alone: notSent},
		{name: "no such host", dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}
		}, alone: notSent},
		{name: "SYN dropped", dial: blackHole, silent: true, alone: notSent},
		{name: "TLS handshake hangs", tls: true, dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() { // it reads the ClientHello and sends nothing
				buffer := make([]byte, 1024)
				for {
					if _, err := server.Read(buffer); err != nil {
						return
					}
				}
			}()
			return client, nil
		}, silent: true, alone: notSent},
		{name: "no TLS there", tls: true, alone: notSent},
		{name: "reset", answer: providertest.Answer{Fault: providertest.Reset}, sends: true, alone: ok},
		{name: "hangs", answer: providertest.Answer{Fault: providertest.Hang}, sends: true, silent: true, alone: ok},
		{name: "slow headers", answer: providertest.Answer{Status: 201, Body: accepted, Delay: 3 * time.Second}, sends: true, silent: true, after: 3 * time.Second, alone: ok},
		{name: "slow body", answer: providertest.Answer{Status: 201, Body: accepted, Drip: 23 * time.Millisecond}, sends: true, silent: true, after: 3 * time.Second, alone: ok},
		{name: "half a body", answer: providertest.Answer{Status: 201, Body: accepted, Fault: providertest.Half}, sends: true, alone: ok},
		{name: "garbage for JSON", answer: answer(201, "{{{"), sends: true, alone: ok},
		{name: "a page", answer: answer(502, "<html>Bad gateway</html>"), sends: true, alone: notSent},
		{name: "429", answer: answer(429, `{"code":20429}`), sends: true, alone: notSent},
		{name: "429 with Retry-After", answer: answer(429, `{"code":20429}`, "Retry-After", "60"), sends: true, alone: notSent},
		{name: "500", answer: answer(500, `{"code":20500}`), sends: true, alone: notSent},
		{name: "503", answer: answer(503, ``, "Retry-After", "60"), sends: true, alone: notSent},
	}
}

func (f fault) fake(t *testing.T) *providertest.Fake {
	fake := providertest.NewPipeFake(t, f.answer)
	if f.dial != nil {
		dialling(fake, f.dial)
	}
	if f.tls {
		fake.URL = strings.Replace(fake.URL, "http:", "https:", 1)
	}
	return fake
}

// wellAfter is the time that a working instance takes.
const wellAfter = 100 * time.Millisecond

// TestFaults tries each fault at each position among one to three instances. The instances before it answer 500, and those after it work.
func TestFaults(t *testing.T) {
	for _, f := range faults() {
		for instances := 1; instances <= 3; instances++ {
			for place := range instances {
				t.Run(fmt.Sprintf("%s/%d of %d", f.name, place+1, instances), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { f.play(t, instances, place) })
				})
			}
		}
	}
}

func (f fault) play(t *testing.T, instances, place int) {
	var fakes []*providertest.Fake
	want := make([]int, instances) // messages that are sent
	for i := range instances {
		switch {
		case i < place:
			fakes = append(fakes, providertest.NewPipeFake(t, providertest.Answer{Status: 500}))
			want[i] = 1
		case i == place:
			fakes = append(fakes, f.fake(t))
			if f.sends {
				want[i] = 1
			}
		default:
			fakes = append(fakes, providertest.NewPipeFake(t, providertest.Answer{Status: 201, Body: accepted, Delay: wellAfter}))
			if i == place+1 {
				want[i] = 1
			}
		}
	}
	s := newStage(t, race.AcceptUnknown, fakes...)
	seen := s.call(t, 1)

	sent := make([]int, instances)
	for i, fake := range fakes {
		sent[i] = len(fake.Requests())
	}
	require.Equal(t, want, sent)
	require.Equal(t, 1, seen.Attempts, "Auth has no reason to repeat")
	if place == instances-1 {
		require.Equal(t, f.alone, userLine(seen))
		require.Equal(t, f.aloneTook(), seen.Took.Truncate(time.Second))
		return
	}
	require.Equal(t, ok, userLine(seen), "the next one delivers")
	start := time.Duration(0)
	if f.silent {
		start = min(4*time.Second/time.Duration(instances-place), 1500*time.Millisecond)
	}
	require.Equal(t, start+wellAfter, seen.Took)
}

// aloneTook is the time, in whole seconds, that the user waits if it is the only instance.
func (f fault) aloneTook() time.Duration {
	switch {
	case f.after > 0:
		return f.after
	case f.silent:
		return 4 * time.Second
	default:
		return 0
	}
}

// If all instances fail, the user gets an error at once. If all are silent, the answer comes at the end of the budget, and SMSHOOK_UNKNOWN
// decides which.
func TestAllInstancesFaulty(t *testing.T) {
	for _, f := range faults() {
		for _, unknown := range []race.Unknown{race.AcceptUnknown, race.FailUnknown} {
			t.Run(f.name+"/"+string(unknown), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStage(t, unknown, f.fake(t), f.fake(t))
					want := f.alone
					if unknown == race.FailUnknown && f.after == 0 {
						want = notSent
					}
					seen := s.call(t, 1)
					require.Equal(t, want, userLine(seen))
					require.Equal(t, f.aloneTook(), seen.Took.Truncate(time.Second))
				})
			})
		}
	}
}

// Auth's second attempt comes after two seconds. There is still enough time for an answer.
func TestSmshookIsDownForTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := providertest.NewPipeFake(t, providertest.Answer{Fault: providertest.Hang})
		working := providertest.NewPipeFake(t, providertest.Answer{Status: 201, Body: accepted, Delay: wellAfter})
		s := newStage(t, race.AcceptUnknown, silent, working)
		up := time.Now().Add(1900 * time.Millisecond)
		transport := s.auth.HTTP.Transport.(*http.Transport)
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if time.Now().Before(up) {
				return nil, syscall.ECONNREFUSED
			}
			return s.door.Dial(ctx, network, address)
		}
		seen := s.call(t, 1)
		require.Equal(t, ok, userLine(seen))
		require.Equal(t, 2, seen.Attempts)
		require.Less(t, seen.Took, 4*time.Second)
		require.Len(t, working.Requests(), 1)
	})
}

// Auth's connection breaks after each answer, and Auth makes the same call three times.
func TestThreeAttemptsOneMessage(t *testing.T) {
	for _, tt := range []struct {
		name  string
		takes time.Duration
	}{{"answered before the next attempt", wellAfter}, {"still under way", 3 * time.Second}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				working := providertest.NewPipeFake(t, providertest.Answer{Status: 201, Body: accepted, Delay: tt.takes})
				s := newStage(t, race.AcceptUnknown, working)
				attempts := 0
				inner := s.auth.HTTP.Transport
				s.auth.HTTP = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					attempts++
					if attempts < 3 { // the connection breaks, and Auth doesn't get the answer
						ctx, cancel := context.WithTimeout(r.Context(), 200*time.Millisecond)
						defer cancel()
						if response, err := inner.RoundTrip(r.WithContext(ctx)); err == nil {
							response.Body.Close()
						}
						return nil, syscall.ECONNRESET
					}
					return inner.RoundTrip(r)
				})}
				seen := s.call(t, 1)
				require.Equal(t, ok, userLine(seen))
				require.Equal(t, 3, seen.Attempts)
				require.Less(t, seen.Took, 5*time.Second)
				require.Len(t, working.Requests(), 1, "only one message")
			})
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestFaultsOverSockets tries the faults that involve the kernel with real sockets, and a short patience.
func TestFaultsOverSockets(t *testing.T) {
	refusing := string(providertest.Refusing(t))
	for _, tt := range []struct {
		name  string
		first func(t *testing.T) string
		sends bool
	}{
		{"refused", func(*testing.T) string { return refusing }, false},
		{"unsigned certificate", func(t *testing.T) string { return providertest.NewUntrustedFake(t).URL }, false},
		{"reset", func(t *testing.T) string {
			return providertest.NewFake(t, providertest.Answer{Fault: providertest.Reset}).URL
		}, true},
		{"closed", func(t *testing.T) string {
			return providertest.NewFake(t, providertest.Answer{Fault: providertest.Close}).URL
		}, true},
		{"half a body", func(t *testing.T) string {
			return providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted, Fault: providertest.Half}).URL
		}, true},
		{"hangs", func(t *testing.T) string {
			return providertest.NewFake(t, providertest.Answer{Fault: providertest.Hang}).URL
		}, true},
		{"500", func(t *testing.T) string { return providertest.NewFake(t, providertest.Answer{Status: 500}).URL }, true},
		{"never accepted", unaccepted, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			working := providertest.NewFake(t, providertest.Answer{Status: 201, Body: accepted})
			p := starting(t, []string{"serve"}, serveEnv(tt.first(t), "SMSHOOK_PATIENCE=200ms", "SMSHOOK_PROVIDERS=twilio,b=twilio",
				"B_ACCOUNT_SID=AC00000000000000000000000000000001", "B_AUTH_TOKEN="+authToken, "B_FROM=+15005550006", "B_BASE_URL="+working.URL)...)
			body := fmt.Appendf(nil, `{"metadata":{"uuid":"%s"},"user":{},"sms":{"otp":"028687","phone":"15555550100"}}`, "1")
			seen, err := auth(t, hookSecret).Call(t.Context(), p.url, body)
			require.NoError(t, err)
			require.Equal(t, ok, userLine(seen))
			require.Len(t, working.Requests(), 1)
		})
	}
}

// unaccepted returns an address at which the kernel completes connections, but no program accepts them.
func unaccepted(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	return "http://" + listener.Addr().String()
}
