package app

import (
	"errors"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
)

// Settings of which a part can't be used change nothing: not the secrets that could be read, nor the carriers that could be
// opened.
func TestReloadChangesAllOrNothing(t *testing.T) {
	broken := false
	drivers := []providers.Driver{
		providers.NewDriver("gate", "Gate", func(none, providers.Deps) (*gate, error) { return new(gate), nil }),
		providers.NewDriver("fragile", "Fragile", func(none, providers.Deps) (*gate, error) {
			if broken {
				return nil, errors.New("no key")
			}
			return new(gate), nil
		}),
	}
	fresh := func(carriers string, more ...string) config.Config {
		c, err := config.Load(append(more, "SMSHOOK_SECRETS="+hook.NewSecret(), "SMSHOOK_PROVIDERS="+carriers), drivers, false, nil)
		require.NoError(t, err)
		return c
	}
	a, err := New(fresh("gate,fragile"), "v1", zerolog.Nop(), nil)
	require.NoError(t, err)
	type state struct {
		keys          *server.Keys
		gate, fragile providers.Provider
	}
	now := func() state {
		return state{a.Server.Keys.Load(), a.Dispatcher.Carriers[0].Provider(), a.Dispatcher.Carriers[1].Provider()}
	}
	before := now()

	broken = true
	require.EqualError(t, a.Reload(t.Context(), fresh("gate,fragile")), "opening fragile: no key")
	require.True(t, now() == before)
	broken = false
	require.EqualError(t, a.Reload(t.Context(), fresh("fragile,gate")), "SMSHOOK_PROVIDERS: has changed, and that takes a restart")
	require.True(t, now() == before)

	receipts := fresh("gate,fragile", "SMSHOOK_PUBLIC_URL=https://sms.example.com", "SMSHOOK_RECEIPT_SECRET="+hook.NewSecret())
	require.EqualError(t, a.Reload(t.Context(), receipts), "SMSHOOK_PUBLIC_URL: turns receipts on or off, and that takes a restart")
	require.True(t, now() == before)

	require.NoError(t, a.Reload(t.Context(), fresh("gate,fragile")))
	after := now()
	require.False(t, after.keys == before.keys || after.gate == before.gate || after.fragile == before.fragile)
}
