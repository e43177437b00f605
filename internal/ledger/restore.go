package ledger

const (
	// MaxMessages is how many messages a [Memory] has room for.
	MaxMessages = maxMessages
	// KeepSeen is how long a signed call can be played again at most.
	KeepSeen = keepSeen
)

// Restored is a message of before a restart, with what it is compared by: that of its [Call], or hashes of it if those of the calls
// to come are hashed too.
type Restored struct {
	Message            Message
	Flow               Flow
	LastSignIn, Stored string
}

// Export returns the record of a message as it is now. Its contents are shared, and must not be changed.
func (m *Memory) Export(id string) (Message, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.messages.get(id)
	if r == nil {
		return Message{}, false
	}
	return r.copy(), true
}

// Restore adds a message that [Memory.Export] has returned before a restart. Messages must be restored in the order in which they
// were received, and before the first call. What was under way for them has ended.
func (m *Memory) Restore(restored Restored) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &record{Message: restored.Message}
	m.mark(r, restored.Flow, restored.LastSignIn, restored.Stored)
	if r.Resending {
		m.interrupted = append(m.interrupted, r.ID)
	}
	r.interrupt()
	m.messages.add(r)
	m.messages.turnAway(r)
	for _, a := range r.Attempts {
		for _, part := range a.Parts {
			m.names[m.hash(Name{a.Instance, part.ID})] = r
		}
	}
	if r.AnsweredAt != 0 {
		if older := m.newest[r.flow]; older != nil {
			older.Contents = nil // its code is no longer valid
		}
		m.newest[r.flow] = r
	}
	if r.Kind == PhoneChange {
		m.numberChanges[r.user] = r
	}
	m.trim(m.now())
}

// RestoreSeen notes that a call came before a restart whose message there is no room for. Such calls must be restored in the order in
// which they were received.
func (m *Memory) RestoreSeen(id string, at Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen.add(id, at)
}

// resume has a message sent again whose resending a restart has interrupted, one at a time.
func (m *Memory) resume(news *News) {
	for len(m.interrupted) > 0 && news.Resend == nil {
		id := m.interrupted[0]
		m.interrupted = m.interrupted[1:]
		if r := m.messages.get(id); r != nil {
			r.Consider(m.now(), news)
		}
	}
}
