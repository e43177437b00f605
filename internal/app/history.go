package app

import (
	"context"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/sqlite"
	"github.com/smshook/smshook/providers"
)

// History reads the messages that a store remembers, also while serve writes them. Its errors are safe to print.
type History struct {
	store interface {
		Messages(context.Context, ledger.Query) ([]ledger.Message, error)
		Count(context.Context, ledger.CountQuery) ([]ledger.Count, error)
		Close() error
	}
}

// OpenHistory opens a store for reading. Close has to be called.
func OpenHistory(store config.Store) (h History, err error) {
	switch {
	case store.SQLite != "":
		h.store, err = sqlite.OpenReader(store.SQLite)
	case !store.Postgres.Empty():
		h.store, err = postgres.OpenReader(store.Postgres.Reveal())
	default:
		return h, providers.Problem{Setting: config.Prefix + "STORE", Want: "is memory: only the process that serves can read that; " +
			"name a file or a database, and what is sent from then on can be read here"}
	}
	if err != nil {
		return h, storeProblem(err)
	}
	return h, nil
}

// Messages is described at [ledger.Ledger].
func (h History) Messages(ctx context.Context, q ledger.Query) ([]ledger.Message, error) {
	page, err := h.store.Messages(ctx, q)
	if err != nil && ctx.Err() == nil {
		err = storeProblem(err)
	}
	return page, err
}

// Count is described at [ledger.Ledger].
func (h History) Count(ctx context.Context, q ledger.CountQuery) ([]ledger.Count, error) {
	counts, err := h.store.Count(ctx, q)
	if err != nil && ctx.Err() == nil {
		err = storeProblem(err)
	}
	return counts, err
}

// Close closes the store.
func (h History) Close() { _ = h.store.Close() } // it has only read
