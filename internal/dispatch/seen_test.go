package dispatch

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSeen(t *testing.T) {
	s := newSeen(100)
	start := time.Now()
	for _, tt := range []struct {
		id    string
		after time.Duration
		first bool
	}{
		{"a", 0, true},
		{"a", 0, false},
		{"b", 59 * time.Second, true},
		{"c", 5 * time.Minute, true},
		{"a", keepSeen, false},
		{"b", keepSeen + 59*time.Second, false},
		{"a", keepSeen + time.Minute, true},
		{"b", keepSeen + time.Minute, true},
		{"c", keepSeen + 5*time.Minute, false},
		{"c", time.Hour, true},
		{"a", time.Hour, true},
	} {
		require.Equal(t, tt.first, s.add(tt.id, start.Add(tt.after)), "%s after %v", tt.id, tt.after)
	}
	require.Equal(t, 2, s.size)
}

// Above the limit, the oldest go first.
func TestSeenIsBounded(t *testing.T) {
	s := newSeen(100)
	start := time.Now()
	for i := range 250 { // ten a minute
		require.True(t, s.add(strconv.Itoa(i), start.Add(time.Duration(i)*6*time.Second)))
		require.LessOrEqual(t, s.size, 100)
	}
	now := start.Add(249 * 6 * time.Second)
	require.False(t, s.add("160", now))
	require.True(t, s.add("100", now))

	s = newSeen(3)
	for i := range 10 {
		require.True(t, s.add(strconv.Itoa(i), start))
		require.LessOrEqual(t, s.size, 3)
	}
}

// What is said of mostSeen holds for fewer calls, too.
func TestSeenIsSmall(t *testing.T) {
	const calls = 1 << 16
	s := newSeen(mostSeen)
	start := time.Now()
	before := heap()
	for i := range calls {
		s.add(strconv.Itoa(i), start.Add(keepSeen*time.Duration(i)/calls))
	}
	grown := heap() - before
	require.Equal(t, calls, s.size)
	runtime.KeepAlive(s)
	require.Less(t, float64(grown)/calls, 40.0, "bytes")
}

// A user's id may be as long as a call.
func TestLongTextsAreNotRemembered(t *testing.T) {
	const calls, long = 100, 200 << 10
	d := newStage(nil, "sms")
	before := heap()
	for i := range calls {
		r := of(fmt.Sprint(i))
		r.User = strings.Repeat("u", long) + r.ID
		r.LastSignIn, r.Stored = strings.Repeat("l", long), strings.Repeat("s", long)
		require.Equal(t, Accepted, d.Send(t.Context(), r).Result, "each is another user")
	}
	grown := heap() - before
	runtime.KeepAlive(d)
	require.Less(t, grown, int64(calls*long/4))
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
