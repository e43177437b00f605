//go:build otel

package tracing

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// Tracer makes spans. It may be used concurrently. Spans are sent in the background; if too many wait, new ones are dropped.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	now      func() time.Time
}

// New returns a Tracer that sends to OTEL_EXPORTER_OTLP_ENDPOINT, as OpenTelemetry's libraries read it: by default to
// http://localhost:4318. version is the program's.
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/
func New(version string) (*Tracer, error) {
	exporter, err := otlptracehttp.New(context.Background())
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	return newTracer(version, sdk.WithBatcher(exporter)), nil
}

func newTracer(version string, to sdk.TracerProviderOption) *Tracer {
	about := resource.NewSchemaless(attribute.String("service.name", "smshook"), attribute.String("service.version", version))
	if own, err := resource.Merge(about, resource.Environment()); err == nil {
		about = own // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
	}
	provider := sdk.NewTracerProvider(to, sdk.WithResource(about), sdk.WithIDGenerator(ids{}))
	return &Tracer{provider: provider, tracer: provider.Tracer("smshook"), now: time.Now}
}

// ids are made from the message's ID: a receipt that comes to another replica a minute later finds the message's trace.
type ids struct{}

type messageID struct{}

// NewIDs returns the IDs of a message's own span.
func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id, _ := ctx.Value(messageID{}).(string)
	c := contextOf(id)
	return c.TraceID(), c.SpanID()
}

// NewSpanID returns the ID of another span.
func (ids) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	rand.Read(id[:]) // crypto/rand never returns an error
	return id
}

func contextOf(id string) trace.SpanContext {
	sum := sha256.Sum256([]byte("smshook trace " + id))
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID(sum[:16]), SpanID: trace.SpanID(sum[16:24]), TraceFlags: trace.FlagsSampled, Remote: true,
	})
}

// below is the context for spans below a message's.
func below(id string) context.Context {
	return trace.ContextWithRemoteSpanContext(context.Background(), contextOf(id))
}

// Message makes the span of a message whose result is known, from the request to now.
func (t *Tracer) Message(r dispatch.Request, result dispatch.Result) {
	ctx := context.WithValue(context.Background(), messageID{}, r.ID)
	_, span := t.tracer.Start(ctx, "message", trace.WithTimestamp(r.ReceivedAt), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("smshook.result", result.String())))
	if providers.UUID.MatchString(r.ID) { // Auth makes such IDs. Another caller may have put anything into an ID, also a number.
		span.SetAttributes(attribute.String("smshook.message_id", r.ID))
	}
	if result == dispatch.Failed {
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(t.now()))
}

// Attempt makes the span of an attempt that has ended.
func (t *Tracer) Attempt(a race.Attempt) {
	_, span := t.tracer.Start(below(a.MessageID), "attempt", trace.WithTimestamp(a.BegunAt), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("smshook.instance", a.Instance),
		attribute.String("smshook.channel", a.Channel),
		attribute.Bool("smshook.late", a.Late),
	))
	if a.Err != nil {
		span.SetAttributes(attribute.String("smshook.kind", a.Err.Kind.String()))
		span.SetStatus(codes.Error, a.Err.Kind.String())
	}
	span.End(trace.WithTimestamp(a.BegunAt.Add(a.Took)))
}

// Receipt makes the span of a receipt: a moment, since it says what has happened before.
func (t *Tracer) Receipt(r ledger.Report) {
	if r.ID == "" {
		return // of no message that is known
	}
	now := t.now()
	_, span := t.tracer.Start(below(r.ID), "receipt", trace.WithTimestamp(now), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("smshook.instance", r.Instance),
		attribute.String("smshook.country", r.Country),
		attribute.String("smshook.state", r.Receipt.State.String()),
	))
	if r.Receipt.State.Failed() {
		span.SetAttributes(attribute.String("smshook.kind", r.Receipt.Kind.String()))
		span.SetStatus(codes.Error, r.Receipt.Kind.String())
	}
	span.End(trace.WithTimestamp(now))
}

// Close sends what waits to be sent, until ctx ends.
func (t *Tracer) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }
