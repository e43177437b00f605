package app

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/metrics"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
)

// If a part of the new settings is invalid, no part of them is applied.
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
	fresh := func(instances string, more ...string) config.Config {
		c, err := config.Load(append(more, "SMSHOOK_SECRETS="+hook.NewSecret(), "SMSHOOK_PROVIDERS="+instances), drivers, false, nil)
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
		return state{a.Server.Keys.Load(), a.Dispatcher.Instances[0].Provider(), a.Dispatcher.Instances[1].Provider()}
	}
	before := now()

	broken = true
	require.EqualError(t, a.Reload(t.Context(), fresh("gate,fragile")), "opening fragile: no key")
	require.True(t, now() == before)
	broken = false
	require.EqualError(t, a.Reload(t.Context(), fresh("fragile,gate")), "SMSHOOK_PROVIDERS: has changed; restart to apply that")
	require.True(t, now() == before)

	receipts := fresh("gate,fragile", "SMSHOOK_PUBLIC_URL=https://sms.example.com", "SMSHOOK_RECEIPT_SECRET="+hook.NewSecret())
	require.EqualError(t, a.Reload(t.Context(), receipts), "SMSHOOK_PUBLIC_URL: turns receipts on or off; restart to apply that")
	require.True(t, now() == before)

	require.NoError(t, a.Reload(t.Context(), fresh("gate,fragile")))
	after := now()
	require.False(t, after.keys == before.keys || after.gate == before.gate || after.fragile == before.fragile)
}

// The other replicas are told what a reload changes, and nothing that it doesn't.
func TestAReloadIsPublished(t *testing.T) {
	start := settingsFor(t)
	reloaded := settingsFor(t, "SMSHOOK_STORE_KEY=another-0123456789-0123", "SMSHOOK_MESSAGE=Code {{ .Code }}", "SMSHOOK_LIMIT_USER=off", "SMSHOOK_TEXT_FAILED=no")
	before, after := published(start), published(applied(start, reloaded))
	for name, value := range after.Compared {
		require.Equal(t, name == "SMSHOOK_MESSAGE" || name == "SMSHOOK_STORE_KEY", value != before.Compared[name], name)
	}
	before.Compared, after.Compared = nil, nil
	require.Equal(t, before, after)
}

// A panic while new settings are read must not end the program.
func TestReloadOnSurvivesAPanic(t *testing.T) {
	written := new(bytes.Buffer)
	a := App{log: zerolog.New(written), metrics: metrics.New("v1")}
	signals := make(chan os.Signal, 2)
	signals <- os.Interrupt
	signals <- os.Interrupt
	ctx, cancel := context.WithCancel(t.Context())
	loads := 0
	a.ReloadOn(ctx, signals, func() (config.Config, error) {
		if loads++; loads == 2 {
			cancel()
		}
		panic("028687")
	})
	require.Equal(t, 2, loads)
	require.Equal(t, 2, strings.Count(written.String(), `"message":"panic"`))
	require.NotContains(t, written.String(), "028687")
}
