package race

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// script is what a provider does with each message.
type script struct {
	sends   time.Duration // when the request has been sent; never, if this is after the end
	takes   time.Duration // until the end
	err     error
	channel string
	panics  any
	ignores bool // the end of its context
}

// scriptedProvider follows its script, and counts the requests that reach it.
type scriptedProvider struct {
	script
	mu      sync.Mutex
	reached int // requests that have been sent
	asked   int
}

func (s *scriptedProvider) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	s.mu.Lock()
	s.asked++
	script := s.script
	s.mu.Unlock()
	if script.panics != nil {
		panic(script.panics)
	}
	if !sleep(ctx, min(script.sends, script.takes)) {
		return providers.Sent{}, &providers.Error{Kind: providers.Temporary, Err: ctx.Err()}
	}
	if script.sends <= script.takes {
		httptrace.ContextClientTrace(ctx).WroteHeaders()
		s.mu.Lock()
		s.reached++
		s.mu.Unlock()
	}
	if script.ignores {
		ctx = context.Background()
	}
	if !sleep(ctx, script.takes-script.sends) {
		return providers.Sent{}, &providers.Error{Kind: providers.Unknown, Err: ctx.Err()}
	}
	return providers.Sent{IDs: []string{"1"}}, script.err
}

func (s *scriptedProvider) Channel() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.channel == "" {
		return "sms"
	}
	return s.channel
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func fails(kind providers.Kind) script {
	return script{err: &providers.Error{Kind: kind, Code: "7", Err: errors.New("no")}}
}

const (
	never  = time.Hour
	ms     = time.Millisecond
	budget = 4 * time.Second
)

// fixture is a Runner with instances a, b, c …
type fixture struct {
	*Runner
	instances []*scriptedProvider
	route     []*Instance
	ended     []Attempt
	mu        sync.Mutex
}

func newFixture(scripts ...script) *fixture {
	f := &fixture{}
	f.Runner = &Runner{Patience: 1500 * ms, Unknown: AcceptUnknown, Ended: func(a Attempt) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.ended = append(f.ended, a)
	}}
	for i, script := range scripts {
		provider := &scriptedProvider{script: script}
		f.instances = append(f.instances, provider)
		f.route = append(f.route, NewInstance(string(rune('a'+i)), provider, nil, 100))
	}
	return f
}

// open opens the circuit breaker of an instance.
func (f *fixture) open(i int) {
	for range failuresToOpen {
		f.route[i].breaker.begin().done(errFailed)
	}
}

// slow makes an instance slow.
func (f *fixture) slow(i int) {
	for range slowToReorder {
		f.route[i].slow.add()
	}
}

func (f *fixture) run(ctx context.Context) (Outcome, time.Duration) {
	start := time.Now()
	outcome := f.send(ctx)
	took := time.Since(start)
	synctest.Wait() // another goroutine may report to the breaker just now
	return outcome, took
}

// send is for concurrent calls. It waits for no other goroutine.
func (f *fixture) send(ctx context.Context) Outcome {
	start := time.Now()
	return f.Run(ctx, Entry{Message: providers.Message{ID: "m"}, Route: f.route, ReceivedAt: start, Deadline: start.Add(budget)})
}

// drained waits for all attempts and returns how many messages were sent, by instance.
func (f *fixture) drained(t *testing.T) string {
	require.NoError(t, f.Drain(t.Context()))
	synctest.Wait()
	var counts []string
	for i, p := range f.instances {
		p.mu.Lock()
		counts = append(counts, fmt.Sprintf("%c%d", 'a'+i, p.reached))
		p.mu.Unlock()
	}
	return strings.Join(counts, " ")
}

func describe(attempts []Attempt) string {
	var texts []string
	for _, a := range attempts {
		text := a.Instance + ":ok"
		if a.Err != nil {
			text = a.Instance + ":" + a.Err.Kind.String()
		}
		if a.Pending {
			text += "?"
		}
		if a.Late {
			text += "!"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}
