package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkMessageAPI measures requests for one message each, to a process of its own, or to two that share a Postgres, and how fast
// 100,000 messages leave that are due in the same second.
func BenchmarkMessageAPI(b *testing.B) {
	for _, kind := range []string{"", "?synchronous=full", "postgres"} {
		store := map[string]string{"": "sqlite", "?synchronous=full": "sqlite-full"}[kind]
		if store == "" {
			store = kind
		}
		for _, callers := range []int{1, 100} {
			b.Run(fmt.Sprintf("%s, %d callers", store, callers), func(b *testing.B) {
				address, processes := storeOf(b, kind)
				m := newMessageAPI(b, "SMSHOOK_STORE="+address, "SMSHOOK_LOG_LEVEL=info")
				m.env = withoutEvents(m.env)
				m.client.Transport.(*http.Transport).MaxIdleConnsPerHost = callers
				urls := make([]string, processes)
				for i := range urls {
					urls[i] = startBenchProcess(b, m.env).url + "/send-sms"
				}
				var next atomic.Int64
				took := make([][]time.Duration, callers)
				begun := time.Now()
				var calling sync.WaitGroup
				for caller := range callers {
					calling.Go(func() {
						for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
							at := time.Now()
							if err := m.post(urls[caller%processes], fmt.Sprintf(`{"to":"+14155551234","body":"text %d"}`, n)); err != nil {
								b.Error(err)
								return
							}
							took[caller] = append(took[caller], time.Since(at))
						}
					})
				}
				calling.Wait()
				b.ReportMetric(float64(b.N)/time.Since(begun).Seconds(), "accepted/s")
				all := slices.Sorted(slices.Values(slices.Concat(took...)))
				b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "ms-p50")
				b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "ms-p99")
			})
		}
	}
	for _, kind := range []string{"", "postgres"} {
		b.Run("100,000 due at once, "+map[string]string{"": "sqlite", "postgres": "postgres"}[kind], func(b *testing.B) {
			address, processes := storeOf(b, kind)
			m := newMessageAPI(b, "SMSHOOK_STORE="+address, "SMSHOOK_LOG_LEVEL=info")
			m.env, m.delay = withoutEvents(m.env), 20*time.Millisecond
			var running []*soakProcess
			for range processes {
				running = append(running, startBenchProcess(b, m.env))
			}
			const lists, numbers = 100, 1000
			due := time.Now().Add(2 * time.Minute)
			for list := range lists {
				var to []string
				for n := range numbers {
					to = append(to, fmt.Sprintf(`"+1415%07d"`, 2000000+list*numbers+n))
				}
				require.NoError(b, m.post(running[0].url+"/send-sms", fmt.Sprintf(`{"to":[%s],"body":"Hi","scheduled_at":%q}`, strings.Join(to, ","), due.Format(time.RFC3339Nano))))
			}
			b.ReportMetric(time.Until(due).Seconds(), "s-early")
			m.mu.Lock()
			require.Empty(b, m.sent)
			m.mu.Unlock()
			require.Eventually(b, func() bool { return len(m.texts("Hi")) >= lists*numbers }, 10*time.Minute, 100*time.Millisecond)
			sent := m.texts("Hi")
			b.ReportMetric(sent[len(sent)-1].at.Sub(due).Seconds(), "s-until-the-last")
			b.ReportMetric(sent[0].at.Sub(due).Seconds(), "s-until-the-first")
			once := map[string]bool{}
			for _, one := range sent {
				once[one.form.Get("To")] = true
			}
			b.ReportMetric(float64(len(sent)-len(once)), "doubles")
			for i, p := range running {
				b.ReportMetric(peak(b, p.command.Process.Pid), fmt.Sprintf("MB-peak-%d", i+1))
			}
		})
	}
}

func withoutEvents(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(e string) bool { return strings.HasPrefix(e, "SMSHOOK_API_EVENTS_") })
}

// startBenchProcess starts the program, and ends it with the benchmark.
func startBenchProcess(b *testing.B, env []string) *soakProcess {
	p := startProcess(b, env...)
	b.Cleanup(func() {
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
	})
	return p
}

// post makes a request whose answer is only checked for its status.
func (m *messageAPI) post(url, body string) error {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+m.key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := m.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%d %s", answer.StatusCode, text)
	}
	return err
}
