//go:build otel

package tracing

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

const id = "6a0ed0a4-4d2b-4f3e-9a0d-7d3f8f0d1c11"

var start = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// traced returns a Tracer and what it has sent.
func traced(t *testing.T) (*Tracer, *tracetest.InMemoryExporter) {
	spans := tracetest.NewInMemoryExporter()
	tracer := newTracer("v1.2.3", sdk.WithSyncer(spans))
	tracer.now = func() time.Time { return start.Add(2 * time.Second) }
	t.Cleanup(func() { require.NoError(t, tracer.Close(context.Background())) })
	return tracer, spans
}

func attributes(span tracetest.SpanStub) map[string]any {
	all := map[string]any{}
	for _, a := range span.Attributes {
		all[string(a.Key)] = a.Value.AsInterface()
	}
	return all
}

// A message, its two attempts and a receipt are one trace, and nothing in it tells who got what.
func TestTrace(t *testing.T) {
	const code, number = "918273", "+447700900123"
	tracer, spans := traced(t)
	failed := race.Attempt{MessageID: id, Instance: "twilio", Channel: "sms", BegunAt: start, Took: 300 * time.Millisecond,
		Err: &providers.Error{Kind: providers.Temporary, Err: errors.New("the number " + number + " and the code " + code)}}
	sent := race.Attempt{MessageID: id, Instance: "plivo", Channel: "sms", BegunAt: start.Add(time.Second), Took: time.Second, Sent: providers.Sent{IDs: []string{"wamid-" + number}}}
	tracer.Attempt(failed)
	tracer.Attempt(sent)
	tracer.Message(dispatch.Request{ID: id, Phone: providers.NewSecret(number), Code: providers.NewSecret(code), ReceivedAt: start}, dispatch.Accepted)
	tracer.Receipt(ledger.Report{ID: id, Number: "+44…23", Country: "GB", Instance: "plivo", Receipt: providers.Receipt{ID: number, State: providers.StateUndelivered, Kind: providers.Recipient, Code: code}})

	got := spans.GetSpans()
	require.Len(t, got, 4)
	message := got[2]
	for i, want := range []struct {
		name       string
		start, end time.Time
		attributes map[string]any
	}{
		{"attempt", start, start.Add(300 * time.Millisecond), map[string]any{"smshook.instance": "twilio", "smshook.channel": "sms", "smshook.late": false, "smshook.kind": "temporary"}},
		{"attempt", start.Add(time.Second), start.Add(2 * time.Second), map[string]any{"smshook.instance": "plivo", "smshook.channel": "sms", "smshook.late": false}},
		{"message", start, start.Add(2 * time.Second), map[string]any{"smshook.result": "accepted", "smshook.message_id": id}},
		{"receipt", start.Add(2 * time.Second), start.Add(2 * time.Second), map[string]any{"smshook.instance": "plivo", "smshook.country": "GB", "smshook.state": "undelivered", "smshook.kind": "recipient"}},
	} {
		require.Equal(t, want.name, got[i].Name)
		require.Equal(t, want.start, got[i].StartTime)
		require.Equal(t, want.end, got[i].EndTime)
		require.Equal(t, want.attributes, attributes(got[i]))
		require.Equal(t, message.SpanContext.TraceID(), got[i].SpanContext.TraceID())
		if want.name != "message" {
			require.Equal(t, message.SpanContext.SpanID(), got[i].Parent.SpanID())
		}
	}
	require.False(t, message.Parent.IsValid())
	whole, err := json.Marshal(got)
	require.NoError(t, err)
	for _, secret := range []string{code, number[1:], "7700900123", "wamid"} {
		require.NotContains(t, string(whole), secret)
	}
}

// Another replica, or the same after a restart, makes the same trace. A caller's own ID, which may be a number, is in no span.
func TestTracesOfOneMessageAreOne(t *testing.T) {
	const own = "order-447700900123"
	first, before := traced(t)
	second, after := traced(t)
	first.Message(dispatch.Request{ID: own, ReceivedAt: start}, dispatch.Failed)
	second.Receipt(ledger.Report{ID: own, Instance: "plivo"})
	require.Equal(t, before.GetSpans()[0].SpanContext.SpanID(), after.GetSpans()[0].Parent.SpanID())
	whole, err := json.Marshal(append(before.GetSpans(), after.GetSpans()...))
	require.NoError(t, err)
	require.NotContains(t, string(whole), "447700900123")
}

// A receipt for no message that is known has no trace.
func TestNoSpan(t *testing.T) {
	tracer, spans := traced(t)
	tracer.Receipt(ledger.Report{Instance: "plivo"})
	require.Empty(t, spans.GetSpans())
}
