package server

import "net"

// longBodies is how many bodies that are longer than usual are in memory at once: anybody can send one, and memory has an end.
const longBodies = 16

// long are the connections on which such a body is being read. One more crowds out the oldest, so that sixteen who are slow don't
// keep Auth out, and begins when that is gone. They may be used concurrently.
type long struct {
	slots   chan struct{}
	reading *strangers
}

func newLong(most int) *long { return &long{make(chan struct{}, most), newStrangers(most)} }

// enter returns when the body may be read. Who has entered must call read once it is read, and then leave when nobody needs it.
func (l *long) enter(conn net.Conn) {
	select {
	case l.slots <- struct{}{}:
	default:
		l.reading.mu.Lock()
		l.reading.crowdOut()
		l.reading.mu.Unlock()
		l.slots <- struct{}{}
	}
	l.reading.meet(conn)
}

// read notes that the body is there: whoever sent it was not slow, and is not crowded out any more.
func (l *long) read(conn net.Conn) { l.reading.forget(conn) }

func (l *long) leave() { <-l.slots }
