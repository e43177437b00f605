package call

import (
	"context"
	"net"
	"net/http/httptrace"
	"sync"
)

// Watched knows whether a request has left this machine, and can keep it from leaving. It may be used concurrently, also while the
// request runs.
type Watched struct {
	mu      sync.Mutex
	written bool
	settled bool     // by Stop: written changes no more
	conn    net.Conn // on which the request is written
}

// Written reports whether the provider may have received the request. It becomes false again when net/http takes another
// connection: net/http does so only if nothing of the request was written. After [Watched.Stop] it doesn't change.
func (w *Watched) Written() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.written
}

// Stop reports whether nothing has left. Then nothing leaves later either, also not with another request of the same attempt. The
// caller must cancel the attempt's context as well, which ends the call.
func (w *Watched) Stop() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settled = true
	return !w.written
}

// clear notes that nothing of the next request is written.
func (w *Watched) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.settled {
		w.written = false
	}
}

func (w *Watched) connected(conn net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn = conn
}

// leave is called by net/http's writing goroutine, which may run after RoundTrip has returned. The request is in a buffer. Its last
// part goes out after this, so without its connection the request can't leave. The connection belongs to the transport, which
// takes the end of it as it takes every broken connection.
func (w *Watched) leave() {
	w.mu.Lock()
	if !w.settled {
		w.written = true
	}
	written, conn := w.written, w.conn
	w.mu.Unlock()
	if !written && conn != nil {
		conn.Close()
	}
}

type watchedKey struct{}

// Watch returns a context whose HTTP requests are watched. One context is for one attempt. A context that is already watched is
// returned unchanged, because joining two traces is slow in net/http.
func Watch(ctx context.Context) (context.Context, *Watched) {
	if w, ok := ctx.Value(watchedKey{}).(*Watched); ok {
		return ctx, w
	}
	w := new(Watched)
	ctx = context.WithValue(ctx, watchedKey{}, w)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { w.clear() },
		GotConn:      func(got httptrace.GotConnInfo) { w.connected(got.Conn) },
		WroteHeaders: w.leave,
	}), w
}
