package sqlite_test

import (
	"context"
	"os"
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

// A process that is killed leaves the file and its log as they are, for the next one.
func TestQueue(t *testing.T) {
	ledgertest.RunQueue(t, func(t *testing.T, clock *ledgertest.Clock) ledgertest.Processes {
		o := options(filepath.Join(t.TempDir(), "smshook.db"), clock.Now)
		return ledgertest.Processes{
			Start: func() ledger.Queue {
				o.Counter = policy.NewMemory()
				return open(t, o).Queue()
			},
			Kill: func(ledger.Queue) {
				left := files(t, o.Path)
				o.Path = filepath.Join(t.TempDir(), "smshook.db")
				for _, suffix := range []string{"", "-wal"} {
					require.NoError(t, os.WriteFile(o.Path+suffix, left[suffix], 0o600))
				}
			},
		}
	})
}
