package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/insight"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/sqlite"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/providers"
)

// forgotten is a range that an operator has told the guard to forget. Each replica does so when it reads of it.
type forgotten struct {
	Digits string
	At     int64 // when the operator said it, in microseconds since 1970
}

const (
	forgottenName = "forgotten"
	// maxForgotten is how many are kept, the latest ones.
	maxForgotten = 100
	// keepForgotten is how old one may be that a replica has not read of yet: what was kept before may have the range still.
	keepForgotten = time.Hour
)

// Forget tells the replicas that share a store to forget what the guard knows of the numbers that begin with these digits.
func Forget(ctx context.Context, store config.Store, digits string, now time.Time) error {
	m, closed, err := openLearnt(ctx, store)
	if err != nil {
		return err
	}
	defer closed()
	list, err := readForgotten(ctx, m)
	if err != nil {
		return storeProblem(err)
	}
	list = append(list, forgotten{digits, int64(ledger.At(now))})
	body, err := json.Marshal(list[max(0, len(list)-maxForgotten):])
	if err != nil {
		return err
	}
	if err := m.KeepLearnt(ctx, forgottenName, body); err != nil {
		return storeProblem(err)
	}
	return nil
}

// openLearnt opens what a store keeps of what was learnt, while other processes use it.
func openLearnt(ctx context.Context, store config.Store) (l learntStore, closed func(), err error) {
	switch {
	case store.SQLite != "":
		file, err := sqlite.OpenFile(ctx, store.SQLite)
		if err != nil {
			return nil, nil, storeProblem(err)
		}
		return file, func() { _ = file.Close() }, nil
	case !store.Postgres.Empty():
		database, err := postgres.Open(store.Postgres.Reveal(), postgres.Settings{Connections: 2, Clock: time.Now})
		if err != nil {
			return nil, nil, storeProblem(err)
		}
		return database, database.Close, nil
	}
	return nil, nil, providers.Problem{Setting: config.Prefix + "STORE", Want: "is memory: what the guard has learnt is in the process " +
		"that serves; start it again, and it has forgotten everything"}
}

// ExplainGuard says what the guard of a running replica does with a first message to a number, in words for the operator, as far as it was kept
// within the last minute. ok is false if it refuses it. Without a store nothing is known, and the words are empty.
func ExplainGuard(ctx context.Context, c config.Config, r dispatch.Request, number phone.Number) (words string, ok bool, err error) {
	if c.Guard == "off" || c.Store.SQLite == "" && c.Store.Postgres.Empty() {
		return "", true, nil
	}
	m, closed, err := openLearnt(ctx, c.Store)
	if err != nil {
		return "", true, err
	}
	defer closed()
	g := newGuard(c)
	if err := restore(ctx, m, g); err != nil {
		return "", true, storeProblem(err)
	}
	now := time.Now()
	switch v := g.Look(dispatch.GuardSubject(number, r), now); {
	case v.Way == insight.Allow:
		return "nothing is held against the number", true, nil
	case v.Way.Sends():
		return fmt.Sprintf("let through (%v, %v): %s", v.Way, v.Range, v.Why), true, nil
	case c.Guard == "observe":
		return fmt.Sprintf("would be refused (%v), if the guard did not only observe: %s", v.Range, v.Why), true, nil
	default:
		return fmt.Sprintf("refused (%v), next trial in %s: %s", v.Range, v.Until.Sub(now).Round(time.Second), v.Why), false, nil
	}
}

func readForgotten(ctx context.Context, m learntStore) (list []forgotten, err error) {
	body, err := m.Learnt(ctx, forgottenName)
	if err != nil || len(body) == 0 {
		return nil, err
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("reading what the guard is to forget: %w", err)
	}
	return list, nil
}

// forget has the guard forget what operators have named since the last time.
func (a *App) forget(ctx context.Context, now time.Time) {
	limited, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	list, err := readForgotten(limited, a.store.learnt)
	if err != nil {
		return // the next time is soon
	}
	for _, f := range list {
		if a.forgot[f] || ledger.At(now).Sub(ledger.Time(f.At)) > keepForgotten {
			continue
		}
		a.forgot[f] = true
		flagged := a.learner.guard.Forget(f.Digits)
		a.log.Info().Str("range", "+"+f.Digits).Int("flagged", flagged).Msg("the guard has forgotten a range")
	}
}

// learnOthers learns what the other replicas have found out about messages. The guard counts each result once.
func (a *App) learnOthers(ctx context.Context, now time.Time) {
	limited, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	q := ledger.Query{Since: ledger.At(now.Add(-othersSince))}
	for range maxPages {
		page, err := a.store.Messages(limited, q)
		if err != nil {
			return
		}
		for _, m := range page {
			a.learner.learnGuard(m, now)
		}
		if len(page) < ledger.MaxPage {
			return
		}
		q.Before = page[len(page)-1].Place()
	}
}

const (
	othersSince = 15 * time.Minute
	maxPages    = 5
)
