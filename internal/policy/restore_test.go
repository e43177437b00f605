package policy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatIsUsedUpIsRestored(t *testing.T) {
	limit := Limit{5, 10 * time.Minute}
	charge := func(key uint64) []Charge { return []Charge{{PerPhone, limit, key}} }
	before, after := NewMemory(), NewMemory()
	for range 5 {
		_, _, err := before.Take(t.Context(), noon, charge(1))
		require.NoError(t, err)
	}
	require.Equal(t, noon.Add(10*time.Minute).Unix(), before.Until(PerPhone, 1).Unix())
	require.Zero(t, before.Until(PerUser, 1))

	later := noon.Add(time.Minute)
	after.Restore(later, PerPhone, 1, before.Until(PerPhone, 1))
	after.Restore(later, PerPhone, 2, later)
	after.Restore(later, PerPhone, 3, later.Add(31*24*time.Hour))
	for _, m := range []*Memory{before, after} {
		over, wait, err := m.Take(t.Context(), later, charge(1))
		require.NoError(t, err)
		require.Equal(t, []any{0, time.Minute}, []any{over, wait.Round(time.Second)})
	}
	for _, key := range []uint64{2, 3} {
		require.Zero(t, after.Until(PerPhone, key), "it is over, or no limit is so long")
	}
}
