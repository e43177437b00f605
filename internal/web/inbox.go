package web

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// InboxMessage is a message of a developer's own machine, with all that is in it.
type InboxMessage struct {
	ID         string    `json:"id"`
	To         string    `json:"to"` // with a plus
	Text       string    `json:"text"`
	Code       string    `json:"code"`
	Locale     string    `json:"locale"` // that the user asked for; may be empty
	Segments   int       `json:"segments"`
	Encoding   string    `json:"encoding"` // GSM-7 or UCS-2
	Kind       string    `json:"kind"`     // what the user is doing, such as sign-in; may be empty
	Fixture    string    `json:"fixture"`  // the call that was sent by a button; empty for all others
	Result     string    `json:"result"`   // accepted, or why the message was not sent
	ReceivedAt time.Time `json:"received_at"`
}

// InboxCall is a call that the inbox can send.
type InboxCall struct{ Name, Title string }

// Inbox keeps the last messages, and shows them as phones do. It may be used concurrently. The exported fields must be set before
// Handler is called.
type Inbox struct {
	App     string // the app's name
	Note    string // what becomes of messages
	HookURL string
	Calls   []InboxCall
	// Send sends a call by its name, and says in one line what came of it.
	Send func(ctx context.Context, name string) string

	mu       sync.Mutex
	messages []InboxMessage // the newest last
	changes  changes
}

// inboxSize is how many messages an inbox keeps.
const inboxSize = 500

// Add puts a message into the inbox. If it is full, the oldest message goes.
func (b *Inbox) Add(m InboxMessage) {
	b.mu.Lock()
	if len(b.messages) == inboxSize {
		b.messages = slices.Delete(b.messages, 0, 1)
	}
	b.messages = append(b.messages, m)
	b.mu.Unlock()
	b.changes.happened()
}

// Clear removes all messages.
func (b *Inbox) Clear() {
	b.mu.Lock()
	b.messages = nil
	b.mu.Unlock()
	b.changes.happened()
}

// find returns the messages to a number that were received after a time, the newest first. Without a number, it is all numbers.
func (b *Inbox) find(to string, since time.Time) []InboxMessage {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := []InboxMessage{}
	for _, m := range slices.Backward(b.messages) {
		if (to == "" || digits(m.To) == to) && (since.IsZero() || m.ReceivedAt.After(since)) {
			found = append(found, m)
		}
	}
	return found
}

// await is find, and waits for a message if there is none.
func (b *Inbox) await(ctx context.Context, to string, since time.Time, wait time.Duration) []InboxMessage {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		changed := b.changes.wait()
		found := b.find(to, since)
		if len(found) > 0 || wait == 0 {
			return found
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return found
		}
	}
}

// digits are those of a number as somebody has typed it. In an address, a plus stands for a space.
func digits(number string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, number)
}
