package app

import (
	"io"
	"sync"
	"time"
)

// Backlog hands lines on to a writer in its own time, many at once: who reads the log may be slow, or have stopped, and no call
// waits for that. Lines stay in order. What is over the limit is dropped, and counted.
type Backlog struct {
	out     io.Writer
	dropped func(lines int) // told once there is room again

	mu      sync.Mutex
	lines   []byte
	lost    int
	closing bool

	wake chan struct{}
	done chan struct{}
}

const (
	// backlogLimit is in bytes: some 2,000 lines.
	backlogLimit = 1 << 20
	// gather is how long a line waits for others: to write each by itself, and to wake its reader for it, costs more than the line.
	gather = 5 * time.Millisecond
	// lastWords is how long the end of the program waits for the log to be read.
	lastWords = time.Second
)

// NewBacklog returns a Backlog for out. It must be closed.
func NewBacklog(out io.Writer) *Backlog {
	b := &Backlog{out: out, dropped: func(int) {}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go b.run()
	return b
}

// Write takes one line, and never fails: to whom would one say so.
func (b *Backlog) Write(line []byte) (int, error) {
	b.mu.Lock()
	if len(b.lines)+len(line) > backlogLimit {
		b.lost++
	} else {
		b.lines = append(b.lines, line...)
	}
	b.mu.Unlock()
	b.rouse()
	return len(line), nil
}

func (b *Backlog) rouse() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *Backlog) run() {
	defer close(b.done)
	var lines []byte
	for range b.wake {
		time.Sleep(gather)
		b.mu.Lock()
		lines, b.lines = b.lines, lines[:0]
		lost, closing := b.lost, b.closing
		b.lost = 0
		b.mu.Unlock()
		b.out.Write(lines)
		switch {
		case lost > 0:
			b.dropped(lost)
			b.rouse() // also if the level keeps that from being written
		case closing:
			return
		}
	}
}

// Close hands on what there is, and waits for that, but not for long.
func (b *Backlog) Close() {
	b.mu.Lock()
	b.closing = true
	b.mu.Unlock()
	b.rouse()
	select {
	case <-b.done:
	case <-time.After(lastWords):
	}
}
