package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

// TestRestart stops the program during calls, as an operator's system does, and then starts it again. In between, the port is closed. Auth
// tries each call three times, at 0, 2 and 4 s, and none may be lost.
//
// The important calls are those around the time when the port closes, a second after SIGTERM. Those just before it are the last to be
// answered: they decide how long the port is closed. Those just after it are refused twice, and have one second left at the third time.
func TestRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("Auth waits for seconds between its attempts")
	}
	working := providertest.Answer{Status: 201, Body: accepted, Delay: normalDelay}
	hangs := providertest.Answer{Fault: providertest.Hang}
	slow := providertest.Answer{Status: 201, Body: accepted, Delay: 3 * time.Second}
	for _, tt := range []struct {
		name      string
		instances []providertest.Answer
		delivered int // index of the instance that delivers
	}{
		{"working", []providertest.Answer{working}, 0},
		{"the first hangs", []providertest.Answer{hangs, working}, 1},
		{"takes 3 s", []providertest.Answer{slow}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			addr := freeAddr(t)
			env := []string{"SMSHOOK_ADDR=" + addr, "SMSHOOK_SECRETS=" + hookSecret, "SMSHOOK_POLICY=observe"}
			var names []string
			var fakes []*providertest.Fake
			for i, answer := range tt.instances {
				fake, name := providertest.NewFake(t, answer), string(rune('a'+i))
				fakes, names = append(fakes, fake), append(names, name+"=twilio")
				name = strings.ToUpper(name)
				env = append(env, name+"_ACCOUNT_SID=AC00000000000000000000000000000000", name+"_AUTH_TOKEN="+authToken,
					name+"_FROM=+15005550006", name+"_BASE_URL="+fake.URL)
			}
			env = append(env, "SMSHOOK_PROVIDERS="+strings.Join(names, ","))
			first := startProcess(t, env...)

			const calls, every, from = 24, 50 * time.Millisecond, 400 * time.Millisecond // until 0.6 s after the port has closed
			caller := auth(t, hookSecret)
			caller.HTTP.Transport.(*http.Transport).MaxIdleConnsPerHost = calls
			seen := make([]hook.Seen, calls)
			var calling sync.WaitGroup
			for n := range calls {
				calling.Go(func() {
					time.Sleep(from + time.Duration(n)*every)
					body := fmt.Appendf(nil, `{"metadata":{"uuid":"%s","time":"%s"},"user":{"id":"user-%d"},"sms":{"otp":"%s","phone":"1555%07d"}}`,
						providers.NewUUID(), time.Now().UTC().Format(time.RFC3339Nano), n, restartCode(n), n)
					seen[n], _ = caller.Call(t.Context(), "http://"+addr+server.HookPath, body)
				})
			}
			start := time.Now()
			first.stop(t)
			ended := time.Since(start)
			startProcess(t, env...)
			t.Logf("ended after %v, served again after %v", ended, time.Since(start))
			calling.Wait()

			again := 0
			for n := range seen {
				require.Equal(t, ok, userLine(seen[n]), "call %d, after %d attempts; the port was closed until %v: %v", n, seen[n].Attempts, time.Since(start), seen[n].Cause)
				if seen[n].Attempts > 1 {
					again++
				}
			}
			require.NotZero(t, again, "some calls must come while the port is closed")
			sent := map[string]int{}
			for _, request := range fakes[tt.delivered].Requests() {
				for n := range calls {
					sent[restartCode(n)] += strings.Count(request.Body, restartCode(n))
				}
			}
			for n := range calls {
				require.Equal(t, 1, sent[restartCode(n)], "messages of call %d", n)
			}
		})
	}
}

func restartCode(n int) string { return fmt.Sprintf("77%04d", n) }
