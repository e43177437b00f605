package server

import (
	"sync"
	"time"
)

// Throttle limits how often the log repeats a line. An attacker can cause thirty thousand refusals a second, and a wrong password
// fails hundreds of messages. Of each subject, the first lines are written, and then one line a minute with the number of lines that it
// stands for. After a minute without lines, the first lines are written again. The zero value is ready to use. Take may be called
// concurrently.
type Throttle struct {
	First int // how many lines of a subject are written before it is limited; 0 means 1

	mu       sync.Mutex
	subjects map[string]*subject
}

type subject struct {
	written    time.Time // when the last line was written
	left       int       // how many of the first lines may still be written
	suppressed int       // how many lines were not written since the last one
}

const (
	throttleInterval = time.Minute
	// maxSubjects bounds the map. There are fewer subjects, unless an attacker finds a way to make them up.
	maxSubjects = 64
)

// Take reports whether a line about a subject must be written now. times is how many lines it stands for: itself, and those that were
// suppressed before.
func (t *Throttle) Take(name string) (times int, ok bool) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.subject(name)
	if now.Sub(s.written) >= throttleInterval {
		s.left = 1
		if s.suppressed == 0 {
			s.left = max(t.First, 1)
		}
	}
	if s.left == 0 {
		s.suppressed++
		return 0, false
	}
	times = s.suppressed + 1
	s.written, s.suppressed = now, 0
	s.left--
	return times, true
}

// subject returns the subject of a name, and adds it if it is new. It requires t.mu.
func (t *Throttle) subject(name string) *subject {
	if s, known := t.subjects[name]; known {
		return s
	}
	if t.subjects == nil {
		t.subjects = map[string]*subject{}
	}
	if len(t.subjects) >= maxSubjects-1 {
		name = "" // all further names share one subject
	}
	s, known := t.subjects[name]
	if !known {
		s = new(subject)
		t.subjects[name] = s
	}
	return s
}
