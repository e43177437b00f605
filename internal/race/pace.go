package race

import (
	"math"
	"slices"
	"sync"
	"time"
)

// What is known of an instance's answer times: the last 900 to 1,000 answers, none older than 10 minutes. Both bounds matter:
// the first lets a busy instance's patience follow within a few answers when they get slower, the second forgets a quiet
// instance's old days.
const (
	paceParts   = 10
	partAnswers = 100         // in one part
	partSpan    = time.Minute // likewise
	paceMemory  = paceParts * partSpan

	// enoughAnswers is how many make a patience. With fewer, one answer in a hundred is anybody's guess.
	enoughAnswers = 50
)

// The patience that comes from it: so many times what 99 of 100 answers take at most, but not less than leastPatience. A
// message that is sent twice costs more than a moment's wait.
const (
	paceFactor    = 3
	leastPatience = 300 * time.Millisecond
)

// paceSteps are the upper ends of the histogram's steps. Each is 9 % above the one before, so that a patience is too long by
// that much at most. What is under the first makes leastPatience, and three times the last is more than SMSHOOK_PATIENCE may be.
var paceSteps = func() (steps [33]time.Duration) {
	for i := range steps {
		steps[i] = time.Duration(float64(leastPatience) / paceFactor * math.Exp2(float64(i)/8))
	}
	return steps
}()

// pace is how fast an instance has answered lately: a histogram of its answer times, in parts that are forgotten one by one. It
// takes under 1 kB, and may be used concurrently. The zero pace knows nothing yet.
type pace struct {
	mu      sync.Mutex
	parts   [paceParts]pacePart
	newest  int // of the parts; the next one is the oldest
	answers int // in all parts
	counts  paceCounts[uint16]
}

type pacePart struct {
	began   time.Time
	answers uint8
	counts  paceCounts[uint8]
}

// paceCounts has one count for each of paceSteps, and one for what took longer.
type paceCounts[N uint8 | uint16] [len(paceSteps) + 1]N

// learn takes the time of one answer.
func (p *pace) learn(took time.Duration) {
	step, _ := slices.BinarySearch(paceSteps[:], took)
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	part := &p.parts[p.newest]
	if part.answers == partAnswers || now.Sub(part.began) >= partSpan {
		p.newest = (p.newest + 1) % paceParts
		part = &p.parts[p.newest]
		p.forget(part)
		part.began = now
	}
	part.answers++
	part.counts[step]++
	p.answers++
	p.counts[step]++
}

// forget empties a part. p.mu is held.
func (p *pace) forget(part *pacePart) {
	for step, count := range part.counts {
		p.counts[step] -= uint16(count)
	}
	p.answers -= int(part.answers)
	*part = pacePart{}
}

// patience is how long the instance may be silent before that says something: most, unless its answers have taught better.
func (p *pace) patience(most time.Duration) time.Duration {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.parts {
		if part := &p.parts[i]; part.answers > 0 && now.Sub(part.began) >= paceMemory {
			p.forget(part)
		}
	}
	if p.answers < enoughAnswers {
		return most
	}
	slower := p.answers / 100 // answers that may take longer
	for step := len(paceSteps); ; step-- {
		slower -= int(p.counts[step])
		switch {
		case slower >= 0:
			continue
		case step == len(paceSteps):
			return most
		default:
			return min(paceFactor*paceSteps[step], most)
		}
	}
}
