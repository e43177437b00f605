package server

import "net"

// maxLargeBodies is how many bodies longer than usualBody are in memory at once. Any client can send one.
const maxLargeBodies = 16

// largeBodies limits how many large bodies are in memory. If all slots are taken, a new body closes the oldest connection that is
// still sending, and waits until a slot is free. Slow clients can't keep Auth out. Its methods may be called concurrently.
type largeBodies struct {
	slots   chan struct{}
	sending *connections
}

func newLargeBodies(max int) *largeBodies {
	return &largeBodies{make(chan struct{}, max), newConnections(max)}
}

// acquire waits for a slot. The caller must call received when the body has been read or has failed, and release when the body is no
// longer needed.
func (l *largeBodies) acquire(conn net.Conn) {
	select {
	case l.slots <- struct{}{}:
	default:
		l.sending.closeOldest()
		l.slots <- struct{}{}
	}
	l.sending.add(conn)
}

// received notes that a connection has sent its body: it is no longer closed to make room.
func (l *largeBodies) received(conn net.Conn) { l.sending.remove(conn) }

func (l *largeBodies) release() { <-l.slots }
