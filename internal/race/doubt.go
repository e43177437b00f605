package race

import (
	"sync"
	"time"
)

// doubt is about an instance whose last attempts have been silent for longer than its answers have taught. It stands after
// badWords of those in a row, until the instance is heard again, and for one whole patience after the last of them at most: by
// then the breaker knows more. So an instance that has become slow loses a second, while one that hangs loses no more messages.
// It may be used concurrently.
type doubt struct {
	mu     sync.Mutex
	raised int       // times in a row
	last   time.Time // of those
	heard  time.Time // when the instance last gave an answer that is no failure of its own
}

func (d *doubt) raise() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.raised++
	d.last = time.Now()
}

func (d *doubt) lift() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.raised = 0
	d.heard = time.Now()
}

// stands reports whether the instance is in doubt now.
func (d *doubt) stands(patience time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.raised > 0 && time.Since(d.last) >= patience {
		d.raised = 0
	}
	return d.raised >= badWords
}

func (d *doubt) heardSince(began time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.heard.After(began)
}

// hear takes in an answer that says the instance is well, and how long it took.
func (h *health) hear(took time.Duration) {
	h.doubt.lift()
	h.pace.learn(took)
}
