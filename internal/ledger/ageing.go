package ledger

import (
	"context"
	"time"
)

// messages are the records by their age.
type messages struct {
	byID           map[string]*record
	oldest, newest *record
}

func (ms *messages) get(id string) *record { return ms.byID[id] }

func (ms *messages) add(r *record) {
	r.older = ms.newest
	if ms.newest == nil {
		ms.oldest = r
	} else {
		ms.newest.newer = r
	}
	ms.newest = r
	ms.byID[r.ID] = r
}

func (ms *messages) remove(r *record) {
	delete(ms.byID, r.ID)
	if r.older == nil {
		ms.oldest = r.newer
	} else {
		r.older.newer = r.newer
	}
	if r.newer == nil {
		ms.newest = r.older
	} else {
		r.newer.older = r.older
	}
	r.older, r.newer = nil, nil
}

// trim forgets the records that are older than they are kept, and the oldest where there are too many.
func (m *Memory) trim(now time.Time) {
	for m.messages.oldest != nil {
		oldest := m.messages.oldest
		old := now.Sub(oldest.ReceivedAt) >= m.keep
		if !old && len(m.messages.byID) <= maxMessages {
			return
		}
		if !old {
			m.forgotten++
		}
		m.forget(oldest)
	}
}

// forget drops a record, and what leads to it.
func (m *Memory) forget(r *record) {
	m.messages.remove(r)
	r.Contents = nil
	for i := range r.Attempts {
		for _, part := range r.Attempts[i].Parts {
			delete(m.names, m.hash(name{r.Attempts[i].Instance, part.ID}))
		}
	}
	if f := m.flows[r.flow]; f != nil {
		f.drop(r)
		if *f == (flow{}) {
			delete(m.flows, r.flow)
		}
	}
	m.wake(r)
}

func (f *flow) drop(r *record) {
	if f.sending == r {
		f.sending = nil
	}
	if f.newest == r {
		f.newest = nil
	}
}

// Sweep is described at [Ledger].
func (m *Memory) Sweep(context.Context) (more bool, news News, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.trim(now)
	m.wipe(now, &news)
	news.Reports = append(news.Reports, m.early.old(now)...)
	return len(m.expiring) > 0 || len(m.early.byAge) > 0, news, nil
}

// wipe drops the contents of the messages whose codes have expired.
func (m *Memory) wipe(now time.Time, news *News) {
	for life, queue := range m.expiring { // there are as many as a code may have lives
		for len(queue) > 0 && !queue[0].ExpiresAt().After(now) {
			m.void(queue[0], news)
			queue[0], queue = nil, queue[1:]
		}
		if len(queue) == 0 {
			delete(m.expiring, life)
		} else {
			m.expiring[life] = queue
		}
	}
}
