package policy

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// mostKeys is how many are counted for each rule at once, which takes some 5 MiB. A key is kept only as long as it uses up
	// some of its limit, and only messages that are sent do that: with 5/10m, it is enough for 500 different numbers a second.
	mostKeys = 1 << 16
	shards   = 16
)

// Memory is a Counter for one process. It holds at most mostKeys for each rule, so that no attack can fill the memory; when
// there are more, it forgets the one that is used up least.
//
// It counts by the generic cell rate algorithm: for each key, it knows the time until which what was sent uses up the limit.
// https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
type Memory struct {
	start     time.Time
	seed      maphash.Seed // of its own, so that nobody can aim at a shard
	most      int          // keys in a shard
	tables    [rules][shards]shard
	forgotten atomic.Uint64
}

// shard is some of the keys of one rule.
type shard struct {
	mu    sync.Mutex
	byKey map[uint64]*entry
	heap  []*entry // the one that is over first is on top
}

type entry struct {
	key   uint64
	until time.Duration // since the memory's start
	place int           // in the heap
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return newMemory(mostKeys) }

func newMemory(most int) *Memory {
	return &Memory{start: time.Now(), seed: maphash.MakeSeed(), most: most / shards}
}

// Forgotten is described at [Counter].
func (m *Memory) Forgotten() uint64 { return m.forgotten.Load() }

// Take is described at [Counter].
func (m *Memory) Take(at time.Time, charges []Charge) (over int, after time.Duration) {
	now := at.Sub(m.start)
	// Everybody locks in the order of the rules, so nobody waits for one who waits for him.
	for _, c := range charges {
		s := m.shard(c)
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	over = -1
	for i, c := range charges {
		spare := time.Duration(c.Limit.Most) * c.Limit.interval()
		if wait := m.shard(c).until(c, now) - spare - now; wait > after {
			over, after = i, wait
		}
	}
	if over >= 0 {
		return over, after
	}
	for _, c := range charges {
		s := m.shard(c)
		if s.put(c.Key, s.until(c, now), now, m.most) {
			m.forgotten.Add(1)
		}
	}
	return -1, 0
}

func (m *Memory) shard(c Charge) *shard {
	return &m.tables[c.Rule][maphash.Comparable(m.seed, c.Key)%shards]
}

// until is the time until which the limit is used up once this charge is made.
func (s *shard) until(c Charge, now time.Duration) time.Duration {
	until := now
	if e, ok := s.byKey[c.Key]; ok {
		until = max(now, e.until)
	}
	return until + c.Limit.interval()
}

// put notes how long a key is used up, which only ever becomes longer, and reports whether another key was forgotten for it
// before its time.
func (s *shard) put(key uint64, until, now time.Duration, most int) (forgot bool) {
	if e, ok := s.byKey[key]; ok {
		e.until = until
		s.sink(e)
		return false
	}
	for range 2 { // more than one comes, so that those that are over go; and few, since others wait
		if len(s.heap) > 0 && s.heap[0].until <= now {
			s.drop()
		}
	}
	if len(s.heap) == most {
		s.drop()
		forgot = true
	}
	if s.byKey == nil {
		s.byKey = map[uint64]*entry{}
	}
	e := &entry{key, until, len(s.heap)}
	s.byKey[key] = e
	s.heap = append(s.heap, e)
	s.rise(e)
	return forgot
}

// drop forgets the entry on top.
func (s *shard) drop() {
	delete(s.byKey, s.heap[0].key)
	end := len(s.heap) - 1
	last := s.heap[end]
	s.heap[end] = nil
	s.heap = s.heap[:end]
	if end > 0 {
		last.place = 0
		s.sink(last)
	}
}

// rise moves an entry up to where it belongs.
func (s *shard) rise(e *entry) {
	for e.place > 0 {
		parent := s.heap[(e.place-1)/2]
		if parent.until <= e.until {
			break
		}
		s.heap[e.place] = parent
		parent.place, e.place = e.place, parent.place
	}
	s.heap[e.place] = e
}

// sink moves an entry down to where it belongs.
func (s *shard) sink(e *entry) {
	for {
		first := 2*e.place + 1
		if first >= len(s.heap) {
			break
		}
		child := s.heap[first]
		if first+1 < len(s.heap) && s.heap[first+1].until < child.until {
			child = s.heap[first+1]
		}
		if e.until <= child.until {
			break
		}
		s.heap[e.place] = child
		child.place, e.place = e.place, child.place
	}
	s.heap[e.place] = e
}
