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

// stalled is a log that is not read until open is closed.
type stalled struct {
	buffer
	open chan struct{}
}

func (s *stalled) Write(p []byte) (int, error) {
	<-s.open
	return s.buffer.Write(p)
}

func TestLogBufferKeepsLinesInOrder(t *testing.T) {
	out := new(buffer)
	b := NewLogBuffer(out)
	var want strings.Builder
	for i := range 10_000 {
		line := fmt.Sprintf("line %d\n", i)
		want.WriteString(line)
		io.WriteString(b, line)
	}
	b.Close()
	require.Equal(t, want.String(), out.String())
}

// If the log isn't read, lines are dropped. When it is read again, it says how many.
func TestLogBufferDropsLinesIfTheLogIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stalled{open: make(chan struct{})}
		b := NewLogBuffer(out)
		log := NewLog(config.Config{LogLevel: "info"}, b)
		log.Info().Msg("first")
		time.Sleep(gatherTime)
		synctest.Wait() // the write blocks now
		const lines = 100
		for i := range lines {
			log.Info().Int("i", i).Str("filler", strings.Repeat("x", logBufferSize/50)).Msg("")
		}
		require.LessOrEqual(t, len(b.lines), logBufferSize)
		close(out.open)
		time.Sleep(2 * gatherTime) // for the remaining lines, and for the line about the dropped ones
		synctest.Wait()
		log.Info().Msg("last")
		b.Close()

		var messages []string
		kept, dropped := 0, 0
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
			messages, dropped = append(messages, entry.Message), dropped+entry.Lines
		}
		require.Equal(t, []string{"first", "log lines were dropped: the log's reader is too slow", "last"}, messages)
		require.Equal(t, lines, kept+dropped)
		require.Greater(t, kept, 40)
	})
}

func TestLogBufferCloseDoesNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stalled{open: make(chan struct{})}
		b := NewLogBuffer(out)
		io.WriteString(b, "unread\n")
		start := time.Now()
		b.Close()
		require.Equal(t, closeTimeout, time.Since(start))
		close(out.open)
		synctest.Wait()
		require.Equal(t, "unread\n", out.String())
	})
}
