package policy

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// mostKeys is how many are counted for each rule at once. It takes some 5 MiB for each of the rules that can have so many:
	// numbers, accounts, addresses and prefixes; the others have a few hundred keys, or one. A key is kept only as long as it
	// uses up some of its limit, and only messages that are sent do that: with 5/10m, it is enough for 500 different numbers a
	// second, and with 10/1h for 180 different accounts.
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

// shard is some of the keys of one rule. There are no pointers in it: a collection of garbage has nothing to do here.
type shard struct {
	mu      sync.Mutex
	entries []entry
	byKey   map[uint64]int32 // which entry
	heap    []int32          // entries, the one that is over first on top; behind the end of it, those that are free
}

type entry struct {
	key   uint64
	until time.Duration // since the memory's start
	place int32         // in the heap
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return newMemory(mostKeys) }

func newMemory(most int) *Memory {
	return &Memory{start: time.Now(), seed: maphash.MakeSeed(), most: most / shards}
}

// Forgotten is described at [Counter].
func (m *Memory) Forgotten() uint64 { return m.forgotten.Load() }

// Take is described at [Counter].
func (m *Memory) Take(_ context.Context, at time.Time, charges []Charge) (over int, after time.Duration, err error) {
	now := at.Sub(m.start)
	// Everybody locks in the order of the rules, so nobody waits for one who waits for him.
	var locked [rules]*shard // of each charge
	for i, c := range charges {
		locked[i] = m.shard(c.Rule, c.Key)
		locked[i].mu.Lock()
	}
	defer func() {
		for i := range charges {
			locked[i].mu.Unlock()
		}
	}()
	over = -1
	for i, c := range charges {
		spare := time.Duration(c.Limit.Most) * c.Limit.interval()
		if wait := locked[i].until(c, now) - spare - now; wait > after {
			over, after = i, wait
		}
	}
	if over >= 0 {
		return over, after, nil
	}
	for i, c := range charges {
		s := locked[i]
		if s.put(c.Key, s.until(c, now), now, m.most) {
			m.forgotten.Add(1)
		}
	}
	return -1, 0, nil
}

// Until returns the time until which a key uses up some of its rule's limit; the zero time if it uses up none of it.
func (m *Memory) Until(rule Rule, key uint64) time.Time {
	s := m.shard(rule, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.byKey[key]
	if !ok {
		return time.Time{}
	}
	return m.start.Add(s.entries[i].until)
}

// Restore notes what [Memory.Until] has returned before a restart. A time that is over is forgotten, and so is one that no limit can
// have led to: the clock was wrong then, or is now.
func (m *Memory) Restore(now time.Time, rule Rule, key uint64, until time.Time) {
	if !until.After(now) || until.Sub(now) > mostPer {
		return
	}
	s := m.shard(rule, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(key, until.Sub(m.start), now.Sub(m.start), m.most)
}

func (m *Memory) shard(rule Rule, key uint64) *shard {
	return &m.tables[rule][maphash.Comparable(m.seed, key)%shards]
}

// until is the time until which the limit is used up once this charge is made.
func (s *shard) until(c Charge, now time.Duration) time.Duration {
	until := now
	if i, ok := s.byKey[c.Key]; ok {
		until = max(now, s.entries[i].until)
	}
	return until + c.Limit.interval()
}

// put notes how long a key is used up, which only ever becomes longer, and reports whether another key was forgotten for it
// before its time.
func (s *shard) put(key uint64, until, now time.Duration, most int) (forgot bool) {
	if i, ok := s.byKey[key]; ok {
		s.entries[i].until = until
		s.sink(i)
		return false
	}
	for range 2 { // more than one comes, so that those that are over go; and few, since others wait
		if len(s.heap) > 0 && s.top().until <= now {
			s.drop()
		}
	}
	if len(s.heap) == most {
		s.drop()
		forgot = true
	}
	if s.byKey == nil {
		s.byKey = map[uint64]int32{}
	}
	end := len(s.heap)
	if end == len(s.entries) {
		s.entries = append(s.entries, entry{})
		s.heap = append(s.heap, int32(end))
	}
	s.heap = s.heap[:end+1]
	i := s.heap[end]
	s.entries[i] = entry{key, until, int32(end)}
	s.byKey[key] = i
	s.rise(i)
	return forgot
}

func (s *shard) top() entry { return s.entries[s.heap[0]] }

// drop forgets the entry on top.
func (s *shard) drop() {
	delete(s.byKey, s.top().key)
	end := len(s.heap) - 1
	free, last := s.heap[0], s.heap[end]
	s.heap[end] = free
	s.heap = s.heap[:end]
	if end > 0 {
		s.set(0, last)
		s.sink(last)
	}
}

// set puts an entry at a place of the heap.
func (s *shard) set(place, i int32) {
	s.heap[place] = i
	s.entries[i].place = place
}

// rise moves an entry up to where it belongs.
func (s *shard) rise(i int32) {
	place, until := s.entries[i].place, s.entries[i].until
	for place > 0 {
		parent := (place - 1) / 2
		if s.entries[s.heap[parent]].until <= until {
			break
		}
		s.set(place, s.heap[parent])
		place = parent
	}
	s.set(place, i)
}

// sink moves an entry down to where it belongs.
func (s *shard) sink(i int32) {
	place, until, end := s.entries[i].place, s.entries[i].until, int32(len(s.heap))
	for {
		child := 2*place + 1
		if child >= end {
			break
		}
		if child+1 < end && s.entries[s.heap[child+1]].until < s.entries[s.heap[child]].until {
			child++
		}
		if until <= s.entries[s.heap[child]].until {
			break
		}
		s.set(place, s.heap[child])
		place = child
	}
	s.set(place, i)
}
