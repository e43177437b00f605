package ledger

import (
	"context"
	"slices"
	"sync"
	"time"
)

// MemoryQueue is a [Queue] in the process: it forgets everything when the process ends. It is used for development and tests.
type MemoryQueue struct {
	clock func() time.Time

	mu      sync.Mutex
	byID    map[string]*queued
	topics  map[Topic]*waiting
	serials map[string][]*queued // that have not ended, in their order; only the first of them is waiting
	flows   map[string]*queuedFlow
	kept    queueHeap // that have ended, by when they are forgotten
	puts    int64     // how many items were put
	claims  int64     // how many items were claimed
	bytes   int       // of bodies
	changed chan struct{}
}

// Room of a MemoryQueue.
const (
	maxQueued      = 1 << 17
	maxQueuedBytes = 64 << 20
)

// queued is an item of a MemoryQueue.
type queued struct {
	Item
	n        int64 // counts the items
	putAt    Time
	state    ItemState
	claims   int   // how often it was claimed
	claim    int64 // the last of them
	forgetAt Time

	in    *queueHeap // nil for one that is claimed, or behind others of its serial
	place int        // in the heap
}

// waiting are the items of a topic that can be claimed.
type waiting struct{ due, later queueHeap }

// queuedFlow is what is known of a flow that has items.
type queuedFlow struct {
	newest int64
	items  int // that have not ended
}

// NewMemoryQueue returns an empty queue that lives by a clock.
func NewMemoryQueue(clock func() time.Time) *MemoryQueue {
	q := &MemoryQueue{
		clock:   clock,
		byID:    map[string]*queued{},
		topics:  map[Topic]*waiting{},
		serials: map[string][]*queued{},
		flows:   map[string]*queuedFlow{},
		kept:    queueHeap{less: func(a, b *queued) bool { return a.forgetAt < b.forgetAt }},
		changed: make(chan struct{}),
	}
	for _, topic := range Topics() {
		q.topics[topic] = &waiting{due: queueHeap{less: moreUrgent}, later: queueHeap{less: sooner}}
	}
	return q
}

// lock locks the queue, and returns the time. What is over is forgotten, and what is due can be claimed.
func (q *MemoryQueue) lock() Time {
	q.mu.Lock()
	now := At(q.clock())
	for first := q.kept.first(); first != nil && first.forgetAt <= now; first = q.kept.first() {
		q.kept.remove(first)
		q.bytes -= len(first.Body)
		delete(q.byID, first.ID)
	}
	for _, w := range q.topics {
		for first := w.later.first(); first != nil && first.Due() <= now; first = w.later.first() {
			w.later.remove(first)
			w.due.add(first)
		}
	}
	return now
}

// Put is described at [Queue], and so are the others.
func (q *MemoryQueue) Put(_ context.Context, items ...Item) error {
	if err := CheckItems(items); err != nil {
		return err
	}
	now := q.lock()
	defer q.mu.Unlock()
	bytes := q.bytes
	for _, i := range items {
		bytes += len(i.Body)
	}
	if len(q.byID)+len(items) > maxQueued || bytes > maxQueuedBytes {
		return ErrQueueFull
	}
	for _, i := range items {
		if q.byID[i.ID] != nil {
			continue
		}
		q.puts++
		e := &queued{Item: i, n: q.puts, putAt: now}
		q.byID[i.ID] = e
		q.bytes += len(i.Body)
		if i.Flow != "" {
			if q.flows[i.Flow] == nil {
				q.flows[i.Flow] = &queuedFlow{}
			}
			q.flows[i.Flow].newest = e.n
			q.flows[i.Flow].items++
		}
		if i.Serial != "" {
			q.serials[i.Serial] = append(q.serials[i.Serial], e)
		}
		q.wait(e, now)
	}
	return nil
}

// wait lets an item be claimed, unless another one of its serial comes first.
func (q *MemoryQueue) wait(e *queued, now Time) {
	if e.Serial != "" && q.serials[e.Serial][0] != e {
		return
	}
	if w := q.topics[e.Topic]; e.Due() <= now {
		w.due.add(e)
	} else {
		w.later.add(e)
	}
	close(q.changed)
	q.changed = make(chan struct{})
}

// Claim is described at [Queue].
func (q *MemoryQueue) Claim(_ context.Context, topics []Topic, most int) (claimed []Claimed, err error) {
	q.lock()
	defer q.mu.Unlock()
	for range min(most, MaxClaim) {
		var next *queued
		for _, topic := range topics {
			if first := q.topics[topic].due.first(); first != nil && (next == nil || moreUrgent(first, next)) {
				next = first
			}
		}
		if next == nil {
			break
		}
		next.in.remove(next)
		next.state = ItemClaimed
		next.claims++
		q.claims++
		next.claim = q.claims
		claimed = append(claimed, Claimed{
			Item:      next.Item,
			PutAt:     next.putAt,
			Tries:     next.claims - 1,
			Claim:     next.claim,
			Overtaken: next.Flow != "" && q.flows[next.Flow].newest > next.n,
		})
	}
	return claimed, nil
}

// End is described at [Queue].
func (q *MemoryQueue) End(_ context.Context, c Claimed, end ItemEnd) (held bool, err error) {
	now := q.lock()
	defer q.mu.Unlock()
	e := q.byID[c.ID]
	if e == nil || e.state != ItemClaimed || e.claim != c.Claim {
		return false, nil
	}
	if state := end.Ended(); state != ItemWaiting {
		q.end(e, state, now, end)
		return true, nil
	}
	e.state, e.DueAt = ItemWaiting, end.Again
	q.wait(e, now)
	return true, nil
}

// Cancel is described at [Queue].
func (q *MemoryQueue) Cancel(_ context.Context, id string, end ItemEnd) (canceled bool, err error) {
	now := q.lock()
	defer q.mu.Unlock()
	e := q.byID[id]
	if e == nil || e.state != ItemWaiting {
		return false, nil
	}
	q.end(e, ItemCanceled, now, end)
	return true, nil
}

// end ends an item, and lets the next of its serial be claimed.
func (q *MemoryQueue) end(e *queued, state ItemState, now Time, end ItemEnd) {
	if e.in != nil {
		e.in.remove(e)
	}
	q.bytes -= len(e.Body)
	e.state, e.Body, e.forgetAt = state, nil, now.Add(end.Keep)
	if e.forgetAt > now {
		e.Body = end.Body
		q.bytes += len(e.Body)
		q.kept.add(e)
	} else {
		delete(q.byID, e.ID)
	}
	if flow := q.flows[e.Flow]; flow != nil {
		if flow.items--; flow.items == 0 {
			delete(q.flows, e.Flow)
		}
	}
	q.leaveSerial(e, now)
}

func (q *MemoryQueue) leaveSerial(e *queued, now Time) {
	if e.Serial == "" {
		return
	}
	all := q.serials[e.Serial]
	if all[0] != e {
		q.serials[e.Serial] = slices.DeleteFunc(all, func(other *queued) bool { return other == e })
		return
	}
	if len(all) == 1 {
		delete(q.serials, e.Serial)
		return
	}
	all[0] = nil
	q.serials[e.Serial] = all[1:]
	q.wait(all[1], now)
}

// Item is described at [Queue].
func (q *MemoryQueue) Item(_ context.Context, id string) (i Item, state ItemState, found bool, err error) {
	q.lock()
	defer q.mu.Unlock()
	e := q.byID[id]
	if e == nil {
		return Item{}, 0, false, nil
	}
	return e.Item, e.state, true, nil
}

// Wait is described at [Queue].
func (q *MemoryQueue) Wait(ctx context.Context, topics []Topic) {
	now := q.lock()
	changed, pause := q.changed, mostPause
	for _, topic := range topics {
		w := q.topics[topic]
		if w.due.first() != nil {
			pause = 0
		}
		if next := w.later.first(); next != nil {
			pause = min(pause, next.Due().Sub(now))
		}
	}
	q.mu.Unlock()
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// mostPause is how long a Wait takes at most.
const mostPause = time.Second

// Depth is described at [Queue].
func (q *MemoryQueue) Depth(context.Context) (map[Topic]Depth, error) {
	now := q.lock()
	defer q.mu.Unlock()
	all := map[Topic]Depth{}
	for _, e := range q.byID {
		d := all[e.Topic]
		switch {
		case e.state == ItemClaimed:
			d.Claimed++
		case e.state != ItemWaiting:
		case e.Due() > now:
			d.Later++
		default:
			d.Waiting++
			d.Oldest = max(d.Oldest, now.Sub(e.Due()))
		}
		all[e.Topic] = d
	}
	return all, nil
}

var _ Queue = (*MemoryQueue)(nil)
