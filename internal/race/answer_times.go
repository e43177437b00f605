package race

import (
	"math"
	"slices"
	"sync"
	"time"
)

// The answer times of an instance are kept in 10 periods: the last 900 to 1,000 answers, none older than 10 minutes. With the
// first limit, the patience for a busy instance follows within a few answers when the instance becomes slower. With the second,
// the old answers of an instance with few messages are forgotten.
const (
	periodCount   = 10
	periodAnswers = 100         // at most, in one period
	periodTime    = time.Minute // a new period starts after it, at the latest
	maxAge        = periodCount * periodTime

	// minAnswers is how many answers are needed to learn a patience. The slowest 1 % of fewer answers would be a guess.
	minAnswers = 50
)

// The learned patience is patienceFactor times what 99 of 100 answers take at most. It is not less than minPatience: a message
// that is sent twice costs more than a short wait.
const (
	patienceFactor = 3
	minPatience    = 300 * time.Millisecond
)

// bucketBounds are the upper bounds of the histogram's buckets. Each is 9 % above the one before, so a patience is at most 9 %
// too long. Answers in the first bucket give minPatience. Three times the last bound is more than SMSHOOK_PATIENCE may be.
var bucketBounds = func() (bounds [33]time.Duration) {
	for i := range bounds {
		bounds[i] = time.Duration(float64(minPatience) / patienceFactor * math.Exp2(float64(i)/8))
	}
	return bounds
}()

// answerTimes is a histogram of an instance's recent answer times. Its periods are forgotten one by one. It takes less than
// 1 kB, and may be used concurrently. The zero value has no answers.
type answerTimes struct {
	mu      sync.Mutex
	periods [periodCount]period
	newest  int // index into periods; the next one is the oldest

	answers int // in all periods
	counts  bucketCounts[uint16]
}

type period struct {
	start   time.Time
	answers uint8
	counts  bucketCounts[uint8]
}

// bucketCounts has one count for each of bucketBounds, and one for longer times.
type bucketCounts[N uint8 | uint16] [len(bucketBounds) + 1]N

// add adds the time of one answer.
func (t *answerTimes) add(took time.Duration) {
	bucket, _ := slices.BinarySearch(bucketBounds[:], took)
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	p := &t.periods[t.newest]
	if p.answers == periodAnswers || now.Sub(p.start) >= periodTime {
		t.newest = (t.newest + 1) % periodCount
		p = &t.periods[t.newest]
		t.forget(p)
		p.start = now
	}
	p.answers++
	p.counts[bucket]++
	t.answers++
	t.counts[bucket]++
}

// forget empties a period. t.mu is held.
func (t *answerTimes) forget(p *period) {
	for bucket, count := range p.counts {
		t.counts[bucket] -= uint16(count)
	}
	t.answers -= int(p.answers)
	*p = period{}
}

// patience returns the patience that the answers give, and most if that is shorter or if there are too few answers.
func (t *answerTimes) patience(most time.Duration) time.Duration {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.periods {
		if p := &t.periods[i]; p.answers > 0 && now.Sub(p.start) >= maxAge {
			t.forget(p)
		}
	}
	if t.answers < minAnswers {
		return most
	}
	slower := t.answers / 100 // how many answers may take longer
	for bucket := len(bucketBounds); ; bucket-- {
		slower -= int(t.counts[bucket])
		switch {
		case slower >= 0:
			continue
		case bucket == len(bucketBounds):
			return most
		default:
			return min(patienceFactor*bucketBounds[bucket], most)
		}
	}
}
