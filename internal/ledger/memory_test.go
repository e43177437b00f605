package ledger_test

import (
	"testing"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/ledgertest"
	"github.com/smshook/smshook/internal/policy"
)

func TestMemory(t *testing.T) {
	ledgertest.Run(t, func(_ *testing.T, clock *ledgertest.Clock) ledger.Ledger {
		return ledger.NewMemory(ledgertest.Settings, policy.NewMemory(), clock.Now)
	})
}
