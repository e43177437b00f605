package call

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
)

// Watched knows whether a request has left this machine. It may be used concurrently, also while the request runs.
type Watched struct{ written atomic.Bool }

// Written reports whether the provider may have received the request. It becomes false again when net/http takes another
// connection: net/http does so only if nothing of the request was written.
func (w *Watched) Written() bool { return w.written.Load() }

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
		GetConn:      func(string) { w.written.Store(false) },
		WroteHeaders: func() { w.written.Store(true) },
	}), w
}
