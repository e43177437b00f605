package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/ledgertest"
	"github.com/smshook/smshook/internal/ledger/sqlite"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

var background = context.Background()

const keep = 90 * 24 * time.Hour

func options(path string, clock func() time.Time) sqlite.Options {
	return sqlite.Options{
		Path:     path,
		Settings: ledgertest.Settings,
		Keep:     keep,
		Sealer:   ledger.NewSealer(providers.NewSecret("a long random text")),
		Counter:  policy.NewMemory(),
		Clock:    clock,
		Report:   func(error, uint64) {},
	}
}

// open opens a file, and closes it at the end of the test.
func open(t testing.TB, o sqlite.Options) *sqlite.Ledger {
	l, err := sqlite.Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func TestLedger(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T, clock *ledgertest.Clock) ledger.Ledger {
		return open(t, options(filepath.Join(t.TempDir(), "smshook.db"), clock.Now))
	})
}
