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

// item is a place that waits to be written. done is closed once that has been tried.
type item struct {
	place
	marks *marks // of a message that has no row yet; else nil
	done  chan struct{}
	err   error // set before done is closed
}

// queue is what waits to be written, the oldest first. It may be used concurrently.
type queue struct {
	mu      sync.Mutex
	items   []*item
	newest  *item
	byPlace map[place]*item
	some    chan struct{} // has an element if there may be items
}

func newQueue() *queue {
	return &queue{byPlace: map[place]*item{}, some: make(chan struct{}, 1)}
}

// add adds a place, unless it waits already. It returns nil if there is no room.
func (q *queue) add(p place, m *marks) *item {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := q.byPlace[p]
	if i == nil {
		if len(q.items) >= maxQueued {
			return nil
		}
		i = &item{place: p, done: make(chan struct{})}
		q.byPlace[p] = i
		q.items, q.newest = append(q.items, i), i
		q.wake()
	}
	if m != nil {
		i.marks = m
	}
	return i
}

func (q *queue) wake() {
	select {
	case q.some <- struct{}{}:
	default:
	}
}

// take returns the oldest items, which wait no longer.
func (q *queue) take() []*item {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.items), maxWritten)
	taken := q.items[:n:n]
	q.items = q.items[n:]
	for _, i := range taken {
		delete(q.byPlace, i.place)
	}
	if len(q.items) > 0 {
		q.wake()
	} else {
		q.items = nil
	}
	return taken
}

// finish tells those who wait for items what came of it. Items that could not be written wait again, and nobody waits for them.
func (q *queue) finish(items []*item, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var again []*item
	for _, i := range items {
		if err != nil {
			if newer := q.byPlace[i.place]; newer == nil {
				next := &item{place: i.place, marks: i.marks, done: make(chan struct{})}
				q.byPlace[i.place] = next
				again = append(again, next)
			} else if newer.marks == nil {
				newer.marks = i.marks
			}
		}
		i.err = err
		close(i.done)
	}
	q.items = append(again, q.items...)
}

// last returns the item that was added last; it is written after the others. It is nil if there was none.
func (q *queue) last() *item {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.newest
}

// empty reports whether nothing waits.
func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items) == 0
}

// wait waits until an item was written, and reports whether that is so. It waits also for a caller who has left: what the memory has
// decided stands, and has to be in the file.
func (i *item) wait(atMost time.Duration) bool {
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
