package ledger

import (
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSeen(t *testing.T) {
	s := newSeen(100)
	start := At(time.Now())
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
		at := start.Add(tt.after)
		require.Equal(t, tt.first, !s.has(tt.id, at), "%s after %v", tt.id, tt.after)
		if tt.first {
			s.add(tt.id, at)
		}
	}
	require.Equal(t, 2, s.size)
}

// Above the limit, the oldest go first.
func TestSeenIsBounded(t *testing.T) {
	s := newSeen(100)
	start := At(time.Now())
	for i := range 250 { // ten a minute
		s.add(strconv.Itoa(i), start.Add(time.Duration(i)*6*time.Second))
		require.LessOrEqual(t, s.size, 100)
	}
	now := start.Add(249 * 6 * time.Second)
	require.True(t, s.has("160", now))
	require.False(t, s.has("100", now))

	s = newSeen(3)
	for i := range 10 {
		s.add(strconv.Itoa(i), start)
		require.LessOrEqual(t, s.size, 3)
	}
}

// What is said of maxSeen holds for fewer calls, too.
func TestSeenIsSmall(t *testing.T) {
	const calls = 1 << 16
	s := newSeen(maxSeen)
	start := At(time.Now())
	before := heapInUse()
	for i := range calls {
		s.add(strconv.Itoa(i), start.Add(keepSeen*time.Duration(i)/calls))
	}
	grown := heapInUse() - before
	require.Equal(t, calls, s.size)
	runtime.KeepAlive(s)
	require.Less(t, float64(grown)/calls, 40.0, "bytes")
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
