package ledger

import (
	"context"
	"hash/maphash"

	"github.com/smshook/smshook/providers"
)

// End is described at [Ledger].
func (m *Memory) End(_ context.Context, e Ended) (result Result, news News, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.messages.get(e.ID)
	if r == nil {
		return e.Result, news, nil
	}
	if newest := m.newest[r.flow]; !e.Resend && newest != nil && newest.ReceivedAt > r.ReceivedAt {
		r.wipe(&news) // the newer code is the valid one
	}
	result, t, ended := r.End(e, m.now())
	m.follow(r, t, ended, &news)
	if !e.Resend || len(e.Attempts) > 0 { // early receipts may have failed
		r.Consider(m.now(), &news)
	}
	return result, news, nil
}

// Late is described at [Ledger].
func (m *Memory) Late(_ context.Context, id string, a Attempt) (accepted bool, news News, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.messages.get(id)
	if r == nil {
		return false, news, nil
	}
	accepted, t, late := r.Late(a, m.now())
	m.follow(r, t, late, &news)
	r.Consider(m.now(), &news)
	m.changed(r)
	return accepted, news, nil
}

// Receipt is described at [Ledger].
func (m *Memory) Receipt(_ context.Context, instance, id string, receipt providers.Receipt) (news News, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.receiver(instance, id, receipt.ID); r != nil {
		if t, heard, about := r.Receipt(instance, receipt, m.now()); about {
			m.follow(r, t, heard, &news)
			r.Consider(m.now(), &news)
			return news, nil
		}
	}
	if !m.early.keep(Name{instance, receipt.ID}, receipt, m.now()) {
		news.Reports = append(news.Reports, report(instance, receipt))
	}
	return news, nil
}

// follow changes what a transition of a record changes beside the record. It adds the transition's news, and those of the receipts
// that have waited for the record's new names. Whether the message has to be sent again because of these, it leaves to the caller.
func (m *Memory) follow(r *record, t Transition, of News, news *News) {
	news.add(of)
	for _, n := range t.Names {
		if m.named(n) == nil { // the name of another message stays that message's
			m.names[m.hash(n)] = r
		}
		for _, receipt := range m.early.take(n) {
			_, heard, _ := r.hear(n.Instance, receipt, m.now())
			news.add(heard)
		}
	}
	if t.Ended {
		if m.sending[r.flow] == r {
			delete(m.sending, r.flow)
		}
		m.changed(r)
	}
	if t.Answered {
		m.replaceNewest(r, news)
	}
}

// add adds further news.
func (n *News) add(more News) {
	n.Reports = append(n.Reports, more.Reports...)
	n.Stop = append(n.Stop, more.Stop...)
	n.Judged = append(n.Judged, more.Judged...)
	if more.Resend != nil {
		n.Resend = more.Resend
	}
}

// answered notes that a caller has heard that the message was accepted.
func (m *Memory) answered(r *record, news *News) {
	if r.AnsweredAt == 0 {
		r.AnsweredAt = m.now()
	}
	m.replaceNewest(r, news)
	r.Consider(m.now(), news)
}

// replaceNewest makes a message the newest of its flow, unless a newer one is. From here on, the older code is no longer valid.
func (m *Memory) replaceNewest(r *record, news *News) {
	switch newest := m.newest[r.flow]; {
	case newest == nil || newest == r:
		m.newest[r.flow] = r
	case r.ReceivedAt < newest.ReceivedAt: // a late repeat
		r.wipe(news)
		m.replaced(r)
	default:
		newest.wipe(news)
		m.replaced(newest)
		m.newest[r.flow] = r
	}
}

// receiver returns the message that a receipt is about, if that is known.
func (m *Memory) receiver(instance, id, name string) *record {
	if r := m.named(Name{instance, name}); r != nil {
		return r
	}
	return m.messages.get(id)
}

// named returns the message that an instance has such a name for.
func (m *Memory) named(n Name) *record {
	r := m.names[m.hash(n)]
	if r == nil {
		return nil
	}
	if a := r.Attempt(n.Instance); a == nil || !a.has(n.ID) {
		return nil
	}
	return r
}

func (m *Memory) hash(n Name) uint64 { return maphash.Comparable(m.seed, n) }
