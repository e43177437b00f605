package insight

// table holds at most a number of things by their key. When it is full, a new one takes the place of the one that says least among
// the few that a hand is at. The hand goes round, so the table is the same after the same calls.
type table[V any] struct {
	most    int
	worth   func(*V, int64) float64 // what would be lost with a thing, at a time; 0 if it says nothing any more
	dropped func(*V)                // may be nil
	byKey   map[uint64]*item[V]
	ring    []*item[V]
	hand    int
	evicted uint64 // things that were dropped although they said something
}

type item[V any] struct {
	key   uint64
	place int // in the ring
	value V
}

const (
	looked  = 16 // things that are compared when the table is full
	cleaned = 2  // things that are looked at for each new one, so that a table without growth empties itself
)

func newTable[V any](most int, worth func(*V, int64) float64, dropped func(*V)) table[V] {
	return table[V]{most: most, worth: worth, dropped: dropped, byKey: map[uint64]*item[V]{}}
}

// get returns a thing, or nil.
func (t *table[V]) get(key uint64) *V {
	if i := t.byKey[key]; i != nil {
		return &i.value
	}
	return nil
}

// add makes room for a thing that isn't there yet, and returns it, empty.
func (t *table[V]) add(key uint64, now int64) *V {
	for range min(cleaned, len(t.ring)) {
		if i := t.next(); t.worth(&i.value, now) == 0 {
			t.drop(i)
		}
	}
	if len(t.ring) >= t.most {
		least := t.next()
		worth := t.worth(&least.value, now)
		for range looked - 1 {
			other := t.next()
			if w := t.worth(&other.value, now); w < worth {
				least, worth = other, w
			}
		}
		t.drop(least)
		if worth > 0 {
			t.evicted++
		}
	}
	i := &item[V]{key: key, place: len(t.ring)}
	t.byKey[key] = i
	t.ring = append(t.ring, i)
	return &i.value
}

func (t *table[V]) next() *item[V] {
	t.hand++
	if t.hand >= len(t.ring) {
		t.hand = 0
	}
	return t.ring[t.hand]
}

func (t *table[V]) drop(i *item[V]) {
	if t.dropped != nil {
		t.dropped(&i.value)
	}
	delete(t.byKey, i.key)
	last := t.ring[len(t.ring)-1]
	t.ring[i.place], last.place = last, i.place
	t.ring[len(t.ring)-1] = nil
	t.ring = t.ring[:len(t.ring)-1]
}
