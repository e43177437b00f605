package server

import (
	"context"
	"net"
	"net/http"
	"time"
)

// unauthenticatedGrace is how long an unauthenticated connection may stay open at shutdown, after the port is closed. It is enough for
// a call that is on its way. It is short: until the next process listens, Auth's calls are refused, and Auth repeats them for 4 s only.
const unauthenticatedGrace = 500 * time.Millisecond

// maxUnauthenticated is how many unauthenticated connections may be open. Each takes about 20 KiB and a file descriptor. They may use
// a quarter of the descriptors. The rest is for Auth, for instances and for files: without a descriptor, no message can be sent.
func maxUnauthenticated(descriptors uint64) int { return int(min(1024, max(descriptors/4, 16))) }

// unauthenticated holds the connections on which no call has led to an attempt yet, and no receipt has come. If there are too many, the
// oldest is closed. A client that opens thousands and is slow on each pushes out its own connections. Auth sends at once, and its
// connections leave the list with the first call. A captured call is verified each time, but leads to no further attempt: with it, an
// attacker can't take many connections out of the list.
type unauthenticated struct{ connections *connections }

func newUnauthenticated(max int) unauthenticated { return unauthenticated{newConnections(max)} }

type (
	authenticatedKey struct{}
	connectionKey    struct{}
)

// authenticated notes that a request has proved its sender: its connection is no longer unauthenticated. undo makes the connection
// unauthenticated again, if it was so before this request. It must be called before the request's handler returns, or not at all.
func authenticated(r *http.Request) (undo func()) {
	if remove, ok := r.Context().Value(authenticatedKey{}).(func() func()); ok {
		return remove()
	}
	return func() {}
}

// keepConnection notes that a signed call has come: while it runs, its connection must not be closed to make room. end must be called when
// the handler returns. The connection is unauthenticated again if the call has led to no attempt: a captured call could have the same outcome.
func (w *response) keepConnection(r *http.Request) (end func()) {
	undo := authenticated(r)
	return func() {
		if w.outcome == nil || len(w.outcome.Attempts) == 0 {
			undo()
		}
	}
}

// connection returns the connection of a request; nil if the server isn't tracked.
func connection(r *http.Request) net.Conn {
	conn, _ := r.Context().Value(connectionKey{}).(net.Conn)
	return conn
}

// track adds each new connection of a server, and closes those that are left when the server is shut down. It must be called before the
// server serves.
func (u unauthenticated) track(server *http.Server) {
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		u.connections.add(conn)
		ctx = context.WithValue(ctx, connectionKey{}, conn)
		return context.WithValue(ctx, authenticatedKey{}, func() func() {
			if !u.connections.remove(conn) {
				return func() {}
			}
			return func() { u.connections.add(conn) }
		})
	}
	server.RegisterOnShutdown(func() { time.AfterFunc(unauthenticatedGrace, u.connections.closeAll) })
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			u.connections.remove(conn)
		}
	}
}
