package ledger

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// openFor is how long the store is not asked after the breaker has opened.
	openFor = time.Second
	// mostSlow is how many exchanges in a row may be too slow. One pause of a busy machine or database makes one of them, and a replica that
	// decided alone for a second because of it would send what the other replicas have sent. A store that has stopped makes all of them within
	// half a second, and each call has waited for one of them at most.
	mostSlow = 3
)

// breaker is the circuit breaker of a store. Closed, it lets all exchanges through. A failure opens it for a second, and so do some
// exchanges in a row that are too slow. Then it is half-open: one exchange, the probe, is let through, and its outcome closes the breaker
// or opens it again.
type breaker struct {
	mu      sync.Mutex
	open    bool
	until   time.Time
	slow    int    // how many exchanges in a row were too slow
	probe   uint64 // the number of the probe under way; 0 if there is none
	probes  uint64
	changes chan Change
}

// ticket is the permission for one exchange.
type ticket struct {
	probe uint64 // its number, if the exchange is a probe; else 0
	slow  int    // how many exchanges before it were too slow
}

// Change says that the store can't be reached any more, or that it can be reached again.
type Change struct {
	Away bool
	Err  error // why it is away; safe to log
}

func newBreaker() breaker { return breaker{changes: make(chan Change, 1)} }

// allow reports whether the store may be asked. The caller must report what came of a probe.
func (b *breaker) allow() (t ticket, allowed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open {
		return ticket{slow: b.slow}, true
	}
	if b.probe != 0 || time.Now().Before(b.until) {
		return ticket{}, false
	}
	b.probes++
	b.probe = b.probes
	return ticket{probe: b.probe}, true
}

// succeeded notes that the store has answered in time, and reports whether that closes the breaker. The answer to an exchange that began
// before the breaker opened doesn't.
func (b *breaker) succeeded(t ticket) (closes bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open {
		b.slow = 0
	}
	if t.probe == 0 || t.probe != b.probe {
		return false
	}
	b.open, b.probe, b.slow = false, 0, 0
	b.change(Change{})
	return true
}

// failed notes that the store has not answered, or too slowly if the error is errSlow. Of exchanges that run at the same time, one pause
// of the store makes all of them slow: only one that began after the last slow one was noted is another in the row.
func (b *breaker) failed(t ticket, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open && (t.probe == 0 || t.probe != b.probe) {
		return
	}
	if !b.open && (errors.Is(err, errSlow) || errors.Is(err, context.DeadlineExceeded)) {
		if t.slow == b.slow {
			b.slow++
		}
		if b.slow < mostSlow {
			return
		}
	}
	if !b.open {
		b.change(Change{Away: true, Err: err})
	}
	b.open, b.probe, b.slow, b.until = true, 0, 0, time.Now().Add(openFor)
}

// change leaves the newest change to be read. One that was not read in time is replaced.
func (b *breaker) change(c Change) {
	select {
	case <-b.changes:
	default:
	}
	b.changes <- c
}

func (b *breaker) away() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}
