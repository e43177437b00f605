package race

import (
	"sync"
	"time"
)

// slowToReorder is how many attempts in a row must be slow before the instance is tried after the others.
const slowToReorder = 5

// slowStreak counts the attempts in a row that were slow: without an answer within the learned patience. After slowToReorder of
// them, the instance is slow until it answers. It is slow for one configured patience after the last of them at most: by then
// the circuit breaker has counted that attempt too. So an instance that became slower is soon tried first again, and one that
// hangs delays few messages. A slowStreak may be used concurrently.
type slowStreak struct {
	mu         sync.Mutex
	count      int
	lastSlowAt time.Time
	answeredAt time.Time // the last answer that was a success for the circuit breaker
}

// add counts a slow attempt.
func (s *slowStreak) add() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	s.lastSlowAt = time.Now()
}

// reset notes an answer, which ends the streak.
func (s *slowStreak) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count = 0
	s.answeredAt = time.Now()
}

// isSlow reports whether the instance is slow now.
func (s *slowStreak) isSlow(configured time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count > 0 && time.Since(s.lastSlowAt) >= configured {
		s.count = 0
	}
	return s.count >= slowToReorder
}

// answeredSince reports whether there was an answer after the given time.
func (s *slowStreak) answeredSince(t time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answeredAt.After(t)
}
