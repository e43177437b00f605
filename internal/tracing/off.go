//go:build !otel

package tracing

import (
	"context"

	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/race"
)

// Tracer does nothing in a program without the build tag.
type Tracer struct{}

// New returns a Tracer. version is the program's.
func New(string) (*Tracer, error) { return &Tracer{}, nil }

// Message makes the span of a message.
func (*Tracer) Message(dispatch.Request, dispatch.Result) {}

// Attempt makes the span of an attempt.
func (*Tracer) Attempt(race.Attempt) {}

// Receipt makes the span of a receipt.
func (*Tracer) Receipt(ledger.Report) {}

// Close sends what waits to be sent, until ctx ends.
func (*Tracer) Close(context.Context) error { return nil }
