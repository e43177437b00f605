package postgres

import (
	"context"
	"time"
)

// Functions are those that the role smshook may call.
var Functions = functions

// StartedBefore lets a replica have started earlier than it has.
func (s *Store) StartedBefore(by time.Duration) { s.started = s.started.Add(-by) }

// Hash is what stands in the database for a thing of a kind.
func (s *Store) Hash(ctx context.Context, kind string, parts ...string) (int64, error) {
	h, err := s.hasher(ctx)
	return h.hash(kind, parts...), err
}

// Notified reports whether notifications reach the store.
func (s *Store) Notified() bool {
	s.wakeups.mu.Lock()
	defer s.wakeups.mu.Unlock()
	return s.wakeups.notified
}

// Me names the store in the database.
func (s *Store) Me() int32 { return s.me }
