package dispatch

import (
	"container/list"
	"time"
)

// memory is a map that forgets: what is older than keep, and the oldest where there is too much. It is not safe for
// concurrent use.
type memory[V any] struct {
	keep    time.Duration
	most    int
	forgot  func(value V, old bool) // told what was forgotten, and whether for its age; may be nil
	entries map[string]*list.Element
	byAge   *list.List // of remembered[V], oldest first
}

type remembered[V any] struct {
	key   string
	at    time.Time
	value V
}

func newMemory[V any](keep time.Duration, most int) *memory[V] {
	return &memory[V]{keep: keep, most: most, entries: map[string]*list.Element{}, byAge: list.New()}
}

func (m *memory[V]) get(key string, now time.Time) (value V, ok bool) {
	m.forget(now)
	element, ok := m.entries[key]
	if !ok {
		return value, false
	}
	return element.Value.(remembered[V]).value, true
}

func (m *memory[V]) put(key string, value V, now time.Time) {
	m.drop(key)
	m.entries[key] = m.byAge.PushBack(remembered[V]{key, now, value})
	m.forget(now)
}

func (m *memory[V]) drop(key string) {
	if element, ok := m.entries[key]; ok {
		m.byAge.Remove(element)
		delete(m.entries, key)
	}
}

func (m *memory[V]) forget(now time.Time) {
	for oldest := m.byAge.Front(); oldest != nil; oldest = m.byAge.Front() {
		entry := oldest.Value.(remembered[V])
		old := now.Sub(entry.at) >= m.keep
		if !old && len(m.entries) <= m.most {
			return
		}
		m.drop(entry.key)
		if m.forgot != nil {
			m.forgot(entry.value, old)
		}
	}
}
