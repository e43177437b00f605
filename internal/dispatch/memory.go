package dispatch

import "time"

// memory is a map that forgets: what is older than keep, and the oldest where there is too much. It is not safe for
// concurrent use.
//
// Each value is one piece of memory with its place in the order of age: what is remembered of every call is most of what a
// collection of garbage goes through.
type memory[K comparable, V any] struct {
	keep    time.Duration
	most    int
	forgot  func(value *V, old bool) // told what was forgotten, and whether for its age; may be nil
	entries map[K]*remembered[K, V]

	oldest, newest *remembered[K, V]
}

type remembered[K comparable, V any] struct {
	key   K
	at    time.Time
	value V

	older, newer *remembered[K, V]
}

func newMemory[K comparable, V any](keep time.Duration, most int) *memory[K, V] {
	return &memory[K, V]{keep: keep, most: most, entries: map[K]*remembered[K, V]{}}
}

// get returns what is remembered, or nil.
func (m *memory[K, V]) get(key K, now time.Time) *V {
	m.forget(now)
	if r, ok := m.entries[key]; ok {
		return &r.value
	}
	return nil
}

// put remembers a value in the place of any other, and returns where it is kept.
func (m *memory[K, V]) put(key K, value V, now time.Time) *V {
	if r, ok := m.entries[key]; ok {
		m.drop(r)
	}
	r := &remembered[K, V]{key: key, at: now, value: value, older: m.newest}
	if m.newest == nil {
		m.oldest = r
	} else {
		m.newest.newer = r
	}
	m.newest = r
	m.entries[key] = r
	m.forget(now)
	return &r.value
}

func (m *memory[K, V]) drop(r *remembered[K, V]) {
	delete(m.entries, r.key)
	if r.older == nil {
		m.oldest = r.newer
	} else {
		r.older.newer = r.newer
	}
	if r.newer == nil {
		m.newest = r.older
	} else {
		r.newer.older = r.older
	}
	r.older, r.newer = nil, nil
}

func (m *memory[K, V]) forget(now time.Time) {
	for m.oldest != nil {
		oldest := m.oldest
		old := now.Sub(oldest.at) >= m.keep
		if !old && len(m.entries) <= m.most {
			return
		}
		m.drop(oldest)
		if m.forgot != nil {
			m.forgot(&oldest.value, old)
		}
	}
}
