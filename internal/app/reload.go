package app

import (
	"context"
	"errors"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/receipt"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
)

// Reload applies what may change while the program runs: secrets, instances' credentials and texts. Running calls keep the old ones. If
// there is an error, nothing changes. The hook's old secrets stay valid for as long as a signature is, and the old addresses for receipts
// for as long as receipts come. New credentials are checked with their providers, which takes up to five seconds. It must not be called
// concurrently.
func (a *App) Reload(ctx context.Context, c config.Config) error {
	same := slices.EqualFunc(c.Providers, a.Dispatcher.Instances, func(i config.Instance, instance *race.Instance) bool { return i.Name == instance.Name })
	if !same {
		return providers.Problem{Setting: config.Prefix + "PROVIDERS", Want: "has changed; restart to apply that"}
	}
	if c.Addresses().On() != a.settings.Addresses().On() { // the routes are made at the start
		return providers.Problem{Setting: config.Prefix + "PUBLIC_URL", Want: "turns receipts on or off; restart to apply that"}
	}
	for name, changed := range map[string]bool{
		"SECRETS":        (len(c.Secrets) > 0) != (len(a.settings.Secrets) > 0),
		"AUTH0_SECRETS":  (len(c.Auth0Secrets) > 0) != (len(a.settings.Auth0Secrets) > 0),
		"API_KEYS":       c.API() != a.settings.API(),
		"API_JWT_SECRET": c.APIJWTSecret.Empty() != a.settings.APIJWTSecret.Empty(),
		"API_EVENTS_URL": c.APIEventsURL.Given() != a.settings.APIEventsURL.Given(),
	} {
		if changed { // the routes are made at the start
			return providers.Problem{Setting: config.Prefix + name, Want: "is set or unset now; restart to apply that"}
		}
	}
	keys, err := a.newKeys(c)
	if err != nil {
		return err
	}
	opened, err := a.open(c)
	if err != nil {
		return err
	}
	if err := a.checkCredentials(ctx, c, opened); err != nil {
		return err
	}
	a.reloaded = c
	a.shown.Store(&c)
	for i, instance := range a.Dispatcher.Instances {
		instance.Replace(opened[i])
	}
	a.Dispatcher.SetTexts(c.Texts)
	a.store.sealer.Replace(c.StoreSecrets()...)
	a.Server.Keys.Store(keys)
	a.signs(c.APIEventsSecret)
	a.warnOfUnsigned(c)
	a.publish(applied(a.settings, c))
	return nil
}

// newKeys returns the keys of new settings, with those that they replace. The error names a secret that may be half written.
func (a *App) newKeys(c config.Config) (*server.Keys, error) {
	now, old := time.Now(), a.Server.Keys.Load()
	secrets, err := c.Secrets.Replacing(old.Hook, now)
	if err != nil {
		return nil, providers.Problem{Setting: config.Prefix + "SECRETS", Want: err.Error()}
	}
	auth0, err := c.Auth0Secrets.Replacing(old.Auth0, now)
	if err != nil {
		return nil, providers.Problem{Setting: config.Prefix + "AUTH0_SECRETS", Want: err.Error()}
	}
	addresses, err := c.Addresses().Replacing(old.Receipts, now)
	if err != nil {
		return nil, providers.Problem{Setting: config.Prefix + "RECEIPT_SECRET", Want: err.Error()}
	}
	if err := c.StoreKey.Complete(a.reloaded.StoreKey); err != nil {
		return nil, providers.Problem{Setting: config.Prefix + "STORE_KEY", Want: err.Error()}
	}
	if _, err := c.APIEventsSecret.Replacing(a.reloaded.APIEventsSecret, now); err != nil {
		return nil, providers.Problem{Setting: config.Prefix + "API_EVENTS_SECRET", Want: err.Error()}
	}
	tokens := old.Tokens
	if tokens != nil {
		if err := (receipt.Secrets{c.APIJWTSecret}).Complete(receipt.Secrets{a.reloaded.APIJWTSecret}); err != nil {
			return nil, providers.Problem{Setting: config.Prefix + "API_JWT_SECRET", Want: err.Error()}
		}
		tokens = tokens.With(c.APIJWTSecret)
	}
	return &server.Keys{Hook: secrets, Auth0: auth0, API: c.APIKeys, Tokens: tokens, Receipts: addresses, UnsignedReceipts: c.UnsignedReceipts}, nil
}

// ReloadOn loads the settings again at each signal, until ctx ends. Secrets in files and texts in a folder then change without a restart.
// If the new settings have an error, the old ones stay, and the error is logged.
func (a *App) ReloadOn(ctx context.Context, signals <-chan os.Signal, load func() (config.Config, error)) {
	for {
		select {
		case <-signals:
			a.guard(func() { a.reload(ctx, load) })
		case <-ctx.Done():
			return
		}
	}
}

func (a *App) reload(ctx context.Context, load func() (config.Config, error)) {
	settings, err := load()
	if err == nil {
		err = a.Reload(ctx, settings)
	}
	if err != nil {
		a.log.Error().Errs("problems", problems(err)).Msg("not reloaded: the old settings stay")
		return
	}
	for _, warning := range settings.Warnings {
		a.log.Warn().Msg(warning)
	}
	a.log.Info().Bool("restart_needed", restartNeeded(a.settings, settings)).Msg("reloaded")
}

// restartNeeded reports whether settings have changed that are applied only at the start.
func restartNeeded(before, after config.Config) bool {
	return !reflect.DeepEqual(fixed(before), fixed(after))
}

// fixed are the settings that are applied only at the start.
func fixed(c config.Config) []any {
	settings := dispatchSettings(c)
	settings.Texts = nil
	all := []any{settings, ledgerSettings(c), sentences(c), c.Patience, c.Unknown, c.Addr, c.AdminAddr, c.AdminPassword, c.AdminURL, c.MetricsToken, c.Store, c.StoreConns, c.Keep, c.APILimit, c.APIUserLimit, c.APIJWKS, c.APIEventsURL}
	for _, instance := range c.Providers {
		all = append(all, instance.Codes)
	}
	return all
}

// problems splits an error of errors.Join.
func problems(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}
