package ledger

import (
	"context"
	"hash/maphash"
	"time"

	"github.com/smshook/smshook/providers"
)

const (
	// keepEarly is how long a receipt waits for its message: providers are known to report before they answer.
	keepEarly = 10 * time.Second
	maxEarly  = 1 << 12 // messages, each with one receipt for every state at most
)

// name is an instance's name for a message, or for a part of one.
type name struct{ instance, id string }

// early are the receipts for one name that no message is known by yet.
type early struct {
	name     name
	at       Time
	receipts map[providers.State]providers.Receipt
}

// earlyReceipts are all of them, the oldest first.
type earlyReceipts struct {
	byName map[name]*early
	byAge  []*early
}

// keep keeps a receipt, and reports whether there is room.
func (e *earlyReceipts) keep(n name, r providers.Receipt, now Time) bool {
	known := e.byName[n]
	if known == nil {
		if len(e.byName) == maxEarly {
			return false
		}
		known = &early{n, now, map[providers.State]providers.Receipt{}}
		e.byName[n] = known
		e.byAge = append(e.byAge, known)
	}
	known.receipts[r.State] = r
	return true
}

// take returns the receipts for a name, which wait no longer.
func (e *earlyReceipts) take(n name) map[providers.State]providers.Receipt {
	known := e.byName[n]
	if known == nil {
		return nil
	}
	delete(e.byName, n)
	return known.receipts
}

// old returns the receipts that have waited long enough. They wait no longer.
func (e *earlyReceipts) old(now Time) (reports []Report) {
	for len(e.byAge) > 0 && now.Sub(e.byAge[0].at) >= keepEarly {
		oldest := e.byAge[0]
		e.byAge[0], e.byAge = nil, e.byAge[1:]
		if e.byName[oldest.name] != oldest { // taken
			continue
		}
		for _, receipt := range e.take(oldest.name) {
			reports = append(reports, Report{Instance: oldest.name.instance, Receipt: receipt})
		}
	}
	return reports
}

// Receipt is described at [Ledger].
func (m *Memory) Receipt(_ context.Context, instance, id string, receipt providers.Receipt) (news News, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, a := m.named(instance, receipt.ID)
	if r == nil {
		r, a = m.unnamed(instance, id)
		if r == nil {
			if !m.early.keep(name{instance, receipt.ID}, receipt, m.now()) {
				news.Reports = append(news.Reports, Report{Instance: instance, Receipt: receipt})
			}
			return news, nil
		}
		m.bind(r, a, receipt.ID)
	}
	m.apply(r, a, receipt, &news)
	m.consider(r, &news)
	return news, nil
}

// named returns the message that an instance has such a name for.
func (m *Memory) named(instance, id string) (*record, *Attempt) {
	r := m.names[m.hash(name{instance, id})]
	if r == nil {
		return nil, nil
	}
	a := r.Attempt(instance)
	if a == nil || !a.has(id) {
		return nil, nil
	}
	return r, a
}

// unnamed returns a message that an instance has, or may have, without having told its name for it.
func (m *Memory) unnamed(instance, id string) (*record, *Attempt) {
	r := m.messages.get(id)
	if r == nil {
		return nil, nil
	}
	a := r.Attempt(instance)
	if a == nil || a.State != Pending && (len(a.Parts) > 0 || a.State == AttemptFailed && a.Kind != providers.Unknown) {
		return nil, nil
	}
	return r, a
}

// bind notes an instance's name for a message. The name of another message stays that message's.
func (m *Memory) bind(r *record, a *Attempt, id string) {
	if known, _ := m.named(a.Instance, id); known == nil && a.name(id) {
		m.names[m.hash(name{a.Instance, id})] = r
	}
}

// apply notes what a receipt says, if that is news.
func (m *Memory) apply(r *record, a *Attempt, receipt providers.Receipt, news *News) {
	isNews, delivered := r.receive(a, receipt)
	if !isNews {
		return
	}
	news.Reports = append(news.Reports, Report{
		ID:        r.ID,
		Number:    r.Number,
		Country:   r.Country,
		Instance:  a.Instance,
		Receipt:   receipt,
		Delivered: delivered,
		After:     m.now().Sub(r.ReceivedAt),
	})
	if delivered {
		m.void(r, news)
	}
}

func (m *Memory) hash(n name) uint64 { return maphash.Comparable(m.seed, n) }
