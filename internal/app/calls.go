package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
)

// calls are the connections of a server on which a call is under way: its first byte has come, and the last one of its answer
// hasn't left. http.Server.Shutdown knows them too, but takes new connections on which nothing has come for calls, and looks only
// twice a second.
type calls struct {
	mu   sync.Mutex
	open map[net.Conn]struct{}
	none chan struct{} // closed when there is none; nil while nobody waits for that
}

// watch returns the calls of a server that doesn't serve yet.
func watch(server *http.Server) *calls {
	c := &calls{open: map[net.Conn]struct{}{}}
	before := server.ConnState
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if before != nil {
			before(conn, state)
		}
		c.note(conn, state)
	}
	return c
}

func (c *calls) note(conn net.Conn, state http.ConnState) {
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

// wait returns nil when no call is under way, and an error if ctx ends before. It must not be called concurrently.
func (c *calls) wait(ctx context.Context) error {
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
		return fmt.Errorf("calls still under way: %w", ctx.Err())
	}
}
