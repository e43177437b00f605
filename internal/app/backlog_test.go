package app

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/config"
)

// stalled is a log that nobody reads until it is let.
type stalled struct {
	buffer
	open chan struct{}
}

func (s *stalled) Write(p []byte) (int, error) {
	<-s.open
	return s.buffer.Write(p)
}

func TestBacklogKeepsAllInOrder(t *testing.T) {
	out := new(buffer)
	b := NewBacklog(out)
	var want strings.Builder
	for i := range 10_000 {
		line := fmt.Sprintf("line %d\n", i)
		want.WriteString(line)
		io.WriteString(b, line)
	}
	b.Close()
	require.Equal(t, want.String(), out.String())
}

// Who has stopped reading the log stops nobody else. Once he reads again, he is told what he has missed.
func TestBacklogIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stalled{open: make(chan struct{})}
		b := NewBacklog(out)
		log := NewLog(config.Config{LogLevel: "info"}, b)
		log.Info().Msg("first")
		time.Sleep(gather)
		synctest.Wait() // it is being written
		const lines = 100
		for i := range lines {
			log.Info().Int("i", i).Str("filler", strings.Repeat("x", backlogLimit/50)).Msg("")
		}
		require.LessOrEqual(t, len(b.lines), backlogLimit)
		close(out.open)
		time.Sleep(2 * gather) // what is left, and what was lost
		synctest.Wait()
		log.Info().Msg("last")
		b.Close()

		var told []string
		kept, missed := 0, 0
		for line := range strings.Lines(out.String()) {
			var entry struct {
				Message string
				I       *int
				Lines   int
			}
			require.NoError(t, json.Unmarshal([]byte(line), &entry))
			if entry.I != nil {
				require.Equal(t, kept, *entry.I)
				kept++
				continue
			}
			told, missed = append(told, entry.Message), missed+entry.Lines
		}
		require.Equal(t, []string{"first", "log lines were dropped: who reads the log is too slow", "last"}, told)
		require.Equal(t, lines, kept+missed)
		require.Greater(t, kept, 40)
	})
}

func TestBacklogEndsWithoutReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stalled{open: make(chan struct{})}
		b := NewBacklog(out)
		io.WriteString(b, "unread\n")
		start := time.Now()
		b.Close()
		require.Equal(t, lastWords, time.Since(start))
		close(out.open)
		synctest.Wait()
		require.Equal(t, "unread\n", out.String())
	})
}
