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
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
)

// Reload takes over what may change while the program runs: secrets, instances' credentials and texts. Calls under way go on with
// what they began with. If it can't, nothing changes. The old secrets of the hook are taken for as long as signatures live, and new
// credentials are tried, which takes up to five seconds. It must not be called concurrently.
func (a *App) Reload(ctx context.Context, c config.Config) error {
	same := slices.EqualFunc(c.Instances, a.Dispatcher.Instances, func(i config.Instance, instance *race.Instance) bool { return i.Name == instance.Name })
	if !same {
		return providers.Problem{Setting: config.Prefix + "PROVIDERS", Want: "has changed, and that takes a restart"}
	}
	if c.Addresses().On() != a.settings.Addresses().On() { // instances would be given addresses that aren't there
		return providers.Problem{Setting: config.Prefix + "PUBLIC_URL", Want: "turns receipts on or off, and that takes a restart"}
	}
	secrets, err := c.Secrets.Replacing(a.Server.Keys.Load().Hook, time.Now())
	if err != nil {
		return providers.Problem{Setting: config.Prefix + "SECRETS", Want: err.Error()}
	}
	opened, err := a.open(c)
	if err != nil {
		return err
	}
	if err := a.try(ctx, c, opened); err != nil {
		return err
	}
	a.instances = c.Instances
	for i, instance := range a.Dispatcher.Instances {
		instance.Replace(opened[i])
	}
	a.Dispatcher.SetTexts(c.Texts)
	a.store.sealer.Replace(c.StoreSecrets()...)
	a.Server.Keys.Store(&server.Keys{Hook: secrets, Receipts: c.Addresses(), Unsigned: c.Unsigned})
	a.warnOfUnsigned(c)
	return nil
}

// ReloadOn loads the settings again at each signal, until ctx ends: secrets that are in files, and texts that are in a folder,
// change without a restart. If anything is wrong with the new ones, the old ones stay, and the log says so.
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

// restartNeeded reports whether settings have changed that are taken over at the start alone: they may be in files too.
func restartNeeded(before, after config.Config) bool {
	return !reflect.DeepEqual(lasting(before), lasting(after))
}

func lasting(c config.Config) []any {
	settings := dispatchSettings(c)
	settings.Texts = nil
	all := []any{settings, ledgerSettings(c), sentences(c), c.Patience, c.Unknown, c.Addr, c.AdminAddr, c.Store, c.StoreConns, c.Keep}
	for _, instance := range c.Instances {
		all = append(all, instance.Codes)
	}
	return all
}

// problems are the errors that were joined.
func problems(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}
