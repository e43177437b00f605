package app

import (
	"sync"
	"time"
)

// quiet is how long an alarm is silent about a carrier once it has rung: at hundreds of hooks a second, one wrong password must
// not fill the log.
const quiet = time.Minute

// alarm rings for carriers that need an operator. It may be used concurrently; it holds no more than there are carriers.
type alarm struct {
	mu       sync.Mutex
	carriers map[string]*ringing
}

type ringing struct {
	last  time.Time
	times int // since then
}

// ring tells whether to ring for a carrier now, and how often there was reason to since it last rang, this time included.
func (a *alarm) ring(carrier string, now time.Time) (times int, ring bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, known := a.carriers[carrier]
	if !known {
		if a.carriers == nil {
			a.carriers = map[string]*ringing{}
		}
		r = new(ringing)
		a.carriers[carrier] = r
	}
	r.times++
	if known && now.Sub(r.last) < quiet {
		return 0, false
	}
	times, r.times, r.last = r.times, 0, now
	return times, true
}
