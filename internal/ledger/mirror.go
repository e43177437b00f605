package ledger

import (
	"context"

	"github.com/smshook/smshook/providers"
)

// These methods keep the memory of a replica up to date with what a store has decided, so that the memory can decide when the store
// is away. What the memory learns of such messages is dropped, except for Stop: the rest comes from the store, which alone decides whether
// they are sent again.

// mirror notes what the store has answered to a call.
func (m *Memory) mirror(ctx context.Context, c Call, begun Begun) (stop []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(c)
	if err != nil { // forgotten for lack of room
		return nil
	}
	defer m.trim(c.ReceivedAt)
	if r.Sending && !begun.Go { // answered by a race that has not ended here
		return nil
	}
	if !begun.Go {
		if begun.Result != Accepted {
			m.refuse(r, begun.Result)
			return nil
		}
		r.Result = begun.Result
		var news News
		m.answered(r, &news)
		if news.Resend != nil { // the store has answered whether it is
			r.Resending = false
		}
		return news.Stop
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
	if !r.MFA && !c.Queued {
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

// disclaim undoes that the memory has a message sent again.
func (m *Memory) disclaim(claimed *Resend) {
	if claimed == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.messages.get(claimed.Message.ID); r != nil {
		r.Resending = false
	}
}

// about returns the ID of the message that a receipt is about, if that is known, and if the instance was asked here.
func (m *Memory) about(instance, id, name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.receiver(instance, id, name); r != nil && r.Attempt(instance).mayBeCalled(name) {
		return r.ID
	}
	return ""
}

// hear notes a receipt that the store has noted.
func (m *Memory) hear(instance, id string, receipt providers.Receipt) (stop []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.receiver(instance, id, receipt.ID)
	if r == nil {
		return nil
	}
	t, heard, _ := r.hear(instance, receipt, m.now())
	var news News
	m.follow(r, t, heard, &news)
	return news.Stop
}
