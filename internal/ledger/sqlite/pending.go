package sqlite

import (
	"sync"
	"time"

	"github.com/smshook/smshook/internal/policy"
)

// waitAtMost is how long an operation waits for the file. Then it goes on without.
var waitAtMost = 150 * time.Millisecond

const (
	// maxQueued is how many messages and counters can wait to be written. What is more is not written, and counted. It is all that
	// the memory can know of: as long as the process lives, a disk that recovers misses nothing.
	maxQueued = 1 << 18

	// maxWritten is how many of them are written in one transaction.
	maxWritten = 512
)

// place is what is to be written: a message as the memory has it at that time, or a counter.
type place struct {
	id      string // of a message; empty for a counter
	rule    policy.Rule
	counter uint64
}

// entry is a place that waits to be written. done is closed once that has been tried.
type entry struct {
	place
	marks *marks // of a message that has no row yet; else nil
	done  chan struct{}
	err   error // set before done is closed
}

// pending is what waits to be written, the oldest first. It may be used concurrently.
type pending struct {
	mu      sync.Mutex
	entries []*entry
	newest  *entry
	byPlace map[place]*entry
	some    chan struct{} // has an element if there may be entries
}

func newPending() *pending {
	return &pending{byPlace: map[place]*entry{}, some: make(chan struct{}, 1)}
}

// add adds a place, unless it waits already. It returns nil if there is no room.
func (p *pending) add(at place, m *marks) *entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.byPlace[at]
	if i == nil {
		if len(p.entries) >= maxQueued {
			return nil
		}
		i = &entry{place: at, done: make(chan struct{})}
		p.byPlace[at] = i
		p.entries, p.newest = append(p.entries, i), i
		p.wake()
	}
	if m != nil {
		i.marks = m
	}
	return i
}

func (p *pending) wake() {
	select {
	case p.some <- struct{}{}:
	default:
	}
}

// take returns the oldest entries, which wait no longer.
func (p *pending) take() []*entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(p.entries), maxWritten)
	taken := p.entries[:n:n]
	p.entries = p.entries[n:]
	for _, i := range taken {
		delete(p.byPlace, i.place)
	}
	if len(p.entries) > 0 {
		p.wake()
	} else {
		p.entries = nil
	}
	return taken
}

// finish tells those who wait for entries what came of it. Items that could not be written wait again, and nobody waits for them.
func (p *pending) finish(entries []*entry, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var again []*entry
	for _, i := range entries {
		if err != nil {
			if newer := p.byPlace[i.place]; newer == nil {
				next := &entry{place: i.place, marks: i.marks, done: make(chan struct{})}
				p.byPlace[i.place] = next
				again = append(again, next)
			} else if newer.marks == nil {
				newer.marks = i.marks
			}
		}
		i.err = err
		close(i.done)
	}
	p.entries = append(again, p.entries...)
}

// last returns the entry that was added last; it is written after the others. It is nil if there was none.
func (p *pending) last() *entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.newest
}

// empty reports whether nothing waits.
func (p *pending) empty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.entries) == 0
}

// wait waits until an entry was written, and reports whether that is so. It waits also for a caller who has left: what the memory has
// decided stands, and has to be in the file.
func (i *entry) wait(atMost time.Duration) bool {
	if i == nil {
		return false
	}
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-i.done:
		return i.err == nil
	case <-timer.C:
		return false
	}
}
