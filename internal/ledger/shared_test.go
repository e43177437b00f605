package ledger_test

import (
	"testing"
	"time"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/ledgertest"
	"github.com/smshook/smshook/internal/policy"
)

func newMemory(clock func() time.Time) *ledger.Memory {
	return ledger.NewMemory(ledgertest.Settings, policy.NewMemory(), clock)
}

func TestShared(t *testing.T) {
	ledgertest.Run(t, func(_ *testing.T, clock *ledgertest.Clock) ledger.Ledger {
		return ledger.NewShared(ledger.NewMemoryStore(newMemory(clock.Now)), newMemory(clock.Now))
	})
}

func TestSharedByTwoReplicas(t *testing.T) {
	ledgertest.Run(t, func(_ *testing.T, clock *ledgertest.Clock) ledger.Ledger {
		store := ledger.NewMemoryStore(newMemory(clock.Now))
		return ledgertest.NewReplicas(ledger.NewShared(store, newMemory(clock.Now)), ledger.NewShared(store, newMemory(clock.Now)))
	})
}
