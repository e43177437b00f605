package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/smshook/smshook/internal/ledger"
)

// eraseBatch is how many messages are erased in one transaction: their flows are locked meanwhile.
const eraseBatch = 500

type eraseQuestion struct {
	User     *int64  `json:"user"`
	Number   *int64  `json:"number"`
	Counters []int64 `json:"counters"`
	Batch    int     `json:"batch"`
}

// Erase erases all records of an account or a number, with their contents, names, flows and counters, and returns how many messages that
// were. The role is that of the stores: no other one is told the key of the hashes. Replicas that run may still have in their memory what is erased,
// see [ledger.Settings.Keep]. An error says what to do, and is safe to log; what was erased before it stays erased.
func Erase(ctx context.Context, address string, e ledger.Erasure) (erased int, err error) {
	conn, _, err := connect(ctx, address, pgx.QueryExecModeExec)
	if err != nil {
		return 0, err
	}
	defer closeSoon(ctx, conn)
	var g greeting
	if err := askOnce(ctx, conn, "hello", struct{}{}, &g); err != nil {
		return 0, err
	}
	if err := g.errVersion(); err != nil {
		return 0, err
	}
	question := eraseQuestionOf(g.Key, e)
	for {
		var batch struct{ Erased int }
		if err := askOnce(ctx, conn, "erase", question, &batch); err != nil {
			return erased, err
		}
		erased += batch.Erased
		if batch.Erased == 0 {
			return erased, nil
		}
	}
}

func eraseQuestionOf(h hasher, e ledger.Erasure) eraseQuestion {
	q := eraseQuestion{Counters: []int64{}, Batch: eraseBatch}
	if e.User != "" {
		key := h.hash("user", e.User)
		q.User = &key
	}
	if e.Number != "" {
		key := h.hash("number", e.Number)
		q.Number = &key
	}
	for _, c := range e.Charges {
		q.Counters = append(q.Counters, h.charge(c))
	}
	return q
}
