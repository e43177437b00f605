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

// tryFor is how long a reload waits for the instances that it asks about new credentials.
const tryFor = 5 * time.Second

var errPanicked = errors.New("the check panicked")

// try asks the instances about the credentials that are new, where they can be asked. It returns one problem for each account whose
// new credentials are refused: a file may be half written, or the value of another account. Those that the instance can't be asked
// about are taken, and so are those of an account whose old ones are refused too: there is nothing to lose, or the credentials may
// send and nothing else.
func (a *App) try(ctx context.Context, c config.Config, opened []providers.Provider) error {
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	problems := make([]error, len(opened))
	var wg sync.WaitGroup
	for i, instance := range c.Instances {
		checker, ok := opened[i].(providers.Checker)
		if !ok || instance.Same(a.instances[i]) {
			continue
		}
		wg.Go(func() {
			err := check(ctx, checker)
			switch old, ok := a.Dispatcher.Instances[i].Provider().(providers.Checker); {
			case err == nil:
			case !denied(err):
				a.log.Warn().Str("instance", instance.Name).Str("error", err.Error()).Msg("the new credentials are taken untried")
			case ok && !denied(check(ctx, old)):
				problems[i] = fmt.Errorf("%s…: the instance refuses what is new here, and not what was there before: %w", instance.Prefix(), err)
			}
		})
	}
	wg.Wait()
	return errors.Join(problems...)
}

// check calls Check. A bug in it must not end the program.
func check(ctx context.Context, c providers.Checker) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanicked
		}
	}()
	return c.Check(ctx)
}

// denied reports whether an instance has answered, and refused.
func denied(err error) bool {
	var failed *providers.Error
	return errors.As(err, &failed) && (failed.Kind == providers.Account || failed.Kind == providers.Rejected)
}
