package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/metrics"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/all"
	"github.com/smshook/smshook/providers/providertest"
)

// stage has all parts between Auth and the providers, connected by pipes. Made inside a synctest bubble, it runs in virtual time. The
// instances are Twilio accounts a, b, c …, each with its own fake.
type stage struct {
	dispatcher *dispatch.Dispatcher
	auth       hook.Caller
	fakes      []*providertest.Fake
	hook       *providertest.Pipes
	ended      func(race.Attempt)
}

// newStage makes a stage with one instance for each fake.
func newStage(t *testing.T, unknown race.Unknown, fakes ...*providertest.Fake) *stage {
	return newStageWith(t, unknown, nil, fakes...)
}

// newStageWith is newStage with more settings.
func newStageWith(t *testing.T, unknown race.Unknown, more []string, fakes ...*providertest.Fake) *stage {
	s := &stage{fakes: fakes, hook: providertest.NewPipes()}
	env := []string{"SMSHOOK_SECRETS=" + hookSecret}
	var names []string
	for i, fake := range fakes {
		name := string(rune('a' + i))
		names = append(names, name+"=twilio")
		prefix := strings.ToUpper(name) + "_"
		env = append(env, prefix+"ACCOUNT_SID=AC00000000000000000000000000000000", prefix+"AUTH_TOKEN="+authToken,
			prefix+"FROM=+15005550006", prefix+"BASE_URL="+fake.URL)
	}
	settings, err := config.Load(append(append(env, "SMSHOOK_PROVIDERS="+strings.Join(names, ",")), more...), all.Drivers(), false, nil)
	require.NoError(t, err)
	var instances []*race.Instance
	for i, instance := range settings.Providers {
		provider, err := instance.Provider(providers.Deps{HTTP: fakes[i].Client()})
		require.NoError(t, err)
		instances = append(instances, race.NewInstance(instance.Name, provider, nil, settings.Concurrency))
	}
	runner := &race.Runner{Patience: settings.Patience, Unknown: unknown, Ended: func(a race.Attempt) {
		if s.ended != nil {
			s.ended(a)
		}
	}}
	memory := ledger.NewMemory(ledger.Settings{CallerWaits: hook.AuthWaits, MaxWaiting: settings.Concurrency}, policy.NewMemory(), time.Now)
	s.dispatcher = dispatch.New(dispatch.Settings{CallerWaits: hook.AuthWaits, Budget: settings.Budget, Concurrency: settings.Concurrency, Texts: settings.Texts}, memory, instances, runner, dispatch.Events{})
	front := &server.Server{
		Dispatcher: s.dispatcher, Log: zerolog.Nop(), Metrics: metrics.New("v1"),
		Sentences: server.Sentences{JustSent: settings.TextJustSent, TooMany: settings.TextTooMany, Number: settings.TextNumber, Failed: settings.TextFailed},
	}
	front.Keys.Store(&server.Keys{Hook: settings.Secrets})
	srv := front.HTTP(front.Handler())
	go srv.Serve(s.hook)
	transport := &http.Transport{DialContext: s.hook.Dial, MaxIdleConnsPerHost: 100}
	s.auth = hook.Caller{HTTP: &http.Client{Transport: transport}, Secrets: settings.Secrets}
	t.Cleanup(func() {
		require.NoError(t, s.dispatcher.Drain(context.Background()))
		transport.CloseIdleConnections()
		srv.Close()
	})
	return s
}

// call makes a call of Auth. Each n has its own user and number.
func (s *stage) call(t *testing.T, n int) hook.Seen {
	body := fmt.Appendf(nil, `{"metadata":{"uuid":"%s","time":"%s"},"user":{"id":"user-%d"},"sms":{"otp":"%06d","phone":"1555%07d"}}`,
		providers.NewUUID(), time.Now().Format(time.RFC3339Nano), n, n, n)
	seen, err := s.auth.Call(t.Context(), "http://smshook.test"+server.HookPath, body)
	require.NoError(t, err)
	return seen
}

// dialFunc replaces the function that makes connections.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// withDial replaces the function by which a fake's client makes connections.
func withDial(fake *providertest.Fake, dial dialFunc) *providertest.Fake {
	fake.Client().Transport.(*http.Transport).DialContext = dial
	return fake
}
