package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := Throttle{First: 3}
		start := time.Now()
		for _, tt := range []struct {
			at   time.Duration
			name string
			want string
		}{
			{0, "a", "1 true"},
			{0, "a", "1 true"},
			{time.Second, "a", "1 true"},
			{time.Second, "a", "0 false"},
			{time.Second, "b", "1 true"},
			{time.Minute, "a", "0 false"}, // 59 s after the last line
			{61 * time.Second, "a", "3 true"},
			{61 * time.Second, "a", "0 false"},
			{61 * time.Second, "b", "1 true"},
			{61 * time.Second, "b", "1 true"},
			{5 * time.Minute, "a", "2 true"}, // the suppressed line is counted first
			{5 * time.Minute, "a", "0 false"},
			{6 * time.Minute, "a", "2 true"},
			{7 * time.Minute, "a", "1 true"}, // after a minute without lines, the first lines are written again
			{7 * time.Minute, "a", "1 true"},
			{7 * time.Minute, "a", "1 true"},
			{7 * time.Minute, "a", "0 false"},
		} {
			time.Sleep(time.Until(start.Add(tt.at)))
			times, ok := throttle.Take(tt.name)
			require.Equal(t, tt.want, fmt.Sprint(times, " ", ok), "%s at %v", tt.name, tt.at)
		}
		for i := range 10 * maxSubjects {
			throttle.Take(fmt.Sprint("made up ", i))
		}
		require.Len(t, throttle.subjects, maxSubjects)
	})
}

// Without First, it writes one line a minute.
func TestZeroThrottleWritesOneLineAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var throttle Throttle
		var got []string
		for range 5 {
			times, ok := throttle.Take("a")
			got = append(got, fmt.Sprint(times, ok))
			time.Sleep(30 * time.Second)
		}
		require.Equal(t, []string{"1 true", "0 false", "2 true", "0 false", "2 true"}, got)
	})
}

// Forged calls can't fill the log. All are counted. For each reason, the log has one line a minute with the number of calls.
func TestForgedCallsAreLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, written := newServer(t, accepts)
		handler := s.Handler()
		const calls = 1000
		attack := func() {
			for range calls {
				forged := signed(s, newCall)
				forged.Body = io.NopCloser(strings.NewReader(oldCall))
				answer(handler, forged)
				answer(handler, httptest.NewRequest(http.MethodPost, HookPath, nil))
			}
		}
		attack()
		time.Sleep(time.Minute)
		attack()
		logged := map[string][]float64{}
		for line := range strings.Lines(written.String()) {
			var entry struct {
				Reason string
				Times  float64
			}
			require.NoError(t, json.Unmarshal([]byte(line), &entry))
			logged[entry.Reason] = append(logged[entry.Reason], entry.Times)
		}
		want := []float64{0, 0, 0, 0, 0, calls - firstRefusals + 1}
		require.Equal(t, map[string][]float64{
			"the signature matches none of our secrets": want,
			"a webhook-id, webhook-timestamp or webhook-signature header is missing: Auth signs its calls, and smshook sign signs one for a test": want,
		}, logged)
		w := httptest.NewRecorder()
		s.Metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		require.Contains(t, w.Body.String(), fmt.Sprintf("smshook_hooks_total{result=\"forged\"} %d\n", 4*calls))
		written.Reset()
		answer(handler, signed(s, newCall))
		require.Contains(t, written.String(), `"result":"accepted"`, "each call of Auth is logged")
	})
}
