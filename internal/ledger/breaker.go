package ledger

import (
	"sync"
	"time"
)

// restFor is how long the store is not asked after it has failed.
const restFor = time.Second

// breaker is the circuit breaker of a store. Closed, it lets all exchanges through. One failure opens it for a second. Then it is
// half-open: one exchange, the probe, is let through, and its outcome closes the breaker or opens it again.
type breaker struct {
	mu      sync.Mutex
	open    bool
	until   time.Time
	probe   uint64 // the number of the probe under way; 0 if there is none
	probes  uint64
	changes chan Change
}

// Change says that the store can't be reached any more, or that it can be reached again.
type Change struct {
	Away bool
	Err  error // why it is away; safe to log
}

func newBreaker() breaker { return breaker{changes: make(chan Change, 1)} }

// allow reports whether the store may be asked. The number of the exchange is 0 unless the exchange is a probe. The caller must
// report what came of a probe.
func (b *breaker) allow() (number uint64, allowed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open {
		return 0, true
	}
	if b.probe != 0 || time.Now().Before(b.until) {
		return 0, false
	}
	b.probes++
	b.probe = b.probes
	return b.probe, true
}

// succeeded notes that the store has answered, and reports whether that closes the breaker. The answer to an exchange that began
// before the breaker opened doesn't.
func (b *breaker) succeeded(number uint64) (closes bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if number == 0 || number != b.probe {
		return false
	}
	b.open, b.probe = false, 0
	b.change(Change{})
	return true
}

// failed notes that the store has not answered.
func (b *breaker) failed(number uint64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open && (number == 0 || number != b.probe) {
		return
	}
	if !b.open {
		b.change(Change{Away: true, Err: err})
	}
	b.open, b.probe, b.until = true, 0, time.Now().Add(restFor)
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
