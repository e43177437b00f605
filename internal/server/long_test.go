package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/hook"
)

// A sign-up repeats user_metadata in the identity.
func TestMetadataTwice(t *testing.T) {
	s, _ := newServer(t, accepts)
	metadata := `{"picture":"` + strings.Repeat("x", 1<<20-20) + `"}`
	body := strings.Replace(newCall, `"user":{}`, fmt.Sprintf(`"user":{"user_metadata":%s,"identities":[{"identity_data":%s}]}`, metadata, metadata), 1)
	require.Greater(t, len(body), 2<<20-100)
	require.Equal(t, "200 "+head(2)+" {}", answer(s.Handler(), signed(s, body)))
}

// A long body is in memory once, from its beginning until it is judged, however it is sent.
func TestLongBodiesAreNotCopied(t *testing.T) {
	s, _ := newServer(t, accepts)
	handler := s.Handler()
	body := newCall + strings.Repeat(" ", hook.MaxBody-len(newCall))
	for _, length := range []int64{int64(len(body)), -1} {
		forged := signed(s, newCall)
		forged.Body, forged.ContentLength = io.NopCloser(strings.NewReader(body)), length
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		answer(handler, forged)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(len(body)+len(body)/4), "length %d", length)
	}
}

// The place of a long body is taken until nobody needs the body any more, and only whoever is still sending is crowded out.
func TestLongBodyHasItsPlace(t *testing.T) {
	s, _ := newServer(t, accepts)
	s.long = newLong(1)
	ours, theirs := net.Pipe()
	defer ours.Close()
	r := httptest.NewRequest("POST", HookPath, strings.NewReader(strings.Repeat("x", usualBody+1)))
	body, drop, err := s.readBody(r.WithContext(context.WithValue(t.Context(), connKey{}, theirs)), hook.MaxBody)
	require.NoError(t, err)
	require.Len(t, body, usualBody+1)
	require.Len(t, s.long.slots, 1)
	require.Zero(t, s.long.reading.byAge.Len())
	drop()
	drop()
	require.Empty(t, s.long.slots)

	cut := httptest.NewRequest("POST", HookPath, io.MultiReader(strings.NewReader(strings.Repeat("x", usualBody+1)), errorReader{}))
	_, _, err = s.readBody(cut.WithContext(context.WithValue(t.Context(), connKey{}, theirs)), hook.MaxBody)
	require.Equal(t, errCutOff, err)
	require.Empty(t, s.long.slots)
	require.Zero(t, s.long.reading.byAge.Len())
}
