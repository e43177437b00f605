package ledger

import (
	"context"
	"iter"
	"time"
)

// maxTurnedAway is how many calls are kept that were refused and never sent. Above it, the oldest of them is forgotten: an attack that the
// limits refuse must not have messages forgotten that were sent.
const maxTurnedAway = 1 << 13

// messages are the records, also in the order of their age.
type messages struct {
	byID       map[string]*record
	byAge      []*record             // the oldest first; without those that were turned away
	oldest     int                   // the place of the first in byAge, counted from the start of the program
	wiped      map[time.Duration]int // the place up to which contents are wiped, by the life of the code: those of one life expire in order
	turnedAway []*record             // the oldest first
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

// turnAway moves the newest record to those that were turned away, if it was refused and never sent. One that had to wait before it was
// refused isn't the newest any more, and stays: few calls may wait.
func (ms *messages) turnAway(r *record) {
	last := len(ms.byAge) - 1
	if len(r.Attempts) > 0 || r.Result == Failed || r.Result == Accepted || last < 0 || ms.byAge[last] != r {
		return
	}
	ms.byAge[last], ms.byAge = nil, ms.byAge[:last]
	ms.turnedAway = append(ms.turnedAway, r)
}

// newest returns all records, the newest first.
func (ms *messages) newest() iter.Seq[*record] {
	return func(yield func(*record) bool) {
		sent, turnedAway := ms.byAge, ms.turnedAway
		for len(sent)+len(turnedAway) > 0 {
			from := &sent
			if len(sent) == 0 || len(turnedAway) > 0 && turnedAway[len(turnedAway)-1].ReceivedAt > sent[len(sent)-1].ReceivedAt {
				from = &turnedAway
			}
			last := len(*from) - 1
			if !yield((*from)[last]) {
				return
			}
			*from = (*from)[:last]
		}
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
	sent, early := m.trimmed(&m.messages.byAge, maxMessages, now)
	m.messages.oldest += sent
	m.forgotten += uint64(early)
	m.trimmed(&m.messages.turnedAway, maxTurnedAway, now)
}

// trimmed forgets the oldest of some records. It returns how many, and how many of them before their time.
func (m *Memory) trimmed(records *[]*record, most int, now Time) (forgotten, early int) {
	for len(*records) > 0 {
		oldest := (*records)[0]
		age := now.Sub(oldest.ReceivedAt)
		if age < max(m.keep, m.settings.History) && len(*records) <= most {
			break
		}
		(*records)[0], *records = nil, (*records)[1:]
		forgotten++
		if age < m.keep {
			early++
			m.seen.add(oldest.ID, now)
		}
		m.forget(oldest)
	}
	return forgotten, early
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
