package postgres

import (
	"sync"

	"github.com/smshook/smshook/internal/ledger"
)

// maxHints is how many records are remembered at most. Then all are forgotten: some may be of messages that never ended.
const maxHints = 1 << 12

// hints are the records of messages that this replica is sending, as it knows them. With the version of the row, a change of it takes one
// round trip instead of two. A hint that is missing or old costs the second one, and nothing else. Contents are not in it.
type hints struct {
	mu   sync.Mutex
	byID map[string]hint
}

type hint struct {
	message ledger.Message
	version int
}

// get returns a copy of what is known of a message.
func (h *hints) get(id string) (hint, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	known, ok := h.byID[id]
	known.message.Attempts = known.message.CopyAttempts()
	return known, ok
}

// put remembers a record, unless a later version of it is known.
func (h *hints) put(m ledger.Message, version int) {
	m.Attempts, m.Contents = m.CopyAttempts(), nil
	h.mu.Lock()
	defer h.mu.Unlock()
	known, ok := h.byID[m.ID]
	if ok && known.version > version {
		return
	}
	if !ok && len(h.byID) >= maxHints {
		clear(h.byID)
	}
	h.byID[m.ID] = hint{m, version}
}

func (h *hints) drop(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.byID, id)
}
