package providertest

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// Pipes is a listener whose connections are pairs of net.Pipe: with it, a client and a server can talk in a synctest bubble.
type Pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	close    func()
}

// NewPipes returns a listener that only its own Dial reaches.
func NewPipes() *Pipes {
	p := &Pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}
	p.close = sync.OnceFunc(func() { close(p.closed) })
	return p
}

// Dial connects to the listener, whatever the address.
func (p *Pipes) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.accepted <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (p *Pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accepted:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *Pipes) Close() error { p.close(); return nil }

// Addr implements net.Listener. Only p.Dial reaches it.
func (p *Pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// loopbackOnly returns a dialer that refuses to leave this machine.
func loopbackOnly(dial dialer) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			return nil, fmt.Errorf("a test may not call %s", address)
		}
		return dial(ctx, network, address)
	}
}
