package app

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/providers"
)

// lock is an instance with one valid token, key. Other tokens make Check hang or panic.
type lock struct {
	gate
	Token providers.Secret `env:"TOKEN" help:"x"`
	key   *string
}

func (l *lock) Check(ctx context.Context) error {
	switch l.Token.Reveal() {
	case *l.key:
		return nil
	case "hangs":
		<-ctx.Done()
		return &providers.Error{Kind: providers.Unknown, Err: errors.New("no answer")}
	case "panics":
		panic("028687")
	default:
		return &providers.Error{Kind: providers.Account, Code: "20003", Err: errors.New("answer 401")}
	}
}

func (l *lock) Credentials() []string { return []string{"TOKEN"} }

var _ providers.Checker = (*lock)(nil)

// A reload fails if the provider refuses the new credentials and not the old ones.
func TestReloadChecksNewCredentials(t *testing.T) {
	const refused = "LOCK_…: the provider refuses the new credentials, and not the old ones: account (code 20003): answer 401"
	for _, tt := range []struct {
		name, old, key, new string
		want                string
		token, logs         string
		took                time.Duration
	}{
		{"good", "old", "new", "new", "", "new", "", 0},
		{"half written", "whole", "whole", "who", refused, "whole", "", 0},
		{"both are refused", "old", "another", "new", "", "new", "", 0},
		{"unchanged, and refused", "old", "another", "old", "", "old", "", 0},
		{"no answer", "old", "old", "hangs", "", "hangs", `"instance":"lock","error":"unknown: no answer","message":"new credentials are used without a check"`, checkTimeout},
		{"no answer about the old ones", "hangs", "another", "new", refused, "hangs", "", checkTimeout},
		{"a panic", "old", "old", "panics", "", "panics", `"error":"the check panicked"`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				type settings struct {
					Token providers.Secret `env:"TOKEN" help:"x"`
				}
				key := tt.key
				drivers := []providers.Driver{providers.NewDriver("lock", "Lock", func(s settings, _ providers.Deps) (*lock, error) {
					return &lock{Token: s.Token, key: &key}, nil
				})}
				secret := hook.NewSecret()
				load := func(token string) config.Config {
					c, err := config.Load([]string{"SMSHOOK_SECRETS=" + secret, "SMSHOOK_PROVIDERS=lock", "LOCK_TOKEN=" + token}, drivers, false, nil)
					require.NoError(t, err)
					return c
				}
				written := new(bytes.Buffer)
				a, err := New(load(tt.old), "v1", zerolog.New(written), nil)
				require.NoError(t, err)

				start := time.Now()
				err = a.Reload(t.Context(), load(tt.new))
				if tt.want == "" {
					require.NoError(t, err)
				} else {
					require.EqualError(t, err, tt.want)
				}
				require.Equal(t, tt.took, time.Since(start))
				require.Equal(t, tt.token, a.Dispatcher.Instances[0].Provider().(*lock).Token.Reveal())
				require.Contains(t, written.String(), tt.logs)
				require.Equal(t, tt.logs != "", written.Len() > 0, written.String())
				require.NotContains(t, written.String(), "028687")
			})
		})
	}
}

// A reload keeps the hook's old secret beside the new one, and refuses a half-written one.
func TestReloadKeepsTheOldSecret(t *testing.T) {
	drivers := []providers.Driver{providers.NewDriver("gate", "Gate", func(none, providers.Deps) (*gate, error) { return new(gate), nil })}
	old, fresh := hook.NewSecret(), hook.NewSecret()
	load := func(secret string) config.Config {
		c, err := config.Load([]string{"SMSHOOK_SECRETS=" + secret, "SMSHOOK_PROVIDERS=gate"}, drivers, false, nil)
		require.NoError(t, err)
		return c
	}
	a, err := New(load(old), "v1", zerolog.Nop(), nil)
	require.NoError(t, err)
	require.EqualError(t, a.Reload(t.Context(), load(fresh[:41])),
		"SMSHOOK_SECRETS: secret 1: is shorter than the old secrets, or the beginning of one, as if its file were half written; if it is complete, restart to use it")
	require.Len(t, a.Server.Keys.Load().Hook, 1)
	require.NoError(t, a.Reload(t.Context(), load(fresh)))
	require.Len(t, a.Server.Keys.Load().Hook, 2)
}

// A reload keeps addresses by the receipts' old secret beside the new ones: messages under way carry them. A half-written secret is refused,
// and so is a half-written key of the store.
func TestReloadKeepsTheOldReceiptAddresses(t *testing.T) {
	const half = ": secret 1: is shorter than the old secrets, or the beginning of one, as if its file were half written; if it is complete, restart to use it"
	drivers := []providers.Driver{providers.NewDriver("gate", "Gate", func(none, providers.Deps) (*gate, error) { return new(gate), nil })}
	hookSecret, old, fresh := hook.NewSecret(), hook.NewSecret(), hook.NewSecret()
	load := func(receipts, store string) config.Config {
		c, err := config.Load([]string{"SMSHOOK_SECRETS=" + hookSecret, "SMSHOOK_PROVIDERS=gate", "SMSHOOK_PUBLIC_URL=https://sms.example.com",
			"SMSHOOK_RECEIPT_SECRET=" + receipts, "SMSHOOK_STORE_KEY=" + store}, drivers, false, nil)
		require.NoError(t, err)
		return c
	}
	a, err := New(load(old, old), "v1", zerolog.Nop(), nil)
	require.NoError(t, err)
	before := a.Server.Keys.Load()
	require.EqualError(t, a.Reload(t.Context(), load(old[:40], old)), "SMSHOOK_RECEIPT_SECRET"+half)
	require.EqualError(t, a.Reload(t.Context(), load(old, fresh[:40])), "SMSHOOK_STORE_KEY"+half)
	require.Same(t, before, a.Server.Keys.Load())

	require.NoError(t, a.Reload(t.Context(), load(fresh, fresh)))
	require.EqualError(t, a.Reload(t.Context(), load(fresh, fresh[:40])), "SMSHOOK_STORE_KEY"+half, "compared with what was loaded last")
	addresses := a.Server.Keys.Load().Receipts
	require.NotEqual(t, before.Receipts.Of("gate"), addresses.Of("gate"))
	for _, carried := range []providers.Callback{before.Receipts.Of("gate"), addresses.Of("gate")} {
		_, ok := addresses.Called("gate", carried.Token().Reveal(), "")
		require.True(t, ok)
	}
}
