package app

import (
	"io"
	"sync"
	"time"
)

// LogBuffer passes log lines on to a writer from a goroutine of its own, many lines in one write. The writer may be slow or may block:
// no call waits for it. Lines stay in order. If the buffer is full, lines are dropped and counted. Write may be called concurrently.
type LogBuffer struct {
	out       io.Writer
	onDropped func(lines int) // called from the goroutine when there is room again

	mu      sync.Mutex
	lines   []byte
	dropped int // since the last write
	closing bool

	wake chan struct{}
	done chan struct{}
}

const (
	logBufferSize = 1 << 20 // in bytes: about 2,000 lines
	// gatherTime is how long a line waits for others. A write for each line costs more than the line itself: it also wakes the reader.
	gatherTime = 5 * time.Millisecond
	// closeTimeout is how long the end of the program waits for the log's reader.
	closeTimeout = time.Second
)

// NewLogBuffer returns a LogBuffer for out. The caller must close it.
func NewLogBuffer(out io.Writer) *LogBuffer {
	b := &LogBuffer{out: out, onDropped: func(int) {}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go b.run()
	return b
}

// Write takes one line. It never fails: a logger could do nothing about an error.
func (b *LogBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	if len(b.lines)+len(line) > logBufferSize {
		b.dropped++
	} else {
		b.lines = append(b.lines, line...)
	}
	b.mu.Unlock()
	b.notify()
	return len(line), nil
}

func (b *LogBuffer) notify() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *LogBuffer) run() {
	defer close(b.done)
	var lines []byte
	for range b.wake {
		time.Sleep(gatherTime)
		b.mu.Lock()
		lines, b.lines = b.lines, lines[:0]
		dropped, closing := b.dropped, b.closing
		b.dropped = 0
		b.mu.Unlock()
		b.out.Write(lines)
		switch {
		case dropped > 0:
			b.onDropped(dropped)
			b.notify() // onDropped writes no line if the log level excludes it; Close must still end
		case closing:
			return
		}
	}
}

// Close writes the lines that are left. It waits for that for a second at most.
func (b *LogBuffer) Close() {
	b.mu.Lock()
	b.closing = true
	b.mu.Unlock()
	b.notify()
	select {
	case <-b.done:
	case <-time.After(closeTimeout):
	}
}
