package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/sqlite"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

// store is the ledger that the settings ask for.
type store struct {
	ledger.Ledger
	sealer    *ledger.Sealer
	queue     ledger.Queue
	forgotten func() uint64 // keys of limits
	missed    func() uint64 // operations that went on without the store
	away      func() bool   // the database can't be reached
	owed      func() int    // what has to be written to it
	close     func() error
	learnt    learntStore // nil if it keeps nothing of it

	database *postgres.Store // nil if the store is another one
	watched  context.Context // ends when the store is closed
	held     atomic.Bool     // the database is a copy
}

// openStore opens the ledger that the settings ask for.
func (a *App) openStore(c config.Config) (*store, error) {
	s := &store{
		sealer: ledger.NewSealer(c.StoreSecrets()...),
		missed: func() uint64 { return 0 },
		away:   func() bool { return false },
		owed:   func() int { return 0 },
		close:  func() error { return nil },
	}
	var err error
	switch {
	case c.Store.SQLite != "":
		err = a.openSQLite(c, s)
	case !c.Store.Postgres.Empty():
		err = a.openPostgres(c, s)
	default:
		counter, settings := policy.NewMemory(), ledgerSettings(c)
		settings.History = c.Keep
		s.Ledger, s.forgotten = ledger.NewMemory(settings, counter, time.Now), counter.Forgotten
		s.queue = ledger.NewMemoryQueue(time.Now)
	}
	if err != nil {
		return nil, storeProblem(err)
	}
	return s, nil
}

// storeProblem puts an error of a store in one line: those of pgx have several.
func storeProblem(err error) error {
	return providers.Problem{Setting: config.Prefix + "STORE", Want: strings.Join(strings.Fields(err.Error()), " ")}
}

func (a *App) openSQLite(c config.Config, s *store) error {
	counter := policy.NewMemory()
	file, err := sqlite.Open(sqlite.Options{
		Path:     c.Store.SQLite,
		Full:     c.Store.Full,
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
	s.Ledger, s.queue, s.forgotten, s.missed, s.close = file, file.Queue(), counter.Forgotten, file.Missed, file.Close
	s.learnt = file
	return nil
}

// warmTime is how long the start waits for connections to the database.
const warmTime = time.Second

// unverified is the warning of an address that lets any server answer. https://supabase.com/docs/guides/database/psql has where the
// certificate is.
const unverified = "the database is on another machine, and nothing proves that it is the right one: " +
	"an attacker in the network could read the password; add sslmode=verify-full&sslrootcert=FILE to the address, " +
	"with the certificate of its CA (on Supabase: in the dashboard, Database Settings, SSL Configuration)"

// openPostgres doesn't need the database: while it can't be reached, the memory decides.
func (a *App) openPostgres(c config.Config, s *store) error {
	database, err := postgres.Open(c.Store.Postgres.Reveal(), postgres.Settings{
		Settings:    ledgerSettings(c),
		Keep:        c.Keep,
		Connections: c.StoreConns,
		Clock:       time.Now,
		Sealer:      s.sealer,
		Settling:    a.settling,
		RollingUp:   a.rollingUp,
	})
	if err != nil {
		return err
	}
	if postgres.Unverified(c.Store.Postgres.Reveal()) {
		a.log.Warn().Msg(storeProblem(errors.New(unverified)).Error())
	}
	warming, cancel := context.WithTimeout(context.Background(), warmTime)
	defer cancel()
	_ = database.Warm(warming) // if the database can't be used, the first sweep says so
	counter := policy.NewMemory()
	shared := ledger.NewShared(database, ledger.NewMemory(ledgerSettings(c), counter, time.Now))
	var stop context.CancelFunc
	s.watched, stop = context.WithCancel(context.Background())
	s.database, s.queue, s.learnt = database, database.Queue(), database
	go a.watchStore(s.watched, shared.Changes())
	s.Ledger, s.forgotten = shared, counter.Forgotten
	s.away, s.owed = shared.Away, func() int { return shared.Counts().Owed }
	s.missed = func() uint64 { return shared.Counts().Missed }
	a.metrics.Replica(shared.Away, s.held.Load, func() uint64 { return shared.Counts().Written }, func() uint64 { return shared.Counts().Dropped })
	s.close = func() error {
		stop()
		limited, cancel := context.WithTimeout(context.Background(), flushTime)
		defer cancel()
		err := shared.Flush(limited)
		if err != nil {
			err = fmt.Errorf("%w; of the messages that were sent without it, %d could not be written to it", err, shared.Counts().Owed)
		}
		_ = database.Leave(limited) // if it isn't told, the others find out in minutes
		database.Close()
		return err
	}
	return nil
}

// settling logs whether the database tells what became of codes.
func (a *App) settling(off string) {
	if off == "" {
		a.log.Info().Msg("Auth's tables say whether codes are used")
		return
	}
	a.log.Warn().Str("reason", off).Msg("Auth's tables don't say whether codes are used: a user's next call says it of their last code")
}

// rollingUp logs whether the database can keep counts of messages.
func (a *App) rollingUp(problem string) {
	if problem == "" {
		a.log.Info().Msg("counts of messages are kept again")
		return
	}
	a.log.Warn().Str("error", problem).Msg("counts of messages can't be kept: they are right all the same, and slow")
}

// flushTime is how long the end of the program waits for what has to be written to the database.
const flushTime = time.Second

// watchStore logs when the database becomes unreachable, and when it can be reached again.
func (a *App) watchStore(ctx context.Context, changes <-chan ledger.Change) {
	for {
		select {
		case change := <-changes:
			if change.Away {
				a.log.Error().Str("error", storeProblem(change.Err).Error()).
					Msg("the store can't be reached: messages are sent all the same, and limits, repeats and flows hold for each replica alone")
				continue
			}
			a.log.Info().Msg("the store can be reached again")
		case <-ctx.Done():
			return
		}
	}
}

// CheckStore says how the store is that the settings name. The error is safe to print.
func CheckStore(ctx context.Context, c config.Config) (found string, err error) {
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
		return checkPostgres(ctx, c)
	}
	return "memory: a restart forgets limits, repeats and what was sent", nil
}

// farAway is the round trip from which on a database is taken to be in another region.
const farAway = 20 * time.Millisecond

func checkPostgres(ctx context.Context, c config.Config) (found string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	facts, err := postgres.Check(ctx, c.Store.Postgres.Reveal())
	if err != nil {
		return "", storeProblem(err)
	}
	found = fmt.Sprintf("postgres %s: ok, schema %d, pooler: %s, round trip %s",
		facts.Server, facts.Version, facts.Pooler, facts.RoundTrip.Round(10*time.Microsecond))
	for _, warning := range []struct {
		given bool
		text  string
	}{
		{facts.RoundTrip > farAway, "the database is far away: a call with one attempt waits for three round trips, and for 150ms at most"},
		{facts.Skew.Abs() > maxSkew, fmt.Sprintf("the clocks differ by %s", facts.Skew.Abs().Round(time.Second))},
		{facts.Tables, fmt.Sprintf("the role %s can read the tables: it needs no more than the role smshook, which smshook migrate makes", facts.Role)},
		{facts.Held, "the database is a copy of another one: what waited in it to be sent is held until smshook migrate -resume"},
		{postgres.Unverified(c.Store.Postgres.Reveal()), unverified},
	} {
		if warning.given {
			found += "; " + warning.text
		}
	}
	return found, nil
}

// CheckHook says whether Auth can call the hook in SQL. It is empty where the store is no Postgres. The error is safe to print.
func CheckHook(ctx context.Context, c config.Config) (found string, err error) {
	if c.Store.Postgres.Empty() {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	h, err := postgres.CheckHook(ctx, c.Store.Postgres.Reveal())
	switch {
	case err != nil:
		return "", storeProblem(err)
	case !h.Role:
		return "Auth may not call it: " + postgres.NoAuthRole, nil
	case !h.Granted:
		return "Auth may not call it: run smshook migrate again", nil
	case !h.Worker:
		return "it refuses all calls: no smshook serve with this store sends messages", nil
	case h.Message != "":
		return "it has refused a call to +447700900123: " + h.Message, nil
	}
	found = "ready for pg-functions://postgres/smshook/send_sms"
	if !h.Live {
		found += "; it can't see which codes Auth has, as it could if smshook migrate ran as a role that may read auth.one_time_tokens"
	}
	return found, nil
}

// maxSkew is how much the clocks of the database and of this machine may differ before check and serve say so.
const maxSkew = 2 * time.Second

// Close writes what the store has not written yet, and sends the traces that wait. Nothing may be sent after it.
func (a *App) Close() {
	a.api.stopKeys()
	a.stopKeeping()
	ctx, cancel := context.WithTimeout(context.Background(), lateGrace)
	defer cancel()
	if err := a.tracer.Close(ctx); err != nil {
		a.log.Warn().Msg("traces were not sent: the collector can't be reached")
	}
	if err := a.store.close(); err != nil {
		a.log.Error().Str("error", storeProblem(err).Error()).Msg("the store was not closed well")
	}
}
