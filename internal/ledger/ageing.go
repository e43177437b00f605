package ledger

import (
	"context"
	"time"
)

// messages are the records, also in the order of their age.
type messages struct {
	byID   map[string]*record
	byAge  []*record             // the oldest first; nil for one that was replaced
	oldest int                   // the place of the first in byAge, counted from the start of the program
	wiped  map[time.Duration]int // the place up to which contents are wiped, by the life of the code: those of one life expire in order
}

func newMessages() messages {
	return messages{byID: map[string]*record{}, wiped: map[time.Duration]int{}}
}

func (ms *messages) get(id string) *record { return ms.byID[id] }

func (ms *messages) add(r *record) {
	ms.byID[r.ID] = r
	ms.byAge = append(ms.byAge, r)
	if _, known := ms.wiped[r.Life]; !known {
		ms.wiped[r.Life] = ms.oldest + len(ms.byAge) - 1
	}
}

// expired returns the records whose code has expired and that were not returned before, and reports whether there are any whose
// code has not.
func (ms *messages) expired(now Time) (expired []*record, more bool) {
	for life, place := range ms.wiped {
		place = max(place, ms.oldest)
		for place < ms.oldest+len(ms.byAge) {
			r := ms.byAge[place-ms.oldest]
			if r.Life == life {
				if r.ExpiresAt() > now {
					break
				}
				expired = append(expired, r)
			}
			place++
		}
		if ms.wiped[life] = place; place == ms.oldest+len(ms.byAge) {
			delete(ms.wiped, life)
		} else {
			more = true
		}
	}
	return expired, more
}

// trim forgets the records that are older than they are kept, and the oldest where there are too many.
func (m *Memory) trim(now Time) {
	for len(m.messages.byAge) > 0 {
		oldest := m.messages.byAge[0]
		age := now.Sub(oldest.ReceivedAt)
		if age < max(m.keep, m.settings.History) && len(m.messages.byAge) <= maxMessages {
			return
		}
		m.messages.byAge[0], m.messages.byAge = nil, m.messages.byAge[1:]
		m.messages.oldest++
		if age < m.keep {
			m.forgotten++
			m.seen.add(oldest.ID, now)
		}
		m.forget(oldest)
	}
}

// forget drops a record, and what leads to it.
func (m *Memory) forget(r *record) {
	delete(m.messages.byID, r.ID)
	r.Contents = nil
	for i := range r.Attempts {
		for _, part := range r.Attempts[i].Parts {
			delete(m.names, m.hash(Name{r.Attempts[i].Instance, part.ID}))
		}
	}
	if m.sending[r.flow] == r {
		delete(m.sending, r.flow)
	}
	if m.newest[r.flow] == r {
		delete(m.newest, r.flow)
	}
	if m.numberChanges[r.user] == r {
		delete(m.numberChanges, r.user)
	}
	m.changed(r)
}

// Sweep is described at [Ledger].
func (m *Memory) Sweep(context.Context) (more bool, news News, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.trim(now)
	expired, more := m.messages.expired(now)
	for _, r := range expired {
		r.wipe(&news)
	}
	news.Reports = append(news.Reports, m.early.old(now)...)
	news.Judged, m.judged = m.judged, nil
	m.resume(&news)
	return more || len(m.early.byAge) > 0 || len(m.interrupted) > 0, news, nil
}
