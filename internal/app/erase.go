package app

import (
	"context"
	"errors"
	"strings"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/sqlite"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

// Erase erases all that a store remembers of an account, by its id, or of a number. One of them must be empty. It returns how many messages
// that were. The error is safe to print.
func Erase(ctx context.Context, store config.Store, user, number string) (erased int, err error) {
	charges, err := policy.Own(user, number)
	if err != nil {
		return 0, errors.New("the number " + err.Error())
	}
	e := ledger.Erasure{User: user, Number: strings.TrimPrefix(number, "+"), Charges: charges}
	switch {
	case store.SQLite != "":
		erased, err = sqlite.Erase(ctx, store.SQLite, e)
	case !store.Postgres.Empty():
		erased, err = postgres.Erase(ctx, store.Postgres.Reveal(), e)
	default:
		return 0, providers.Problem{Setting: config.Prefix + "STORE", Want: "is memory: it is in the process that serves, and forgets all at its end"}
	}
	if err != nil {
		return erased, storeProblem(err)
	}
	return erased, nil
}
