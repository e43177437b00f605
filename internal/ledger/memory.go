package ledger

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/smshook/smshook/internal/policy"
)

const (
	// leastKeep is how long a record is kept at least: a signed call may be played again as long as its signature is valid, and
	// receipts follow their messages for minutes.
	leastKeep = 10 * time.Minute
	// maxMessages is how many records are kept. Above it, the oldest is forgotten.
	maxMessages = 1 << 16
)

// Settings are what an operator decides about a ledger.
type Settings struct {
	CallerWaits  time.Duration // how long a caller waits for the answer, for all its attempts at a call together
	ResendWindow time.Duration // how long a user who asks again is sent the message through another instance; 0 is never
	CodeLife     time.Duration // the longest life of a code that is usual
	History      time.Duration // how long records are kept to be looked at, if there is room: see [Ledger.Messages]
	MaxWaiting   int           // calls that wait for another message, in all
	LateFallback bool          // messages that won't be delivered, as a receipt says, are sent again
}

// Keep returns how long records are of use.
func (s Settings) Keep() time.Duration { return max(leastKeep, s.ResendWindow, s.CodeLife) }

// Memory is the ledger of one process. It forgets everything at its end.
type Memory struct {
	settings Settings
	keep     time.Duration // how long a record is of use
	counter  policy.Counter
	clock    func() time.Time
	seed     maphash.Seed
	waiting  chan struct{} // has an element for each call that waits

	mu        sync.Mutex
	messages  messages
	seen      *seen
	sending   map[uint64]*record // by flow: the message that is being sent
	newest    map[uint64]*record // by flow: the message whose code is the valid one, as far as is known
	names     map[uint64]*record // by the hash of instance and name
	early     earlyReceipts
	changing  map[*record]*change
	forgotten uint64

	numberChanges map[uint64]*record // by user: the newest message for a change of the number
	judged        []Message          // for the next sweep

	interrupted []string // IDs of messages that were being sent again when the process before this one ended
}

// record is a message with its place in the memory.
type record struct {
	Message
	flow       uint64
	user       uint64
	number     uint64
	lastSignIn uint64
	known      uint64 // what the caller knew of the user
}

// NewMemory returns an empty Memory. The counter counts for the rate limits, clock tells the time.
func NewMemory(s Settings, counter policy.Counter, clock func() time.Time) *Memory {
	return &Memory{
		settings:      s,
		counter:       counter,
		clock:         clock,
		seed:          maphash.MakeSeed(),
		keep:          s.Keep(),
		messages:      newMessages(),
		seen:          newSeen(maxSeen),
		sending:       map[uint64]*record{},
		newest:        map[uint64]*record{},
		names:         map[uint64]*record{},
		early:         earlyReceipts{byName: map[Name]*early{}},
		numberChanges: map[uint64]*record{},
		changing:      map[*record]*change{},
		waiting:       make(chan struct{}, s.MaxWaiting),
	}
}

func (m *Memory) now() Time { return At(m.clock()) }

// Attempt is described at [Ledger].
func (m *Memory) Attempt(_ context.Context, id string, a Attempt) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.messages.get(id); r != nil {
		return r.Start(a)
	}
	return nil
}

// Decided is described at [Ledger].
func (m *Memory) Decided(ctx context.Context, id string) (Message, error) {
	for {
		m.mu.Lock()
		r := m.messages.get(id)
		if r == nil || !r.Pending() {
			var decided Message
			if r != nil {
				decided = r.copy()
			}
			m.mu.Unlock()
			return decided, nil
		}
		undecided := r.copy()
		changed, err := m.changes(r, true)
		m.mu.Unlock()
		if err != nil {
			return undecided, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return undecided, ctx.Err()
		}
	}
}

// Forgotten is described at [Ledger].
func (m *Memory) Forgotten() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.forgotten
}

var _ Ledger = (*Memory)(nil)
