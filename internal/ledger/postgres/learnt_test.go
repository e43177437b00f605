package postgres_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
)

func TestLearnt(t *testing.T) {
	d := pgtest.New(t, migrated)
	one, other := open(t, d, settings(time.Now)), open(t, d, settings(time.Now))
	body, err := one.Learnt(t.Context(), "guard")
	require.NoError(t, err)
	require.Empty(t, body)
	for _, want := range [][]byte{bytes.Repeat([]byte{0, 255, '\n'}, 100_000), {1}} {
		require.NoError(t, one.KeepLearnt(t.Context(), "guard", want))
		body, err = other.Learnt(t.Context(), "guard")
		require.NoError(t, err)
		require.Equal(t, want, body)
	}
	body, err = one.Learnt(t.Context(), "another")
	require.NoError(t, err)
	require.Empty(t, body)
}
