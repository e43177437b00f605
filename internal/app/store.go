package app

import (
	"errors"
	"time"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/sqlite"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

// store is the ledger that the settings ask for.
type store struct {
	ledger.Ledger
	sealer    *ledger.Sealer
	forgotten func() uint64 // keys of limits
	missed    func() uint64 // operations that went on without the store
	close     func() error
}

// openStore opens the ledger that the settings ask for.
func (a *App) openStore(c config.Config) (*store, error) {
	s := &store{
		sealer: ledger.NewSealer(c.StoreSecrets()...),
		missed: func() uint64 { return 0 },
		close:  func() error { return nil },
	}
	var err error
	switch {
	case c.Store.SQLite != "":
		err = a.openSQLite(c, s)
	case !c.Store.Postgres.Empty():
		err = a.openPostgres(c, s)
	default:
		counter := policy.NewMemory()
		s.Ledger, s.forgotten = ledger.NewMemory(ledgerSettings(c), counter, time.Now), counter.Forgotten
	}
	if err != nil {
		return nil, storeProblem(err)
	}
	return s, nil
}

func storeProblem(err error) error {
	return providers.Problem{Setting: config.Prefix + "STORE", Want: err.Error()}
}

func (a *App) openSQLite(c config.Config, s *store) error {
	counter := policy.NewMemory()
	file, err := sqlite.Open(sqlite.Options{
		Path:     c.Store.SQLite,
		Settings: ledgerSettings(c),
		Keep:     c.Keep,
		Sealer:   s.sealer,
		Counter:  counter,
		Clock:    time.Now,
		Report: func(err error, since uint64) {
			a.log.Error().Str("error", storeProblem(err).Error()).Uint64("operations", since).
				Msg("the store can't be written: messages are sent all the same, but a restart would forget them")
		},
	})
	if err != nil {
		return err
	}
	if file.Unopened > 0 {
		a.log.Warn().Int("messages", file.Unopened).
			Msg("contents in the store were sealed with a secret that is not in the settings any more: these messages won't be sent again")
	}
	a.log.Info().Str("store", c.Store.String()).Int("messages", file.Restored).Msg("remembered")
	s.Ledger, s.forgotten, s.missed, s.close = file, counter.Forgotten, file.Missed, file.Close
	return nil
}

func (a *App) openPostgres(config.Config, *store) error {
	return errors.New("this version of smshook has no store in Postgres; set memory or sqlite:/data/smshook.db")
}

// CheckStore says how the store is that the settings name. The error is safe to print.
func CheckStore(c config.Config) (found string, err error) {
	switch {
	case c.Store.SQLite != "":
		exists, err := sqlite.Check(c.Store.SQLite)
		switch {
		case err != nil:
			return "", storeProblem(err)
		case exists:
			return "sqlite: ok", nil
		}
		return "sqlite: there is no file yet; serve makes it", nil
	case !c.Store.Postgres.Empty():
		return "", storeProblem((*App)(nil).openPostgres(c, nil))
	}
	return "memory: a restart forgets limits, repeats and what was sent", nil
}

// Close writes what the store has not written yet. Nothing may be sent after it.
func (a *App) Close() {
	if err := a.store.close(); err != nil {
		a.log.Error().Str("error", storeProblem(err).Error()).Msg("the store was not closed well")
	}
}
