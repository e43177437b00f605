package server

import (
	"context"
	"net"
	"net/http"
)

// maxUnauthenticated is how many unauthenticated connections may be open. Each takes about 20 KiB and a file descriptor. They may use
// a quarter of the descriptors. The rest is for Auth, for instances and for files: without a descriptor, no message can be sent.
func maxUnauthenticated(descriptors uint64) int { return int(min(1024, max(descriptors/4, 16))) }

// unauthenticated holds the connections on which no authenticated request has come yet. If there are too many, the oldest is closed.
// A client that opens thousands and is slow on each pushes out its own connections. Auth sends at once, and its connections leave
// the list with the first call.
type unauthenticated struct{ connections *connections }

func newUnauthenticated(max int) unauthenticated { return unauthenticated{newConnections(max)} }

type (
	authenticatedKey struct{}
	connectionKey    struct{}
)

// authenticated notes that a request has proved its sender: its connection is no longer unauthenticated.
func authenticated(r *http.Request) {
	if remove, ok := r.Context().Value(authenticatedKey{}).(func()); ok {
		remove()
	}
}

// connection returns the connection of a request; nil if the server isn't tracked.
func connection(r *http.Request) net.Conn {
	conn, _ := r.Context().Value(connectionKey{}).(net.Conn)
	return conn
}

// track adds each new connection of a server. It must be called before the server serves.
func (u unauthenticated) track(server *http.Server) {
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		u.connections.add(conn)
		ctx = context.WithValue(ctx, connectionKey{}, conn)
		return context.WithValue(ctx, authenticatedKey{}, func() { u.connections.remove(conn) })
	}
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			u.connections.remove(conn)
		}
	}
}
