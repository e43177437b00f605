package app

import (
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"time"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/insight"
	"github.com/smshook/smshook/internal/ledger"
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
		l.guard = &dispatch.Guard{Guard: insight.NewGuard(guardSettings(c)), Observe: c.Guard == "observe"}
	}
	if c.RouteBy == "conversion" {
		l.order = insight.NewOrder(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	return l
}

// guardSettings: the key is the same in all replicas that share a store.
func guardSettings(c config.Config) insight.Settings {
	s := insight.Settings{Country: perHour(c.LimitCountry), Total: perHour(c.LimitTotal), All: perHour(c.LimitAll)}
	if secrets := c.StoreSecrets(); len(secrets) > 0 {
		s.Key = sha256.Sum256([]byte("smshook guard\x00" + secrets[0].Reveal()))
	}
	return s
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
	KeepLearnt(ctx context.Context, name string, body []byte) error
	Learnt(ctx context.Context, name string) ([]byte, error)
}

const (
	guardName = "guard"
	// keepEvery is how often it is kept. What was learnt since is lost if the process is killed.
	keepEvery = time.Minute
	// lookEvery is how often the store is asked what other processes have left there.
	lookEvery = 15 * time.Second
	keepTime  = 2 * time.Second
)

// remember takes over what was learnt before, if the store has it. Without it, the guard starts with nothing.
func (a *App) remember(ctx context.Context) {
	if a.store.learnt == nil || a.learner.guard == nil {
		return
	}
	limited, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	state, err := a.store.learnt.Learnt(limited, guardName)
	if err == nil && len(state) > 0 {
		err = a.learner.guard.Restore(state)
	}
	if err != nil {
		a.log.Warn().Str("error", err.Error()).Msg("the guard starts with nothing learnt")
	}
}

// keep keeps what was learnt.
func (a *App) keep(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	state, err := a.learner.guard.Snapshot()
	if err == nil {
		err = a.store.learnt.KeepLearnt(limited, guardName, state)
	}
	if err != nil {
		a.log.Warn().Str("error", err.Error()).Msg("what the guard has learnt could not be kept")
	}
}

// look learns what other processes have left in the store.
func (a *App) look(ctx context.Context, now time.Time, keep bool) {
	a.forget(ctx, now)
	if a.store.database != nil {
		a.learnOthers(ctx, now)
	}
	if keep {
		a.keep(ctx)
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
