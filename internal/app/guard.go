package app

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/insight"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/policy"
)

// learner is what the program learns from codes that are used, and from those that aren't. Each part may be nil.
type learner struct {
	guard *dispatch.Guard
	order *insight.Order
}

func newLearner(c config.Config) learner {
	var l learner
	if c.Guard != "off" {
		l.guard = &dispatch.Guard{Guard: newGuard(c), Observe: c.Guard == "observe"}
	}
	if c.RouteBy == "conversion" {
		l.order = insight.NewOrder(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	return l
}

func newGuard(c config.Config) *insight.Guard {
	return insight.NewGuard(insight.Settings{Country: perHour(c.LimitCountry), Total: perHour(c.LimitTotal), All: perHour(c.LimitAll)})
}

func perHour(l policy.Limit) float64 {
	if l.Per == 0 {
		return 0
	}
	return float64(l.Most) * float64(time.Hour) / float64(l.Per)
}

// learn takes a message of which it is known now what became of its code.
func (l learner) learn(m ledger.Message, now time.Time) {
	l.learnGuard(m, now)
	if outcome, ok := outcome(m, now); ok && l.order != nil && m.Instance != "" {
		l.order.Result(m.Country, m.Instance, outcome == insight.Used, now)
	}
}

// learnGuard tells the guard of a message. It may be told more than once.
func (l learner) learnGuard(m ledger.Message, now time.Time) {
	outcome, ok := outcome(m, now)
	if !ok || l.guard == nil || m.Range == "" {
		return
	}
	l.guard.Result(insight.Result{Tag: m.Range, Country: m.Country, Proven: m.Proven, SentAt: m.ReceivedAt.Time(), Outcome: outcome}, now)
}

// outcome returns what became of a message's code. ok is false while that isn't known.
func outcome(m ledger.Message, now time.Time) (o insight.Outcome, ok bool) {
	switch {
	case m.Use == ledger.Used:
		return insight.Used, true
	case m.Use != ledger.Unused && m.Use != ledger.Replaced:
		return 0, false
	case m.State(ledger.At(now)) == ledger.Undelivered:
		return insight.Undelivered, true
	}
	return insight.Unused, true
}

// learntStore keeps what was learnt, so that a restart doesn't forget it.
type learntStore interface {
	// HashKey returns a key that is the same for all who use the store, and doesn't change when secrets do.
	HashKey(ctx context.Context) ([]byte, error)
	KeepLearnt(ctx context.Context, name string, body []byte) error
	Learnt(ctx context.Context, name string) ([]byte, error)
}

const (
	// keepEvery is how often it is kept. What was learnt since is lost if the process is killed.
	keepEvery = time.Minute
	// lookEvery is how often the store is asked what other processes have left there.
	lookEvery = 15 * time.Second
	keepTime  = 2 * time.Second // for each exchange
)

// guardName is the name of a part of the guard's state.
func guardName(part uint64) string { return fmt.Sprintf("guard %d", part) }

// restore has a guard take over what a store has of it, and the store's key.
func restore(ctx context.Context, m learntStore, g *insight.Guard) error {
	exchange := func(ask func(ctx context.Context) error) error {
		limited, cancel := context.WithTimeout(ctx, keepTime)
		defer cancel()
		return ask(limited)
	}
	err := exchange(func(ctx context.Context) error {
		key, err := m.HashKey(ctx)
		if err == nil {
			g.SetKey(sha256.Sum256(append([]byte("smshook guard\x00"), key...)))
		}
		return err
	})
	for part := uint64(0); part < insight.Parts && err == nil; part++ {
		err = exchange(func(ctx context.Context) error {
			state, err := m.Learnt(ctx, guardName(part))
			if err != nil || len(state) == 0 {
				return err
			}
			return g.Restore(state)
		})
	}
	return err
}

// remember takes over what was learnt before, if the store has it. While the store can't be asked, the guard has nothing learnt, and nothing of
// it is kept: the store has more.
func (a *App) remember(ctx context.Context) error {
	if a.store.learnt == nil || a.learner.guard == nil {
		return nil
	}
	err := restore(ctx, a.store.learnt, a.learner.guard.Guard)
	a.remembered = err == nil
	return err
}

// keep keeps what was learnt.
func (a *App) keep(ctx context.Context) {
	if !a.remembered {
		return
	}
	for part := range uint64(insight.Parts) {
		if err := a.keepPart(ctx, part); err != nil {
			a.log.Warn().Str("error", err.Error()).Msg("what the guard has learnt could not be kept")
			return
		}
	}
}

func (a *App) keepPart(ctx context.Context, part uint64) error {
	limited, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	state, err := a.learner.guard.Snapshot(part)
	if err != nil {
		return err
	}
	return a.store.learnt.KeepLearnt(limited, guardName(part), state)
}

// look learns what other processes have left in the store.
func (a *App) look(ctx context.Context, now time.Time, keep bool) {
	if !a.remembered {
		_ = a.remember(ctx) // the next time is soon
	}
	a.forget(ctx, now)
	if a.store.database != nil {
		a.learnOthers(ctx, now)
		a.flag(ctx)
	}
	if keep {
		a.keep(ctx)
	}
}

// flag tells the hook in SQL which prefixes to refuse, if the guard refuses any: of too many those that have no trial soon.
func (a *App) flag(ctx context.Context) {
	if a.learner.guard.Observe {
		return
	}
	list := a.learner.guard.Flagged()
	slices.SortStableFunc(list, func(a, b insight.Flagged) int { return b.TrialAt.Compare(a.TrialAt) })
	trials := map[uint64]time.Time{}
	for _, f := range list[:min(len(list), postgres.MaxFlagged)] {
		trials[f.Range.Prefix] = f.TrialAt
	}
	limited, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	if err := a.store.database.Flag(limited, trials); err != nil {
		a.log.Warn().Str("error", err.Error()).Msg("the hook in SQL could not be told what the guard refuses")
	}
}

// keepOn keeps what was learnt each minute, until stop is called, which keeps it a last time.
func (a *App) keepOn() (stop func()) {
	if a.store.learnt == nil || a.learner.guard == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(lookEvery)
		defer ticker.Stop()
		for n := 1; ; n++ {
			select {
			case now := <-ticker.C:
				a.guard(func() { a.look(ctx, now, n%(int(keepEvery/lookEvery)) == 0) })
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		<-ended
		a.keep(context.Background())
	}
}
