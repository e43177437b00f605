// Package console shows messages instead of sending them. It is for development only: every message is reported as accepted, and
// codes are printed.
package console

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/smshook/smshook/providers"
)

// Settings of the console: there are none.
type Settings struct{}

// Provider prints messages.
type Provider struct {
	mu  sync.Mutex // one message at a time
	out io.Writer
}

var _ providers.Provider = (*Provider)(nil)

// New returns a Provider that prints on d.Out.
func New(_ Settings, d providers.Deps) (*Provider, error) { return &Provider{out: d.Out}, nil }

// Send prints the message in one write.
func (p *Provider) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	if err := ctx.Err(); err != nil {
		return providers.Sent{}, &providers.Error{Kind: providers.Temporary, Err: err}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := io.WriteString(p.out, show(m)); err != nil {
		return providers.Sent{}, &providers.Error{Kind: providers.Temporary, Err: fmt.Errorf("printing the message: %w", err)}
	}
	return providers.Sent{IDs: []string{m.ID}, Parts: m.Segments}, nil
}

func show(m providers.Message) string {
	encoding := "GSM-7"
	if m.Unicode {
		encoding = "UCS-2"
	}
	return fmt.Sprintf("\n  to    %s\n  text  %s\n        %d segment(s), %s\n\n", m.To.Reveal(), m.Text.Reveal(), m.Segments, encoding)
}
