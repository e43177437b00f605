package ledger

import (
	"context"

	"github.com/smshook/smshook/providers"
)

// These methods keep the memory of a replica up to date with what a store has decided, so that the memory can decide when the store
// is away. What the memory learns of such messages is dropped, except for Void: the rest comes from the store.

// mirror notes what the store has answered to a call.
func (m *Memory) mirror(ctx context.Context, c Call, begun Begun) (void []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(c)
	if err != nil || r.Sending && !begun.Go { // forgotten for lack of room; or answered by a race that has not ended here
		return nil
	}
	if !begun.Go {
		r.Result = begun.Result
		if begun.Result != Accepted {
			r.Contents = nil
			return nil
		}
		var news News
		m.answered(r, &news)
		return news.Void
	}
	if !r.Charged {
		_, _, _ = m.counter.Take(ctx, m.clock(), c.Charges) // the limits of the memory may be used up when those of the store aren't
		r.Charged = true
	}
	if begun.FirstAt != 0 {
		r.ReceivedAt = begun.FirstAt
	}
	for _, a := range begun.Tried {
		var t Transition
		r.noteNamed(a, &t)
		m.follow(r, t, News{}, new(News))
	}
	r.Sending, r.Left, r.Lost, r.Result = true, false, begun.Lost, Failed
	if !c.apart() {
		m.sending[r.flow] = r
	}
	return nil
}

// settle notes that the store has a better result of a message than the memory.
func (m *Memory) settle(id string, result Result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.messages.get(id); r != nil && r.Result == Failed && !r.Sending && result == Accepted {
		r.Result = result
		if !r.Left {
			m.answered(r, new(News))
		}
	}
}

// resending notes that this replica sends a message again.
func (m *Memory) resending(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.messages.get(id); r != nil {
		r.Resending = true
	}
}

// about returns the ID of the message that a receipt is about, if that is known.
func (m *Memory) about(instance, id, name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.receiver(instance, id, name); r != nil {
		return r.ID
	}
	return ""
}

// hear notes a receipt that the store has noted.
func (m *Memory) hear(instance, id string, receipt providers.Receipt) (void []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.receiver(instance, id, receipt.ID)
	if r == nil {
		return nil
	}
	t, heard, _ := r.hear(instance, receipt, m.now())
	var news News
	m.follow(r, t, heard, &news)
	return news.Void
}
