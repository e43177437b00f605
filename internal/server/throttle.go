package server

import (
	"sync"
	"time"
)

// Throttle bounds how often the log says the same: a stranger can be refused thirty thousand times a second, and a wrong password
// fails hundreds of messages. The first lines about a subject are written, and then one a minute, which tells how many it stands
// for. After a minute without any it begins anew. The zero value can be used, also concurrently.
type Throttle struct {
	First int // how many lines about a subject are written before it is bounded; 0 is 1

	mu       sync.Mutex
	subjects map[string]*subject
}

type subject struct {
	written time.Time // when the last line was
	left    int       // of the first lines
	unsaid  int       // lines that weren't written, since the last one that was
}

const (
	throttled = time.Minute
	// mostSubjects is how many are told apart. There are fewer, unless strangers have a way to make them up.
	mostSubjects = 64
)

// Take reports whether a line about a subject is to be written now, and for how many it stands: itself, and those that weren't
// written.
func (t *Throttle) Take(name string) (times int, ok bool) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.subject(name)
	if now.Sub(s.written) >= throttled {
		s.left = 1
		if s.unsaid == 0 {
			s.left = max(t.First, 1)
		}
	}
	if s.left == 0 {
		s.unsaid++
		return 0, false
	}
	times = s.unsaid + 1
	s.written, s.unsaid = now, 0
	s.left--
	return times, true
}

// subject returns what is known of one. t.mu is held.
func (t *Throttle) subject(name string) *subject {
	if s, known := t.subjects[name]; known {
		return s
	}
	if t.subjects == nil {
		t.subjects = map[string]*subject{}
	}
	if len(t.subjects) >= mostSubjects-1 {
		name = "" // all others are one
	}
	s, known := t.subjects[name]
	if !known {
		s = new(subject)
		t.subjects[name] = s
	}
	return s
}
