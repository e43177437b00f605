package web

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// changes tells those who look at a page that something has changed. Without viewers it does nothing.
type changes struct {
	mu      sync.Mutex
	next    chan struct{} // closed at the next change; nil if nobody waits for it
	viewers int
}

// happened tells all who wait.
func (c *changes) happened() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next != nil {
		close(c.next)
		c.next = nil
	}
}

// wait returns a channel that is closed at the next change.
func (c *changes) wait() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = make(chan struct{})
	}
	return c.next
}

// maxViewers bounds the connections that stay open.
const maxViewers = 64

// enter takes one of the places for those who stay, and reports whether one was free.
func (c *changes) enter() (leave func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.viewers == maxViewers {
		return nil, false
	}
	c.viewers++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.viewers--
	}, true
}

const (
	// calm is the least time between two events: a page that changes more often can't be read.
	calm = 500 * time.Millisecond
	// alive is how often a silent stream shows that it works: proxies close what is silent for a minute.
	alive = 25 * time.Second
	// writing is how long a browser may take to read an event.
	writing = 10 * time.Second
)

// stream answers with server-sent events: one called changed at the start, since something may have changed before, and one after
// each change. The page then asks for what it shows. If every is not 0, an event also comes after that time without one.
//
// https://html.spec.whatwg.org/multipage/server-sent-events.html
func (c *changes) stream(w http.ResponseWriter, r *http.Request, every time.Duration) {
	leave, ok := c.enter()
	if !ok {
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
	controller := http.NewResponseController(w)
	_ = controller.SetReadDeadline(time.Time{}) // net/http would take its end for the end of the client
	send := func(event string) bool {
		_ = controller.SetWriteDeadline(time.Now().Add(writing))
		_, err := io.WriteString(w, event)
		return err == nil && controller.Flush() == nil
	}
	if every == 0 {
		every = alive
	}
	for event := "retry: 2000\nevent: changed\ndata: 1\n\n"; ; {
		changed := c.wait()
		if !send(event) {
			return
		}
		if !pause(r, time.After(calm)) {
			return
		}
		event = "event: changed\ndata: 1\n\n"
		silence := time.NewTimer(every)
		select {
		case <-changed:
		case <-silence.C:
			if every == alive {
				event = ":\n\n"
			}
		case <-r.Context().Done():
		}
		silence.Stop()
		if r.Context().Err() != nil {
			return
		}
	}
}

// pause waits, and reports whether the client is still there.
func pause(r *http.Request, over <-chan time.Time) bool {
	select {
	case <-over:
		return true
	case <-r.Context().Done():
		return false
	}
}
