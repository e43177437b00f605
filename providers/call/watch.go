package call

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
)

// Watched tells whether a request has left this machine. It may be asked at any time, also while the request runs.
type Watched struct{ written atomic.Bool }

// Written reports whether the provider may have got the request. It is false again when net/http takes another connection,
// which it does only for a request of which nothing was written.
func (w *Watched) Written() bool { return w.written.Load() }

type watchedKey struct{}

// Watch returns a context whose HTTP requests are watched. One context serves one attempt: if it is watched already, it stays
// as it is. (net/http could join two traces, but makes functions by reflection to do so.)
func Watch(ctx context.Context) (context.Context, *Watched) {
	if w, ok := ctx.Value(watchedKey{}).(*Watched); ok {
		return ctx, w
	}
	w := new(Watched)
	ctx = context.WithValue(ctx, watchedKey{}, w)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { w.written.Store(false) },
		WroteHeaders: func() { w.written.Store(true) },
	}), w
}
