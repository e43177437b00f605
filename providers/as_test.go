package providers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// plainProvider only sends.
type plainProvider struct{ providers.Provider }

// wrapper wraps a Provider, and has a channel of its own.
type wrapper struct{ providers.Provider }

func (w wrapper) Unwrap() providers.Provider { return w.Provider }
func (wrapper) Channel() string              { return "wrapped" }

func TestAsFindsWhatIsWrapped(t *testing.T) {
	inner := new(able)
	for _, p := range []providers.Provider{inner, wrapper{inner}, wrapper{wrapper{inner}}} {
		checker, ok := providers.As[providers.Checker](p)
		require.True(t, ok)
		require.Same(t, inner, checker)
	}
}

func TestAsTakesTheOutermost(t *testing.T) {
	channeler, ok := providers.As[providers.Channeler](wrapper{new(able)})
	require.True(t, ok)
	require.Equal(t, "wrapped", channeler.Channel())
}

func TestAsFindsNothing(t *testing.T) {
	for _, p := range []providers.Provider{nil, plainProvider{}, wrapper{plainProvider{}}, wrapper{nil}, plainProvider{new(able)}} {
		checker, ok := providers.As[providers.Checker](p)
		require.False(t, ok)
		require.Nil(t, checker)
	}
}
