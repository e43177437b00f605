package call_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/providertest"
)

// The transport has taken the request, and has not finished its head, when the attempt is stopped. Stop has said that nothing left.
// Therefore nothing may leave, whether the context ends before the head is finished or not.
func TestNothingLeavesAfterStop(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for _, kept := range []bool{false, true} {
			for _, cancelled := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, kept connection %t, cancelled %t", method, kept, cancelled), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { nothingLeaves(t, method, kept, cancelled) })
				})
			}
		}
	}
}

func nothingLeaves(t *testing.T, method string, kept, cancelled bool) {
	f := providertest.NewPipeFake(t)
	caller := call.New(f.Client(), providers.NewSecret(token))
	if kept {
		_, err := caller.Do(t.Context(), providertest.Message(), post(f.Base))
		require.NoError(t, err)
		require.Len(t, f.Requests(), 1)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	goOn := make(chan struct{})
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaderField: func(string, []string) { <-goOn }})
	ctx, w := call.Watch(ctx)
	request := post(f.Base)
	if method == http.MethodGet {
		request = call.Get(string(f.Base))
	}
	done := make(chan error, 1)
	go func() {
		_, err := caller.Do(ctx, providertest.Message(), request)
		done <- err
	}()
	synctest.Wait() // the transport writes the head
	require.False(t, w.Written())
	require.True(t, w.Stop())
	if cancelled {
		cancel()
		synctest.Wait()
	}
	close(goOn)
	synctest.Wait()
	requireFailure(t, <-done, providers.Temporary, "not reached: ")
	require.False(t, w.Written())
	require.Empty(t, f.Requests())
}

// After Stop has reported that the request may have left, the answer stays the same, also where net/http takes another connection.
func TestStopSettlesWhatIsWritten(t *testing.T) {
	ctx, w := call.Watch(t.Context())
	trace := httptrace.ContextClientTrace(ctx)
	trace.WroteHeaders()
	require.False(t, w.Stop())
	trace.GetConn("provider.example:443")
	require.True(t, w.Written())
	require.False(t, w.Stop())

	ctx, w = call.Watch(t.Context())
	require.True(t, w.Stop())
	httptrace.ContextClientTrace(ctx).WroteHeaders()
	require.False(t, w.Written())
}
