package race

import (
	"context"
	"errors"
	"net/http/httptrace"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// lateWriter is a provider whose transport finishes the request's head when the attempt is already cancelled.
type lateWriter struct{}

func (lateWriter) Send(ctx context.Context, _ providers.Message) (providers.Sent, error) {
	<-ctx.Done()
	httptrace.ContextClientTrace(ctx).WroteHeaders()
	return providers.Sent{}, errors.New("cancelled")
}

// A cancelled attempt has said that it sent nothing. Its request can't be sent any more, and its end says the same.
func TestCancelledAttemptSendsNothingLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		f.route = []*Instance{NewInstance("a", lateWriter{}, nil, 100)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		outcome, _ := f.run(ctx)
		require.Equal(t, Failed, outcome.Result)
		require.Equal(t, "a:temporary?", describe(outcome.Attempts))
		require.NoError(t, f.Drain(t.Context()))
		require.Equal(t, "a:temporary!", describe(f.ended))
	})
}
