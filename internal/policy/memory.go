package policy

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxKeys is how many keys are counted for each rule at the same time. They take some 5 MiB for each rule with that many
	// keys: numbers, accounts, addresses and prefixes. The other rules have a few hundred keys, or one. A key is kept only while it
	// uses up some of its limit, and only a message that is sent uses up any. With 5/10m, this is enough for 500 different numbers a
	// second, and with 10/1h for 180 different accounts a second.
	maxKeys = 1 << 16
	shards  = 16
)

// Memory is a Counter for one process. It holds at most maxKeys for each rule, and an attack can't fill the memory. When a rule has
// more keys, Memory drops the key that uses up least of its limit.
//
// It counts by the generic cell rate algorithm: it stores, for each key, the time until which its messages use up the limit.
// https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
type Memory struct {
	start     time.Time
	seed      maphash.Seed // random, because with a known seed an attacker could fill one shard
	max       int          // keys in a shard
	tables    [len(rateLimits)][shards]shard
	forgotten atomic.Uint64
}

// shard holds some of the keys of one rule. It has no pointers: the garbage collector doesn't have to go through it.
type shard struct {
	mu      sync.Mutex
	entries []entry
	byKey   map[uint64]int32 // index of the key's entry
	heap    []int32          // indices of entries, the one with the earliest until first; behind its length are the free ones
}

type entry struct {
	key   uint64
	until time.Duration // since the memory's start
	place int32         // in the heap
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return newMemory(maxKeys) }

func newMemory(maxKeys int) *Memory {
	return &Memory{start: time.Now(), seed: maphash.MakeSeed(), max: maxKeys / shards}
}

// Forgotten is described at [Counter].
func (m *Memory) Forgotten() uint64 { return m.forgotten.Load() }

// Take is described at [Counter]. It never waits for long, ignores ctx and returns no error.
func (m *Memory) Take(_ context.Context, at time.Time, charges []Charge) (over int, after time.Duration, err error) {
	now := at.Sub(m.start)
	// All calls lock in the order of the rules: there can be no deadlock.
	var locked [len(rateLimits)]*shard // of each charge
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
		if s.put(c.Key, s.until(c, now), now, m.max) {
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
	if !until.After(now) || until.Sub(now) > maxPer {
		return
	}
	s := m.shard(rule, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(key, until.Sub(m.start), now.Sub(m.start), m.max)
}

func (m *Memory) shard(rule Rule, key uint64) *shard {
	return &m.tables[rule-firstLimit][maphash.Comparable(m.seed, key)%shards]
}

// until returns the time until which the key uses up its limit after this charge.
func (s *shard) until(c Charge, now time.Duration) time.Duration {
	until := now
	if i, ok := s.byKey[c.Key]; ok {
		until = max(now, s.entries[i].until)
	}
	return until + c.Limit.interval()
}

// put stores until for a key. It must not be earlier than what is stored. put reports whether it had to drop another key that was
// still in use.
func (s *shard) put(key uint64, until, now time.Duration, max int) (forgot bool) {
	if i, ok := s.byKey[key]; ok {
		s.entries[i].until = until
		s.sink(i)
		return false
	}
	for range 2 { // two for each new key, which empties the shard of expired keys; no more, since other calls wait for the lock
		if len(s.heap) > 0 && s.top().until <= now {
			s.drop()
		}
	}
	if len(s.heap) == max {
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

// drop removes the entry on top.
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

// rise moves an entry up to its place in the heap.
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

// sink moves an entry down to its place in the heap.
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
