package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
)

// activeConnections are the connections of a server that are in http.StateActive: the first byte of a request has come, and the answer
// is not complete. http.Server.Shutdown also waits for them. But Shutdown takes a new connection without any byte for an active one, and
// looks only twice a second.
type activeConnections struct {
	mu   sync.Mutex
	open map[net.Conn]struct{}
	none chan struct{} // closed when there is none; nil if wait is not running
}

// watchActive returns the active connections of a server. It must be called before the server serves.
func watchActive(server *http.Server) *activeConnections {
	c := &activeConnections{open: map[net.Conn]struct{}{}}
	before := server.ConnState
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if before != nil {
			before(conn, state)
		}
		c.note(conn, state)
	}
	return c
}

func (c *activeConnections) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state == http.StateActive {
		c.open[conn] = struct{}{}
		return
	}
	delete(c.open, conn)
	if len(c.open) == 0 && c.none != nil {
		close(c.none)
		c.none = nil
	}
}

// wait returns nil when no connection is active, and an error if ctx ends before. It must not be called concurrently.
func (c *activeConnections) wait(ctx context.Context) error {
	c.mu.Lock()
	if len(c.open) == 0 {
		c.mu.Unlock()
		return nil
	}
	none := make(chan struct{})
	c.none = none
	c.mu.Unlock()
	select {
	case <-none:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("some requests are not answered yet: %w", ctx.Err())
	}
}
