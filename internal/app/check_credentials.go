package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/providers"
)

// checkTimeout is how long a reload waits for the providers' answers about new credentials.
const checkTimeout = 5 * time.Second

var errPanicked = errors.New("the check panicked")

// checkCredentials asks the providers about the credentials that have changed, where a provider can be asked. It returns one error for
// each instance whose new credentials are refused and whose old ones are not: the file may be half written, or hold the credentials of
// another account. If the old ones are refused too, the new ones are used: they can't be worse. The new ones are also used if the
// provider doesn't answer.
func (a *App) checkCredentials(ctx context.Context, c config.Config, opened []providers.Provider) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	problems := make([]error, len(opened))
	var wg sync.WaitGroup
	for i, instance := range c.Providers {
		checker, ok := providers.As[providers.Checker](opened[i])
		if !ok || instance.Same(a.reloaded.Providers[i]) {
			continue
		}
		wg.Go(func() {
			err := check(ctx, checker)
			switch old, ok := providers.As[providers.Checker](a.Dispatcher.Instances[i].Provider()); {
			case err == nil:
			case !denied(err):
				a.log.Warn().Str("instance", instance.Name).Str("error", err.Error()).Msg("new credentials are used without a check")
			case ok && !denied(check(ctx, old)):
				problems[i] = fmt.Errorf("%s…: the provider refuses the new credentials, and not the old ones: %w", instance.Prefix(), err)
			}
		})
	}
	wg.Wait()
	return errors.Join(problems...)
}

// check calls Check. A bug there must not end the program.
func check(ctx context.Context, c providers.Checker) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanicked
		}
	}()
	return c.Check(ctx)
}

// denied reports whether the provider has answered, and has refused the credentials.
func denied(err error) bool {
	var failed *providers.Error
	return errors.As(err, &failed) && (failed.Kind == providers.Account || failed.Kind == providers.Rejected)
}
