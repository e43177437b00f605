package server

import (
	"container/list"
	"net"
	"sync"
)

// connections holds at most max connections, oldest first. Adding one more closes the oldest. Its methods may be called concurrently.
type connections struct {
	max int

	mu       sync.Mutex
	byAge    *list.List // of net.Conn, oldest first
	elements map[net.Conn]*list.Element
}

func newConnections(max int) *connections {
	return &connections{max: max, byAge: list.New(), elements: map[net.Conn]*list.Element{}}
}

// add adds a connection that is not in the list.
func (c *connections) add(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byAge.Len() >= c.max {
		c.closeOldestLocked()
	}
	c.elements[conn] = c.byAge.PushBack(conn)
}

// remove removes a connection, and leaves it open. It reports whether the connection was in the list.
func (c *connections) remove(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.elements[conn]
	if ok {
		c.byAge.Remove(element)
		delete(c.elements, conn)
	}
	return ok
}

// closeOldest removes and closes the oldest connection, if there is one.
func (c *connections) closeOldest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeOldestLocked()
}

// closeAll removes and closes all connections.
func (c *connections) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.byAge.Len() > 0 {
		c.closeOldestLocked()
	}
}

// closeOldestLocked requires c.mu.
func (c *connections) closeOldestLocked() {
	if c.byAge.Len() == 0 {
		return
	}
	oldest := c.byAge.Remove(c.byAge.Front()).(net.Conn)
	delete(c.elements, oldest)
	oldest.Close()
}
