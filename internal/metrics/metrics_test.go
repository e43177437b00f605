package metrics

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// all returns metrics that have each been counted, and a function that returns them as text.
func all() (*Metrics, func() string) {
	m := New("v1.2.3")
	m.Hook("accepted", 20*time.Millisecond)
	m.HookRefused("forged")
	m.Attempt("twilio", Accepted, 20*time.Millisecond, 2)
	m.Attempt("twilio", "temporary", time.Second, 1)
	m.Attempt("twilio", Accepted, 20*time.Millisecond, -1)
	m.Double("twilio")
	m.Resend("twilio")
	m.Refusal("phone", false)
	m.Receipt("twilio", "GB", "delivered")
	m.Delivered("twilio", 3*time.Second)
	m.ReceiptRefused("twilio", 403)
	m.ReceiptUnknown("twilio")
	m.LateFallback("whatsapp", "channel", true)
	m.Messages(func() uint64 { return 1 })
	m.API("shop", 200, 20*time.Millisecond)
	m.API("", 401, time.Millisecond)
	m.APIMessages("shop", 2, 0)
	m.Store(func() uint64 { return 4 })
	m.Replica(func() bool { return true }, func() bool { return false }, func() uint64 { return 5 }, func() uint64 { return 6 })
	m.Panic()
	m.Job("hook", "accepted", 20*time.Millisecond)
	m.Job("message", "accepted", time.Second)
	worker := m.Outbox("hook")
	worker.Claimed(3)
	worker.Ended(Done)
	worker.Ended(Overtaken)
	m.OutboxDepth(func(context.Context) (map[string]Depth, error) {
		return map[string]Depth{"hook": {Waiting: 1, Later: 2, Claimed: 3, Oldest: 1500 * time.Millisecond}}, nil
	}, map[string]bool{"hook": true, "message": false})
	return m, func() string {
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Body.String()
	}
}

func TestMetrics(t *testing.T) {
	m, shown := all()
	state := "closed"
	m.Instance("twilio")
	for _, one := range []string{"closed", "half-open", "open"} {
		m.BreakerState("twilio", one, func() bool { return state == one })
	}
	m.InstancePatience("twilio", func() time.Duration { return 300 * time.Millisecond })
	m.Limits(func() uint64 { return 7 }, func() uint64 { return 8 })
	var own []string
	for line := range strings.Lines(shown()) {
		if strings.HasPrefix(line, "smshook_") && !strings.Contains(line, "_bucket") && !strings.Contains(line, "build_info") {
			own = append(own, strings.TrimSpace(line))
		}
	}
	slices.Sort(own)
	require.Equal(t, strings.TrimSpace(`
smshook_api_duration_seconds_count 1
smshook_api_duration_seconds_sum 0.02
smshook_api_messages_total{answer="taken",caller="shop"} 2
smshook_api_requests_total{caller="",status="401"} 1
smshook_api_requests_total{caller="shop",status="200"} 1
smshook_attempt_duration_seconds_count{provider="twilio"} 3
smshook_attempt_duration_seconds_sum{provider="twilio"} 1.04
smshook_attempts_total{kind="accepted",provider="twilio"} 2
smshook_attempts_total{kind="temporary",provider="twilio"} 1
smshook_calls_without_source_total 7
smshook_circuit_breaker_state{provider="twilio",state="closed"} 1
smshook_circuit_breaker_state{provider="twilio",state="half-open"} 0
smshook_circuit_breaker_state{provider="twilio",state="open"} 0
smshook_delivery_seconds_count{provider="twilio"} 1
smshook_delivery_seconds_sum{provider="twilio"} 3
smshook_doubles_total{provider="twilio"} 1
smshook_hook_duration_seconds_count 1
smshook_hook_duration_seconds_sum 0.02
smshook_hooks_total{result="accepted"} 2
smshook_hooks_total{result="failed"} 0
smshook_hooks_total{result="forged"} 1
smshook_late_fallbacks_total{accepted="true",kind="channel",provider="whatsapp"} 1
smshook_limit_keys_forgotten_total 8
smshook_messages_forgotten_total 1
smshook_outbox_claims_total{topic="hook"} 3
smshook_outbox_ended_total{how="again",topic="hook"} 0
smshook_outbox_ended_total{how="done",topic="hook"} 1
smshook_outbox_ended_total{how="expired",topic="hook"} 0
smshook_outbox_ended_total{how="lost",topic="hook"} 0
smshook_outbox_ended_total{how="overtaken",topic="hook"} 1
smshook_outbox_items{state="claimed",topic="hook"} 3
smshook_outbox_items{state="claimed",topic="message"} 0
smshook_outbox_items{state="later",topic="hook"} 2
smshook_outbox_items{state="later",topic="message"} 0
smshook_outbox_items{state="waiting",topic="hook"} 1
smshook_outbox_items{state="waiting",topic="message"} 0
smshook_outbox_oldest_seconds{topic="hook"} 1.5
smshook_outbox_oldest_seconds{topic="message"} 0
smshook_outbox_seconds_count{topic="hook"} 1
smshook_outbox_seconds_count{topic="message"} 1
smshook_outbox_seconds_sum{topic="hook"} 0.02
smshook_outbox_seconds_sum{topic="message"} 1
smshook_outbox_worker{topic="hook"} 1
smshook_outbox_worker{topic="message"} 0
smshook_panics_total 1
smshook_patience_seconds{provider="twilio"} 0.3
smshook_receipts_refused_total{provider="twilio",status="403"} 1
smshook_receipts_total{country="GB",provider="twilio",state="delivered"} 1
smshook_receipts_unknown_total{provider="twilio"} 1
smshook_refusals_total{observed="false",rule="phone"} 1
smshook_resends_total{provider="twilio"} 1
smshook_segments_total{provider="twilio"} 2
smshook_store_away 1
smshook_store_dropped_total 6
smshook_store_held 0
smshook_store_missed_total 4
smshook_store_written_afterwards_total 5`), strings.Join(own, "\n"))
	require.Regexp(t, `smshook_build_info\{go="go[^"]+",version="v1.2.3"\} 1`, shown())
	require.Contains(t, shown(), "go_goroutines")
	state = "open"
	require.Contains(t, shown(), `smshook_circuit_breaker_state{provider="twilio",state="open"} 1`)
}

// While the queue can't be asked, its depth is missing: a 0 would say that nothing waits.
func TestTheDepthIsMissing(t *testing.T) {
	m := New("")
	m.OutboxDepth(func(context.Context) (map[string]Depth, error) { return nil, errors.New("away") }, map[string]bool{"hook": true})
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	require.Contains(t, w.Body.String(), `smshook_outbox_worker{topic="hook"} 1`)
	require.NotContains(t, w.Body.String(), "smshook_outbox_items")
	require.NotContains(t, w.Body.String(), "smshook_outbox_oldest_seconds")
}

// An alert on a metric that doesn't exist never fires.
func TestAlertsNameMetrics(t *testing.T) {
	m, shown := all()
	m.BreakerState("twilio", "open", func() bool { return false })
	alerts, err := os.ReadFile("../../cmd/smshook/examples/alerts.yml")
	require.NoError(t, err)
	exposed := shown()
	named := 0
	for _, expr := range regexp.MustCompile(`(?m)^ *expr: (>-\n(?: {10}.*\n)+|.*\n)`).FindAllStringSubmatch(string(alerts), -1) {
		if strings.HasPrefix(expr[1], "up{") {
			continue // Prometheus adds this one itself
		}
		metrics := regexp.MustCompile(`smshook_\w+`).FindAllString(expr[1], -1)
		require.NotEmpty(t, metrics, expr[1])
		for _, name := range metrics {
			require.Regexp(t, `(?m)^`+name+`[{ ]`, exposed, expr[1])
			named++
		}
		for _, label := range regexp.MustCompile(`[{,](\w+)=~?"`).FindAllStringSubmatch(expr[1], -1) {
			require.Contains(t, exposed, label[1]+`="`, expr[1])
		}
	}
	require.Equal(t, strings.Count(string(alerts), "alert:"), strings.Count(string(alerts), "expr:"))
	require.Greater(t, named, 16)
}

func BenchmarkMetrics(b *testing.B) {
	m := New("v1.2.3")
	b.ReportAllocs()
	for b.Loop() {
		m.Hook("accepted", 20*time.Millisecond)
		m.Attempt("twilio", Accepted, 20*time.Millisecond, 1)
	}
}
