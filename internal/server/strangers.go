package server

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
)

// mostStrangers is how many connections may be open on which no signed call has come yet. Each takes some 20 KiB, and a file
// descriptor: a quarter of those is for strangers, and the rest is for Auth, for the calls of instances, and for files. Without one,
// nothing can be sent.
func mostStrangers(descriptors uint64) int { return int(min(1024, max(descriptors/4, 16))) }

// strangers are those connections. When there are too many, the oldest is closed to make room: whoever opens thousands, and is
// slow on each, crowds out himself. Auth speaks at once, and is no stranger from then on. They may be used concurrently.
type strangers struct {
	most int

	mu     sync.Mutex
	byAge  *list.List // of net.Conn, oldest first
	places map[net.Conn]*list.Element
}

func newStrangers(most int) *strangers {
	return &strangers{most: most, byAge: list.New(), places: map[net.Conn]*list.Element{}}
}

type (
	introducedKey struct{}
	connKey       struct{}
)

// introduced notes that a signed call has come on the connection of a request.
func introduced(r *http.Request) {
	if forget, ok := r.Context().Value(introducedKey{}).(func()); ok {
		forget()
	}
}

// connOf returns the connection of a request; nil where the server isn't watched.
func connOf(r *http.Request) net.Conn {
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	return conn
}

// watch has all connections of a server begin as strangers.
func (s *strangers) watch(server *http.Server) {
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		s.meet(conn)
		ctx = context.WithValue(ctx, connKey{}, conn)
		return context.WithValue(ctx, introducedKey{}, func() { s.forget(conn) })
	}
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			s.forget(conn)
		}
	}
}

func (s *strangers) meet(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byAge.Len() >= s.most {
		s.crowdOut()
	}
	s.places[conn] = s.byAge.PushBack(conn)
}

// crowdOut closes the oldest, if there is one. s.mu is held.
func (s *strangers) crowdOut() {
	if s.byAge.Len() == 0 {
		return
	}
	oldest := s.byAge.Remove(s.byAge.Front()).(net.Conn)
	delete(s.places, oldest)
	oldest.Close()
}

func (s *strangers) forget(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if place, ok := s.places[conn]; ok {
		s.byAge.Remove(place)
		delete(s.places, conn)
	}
}
