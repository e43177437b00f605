package sqlite_test

import (
	"bytes"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger/sqlite"
)

func TestLearnt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smshook.db")
	_, err := sqlite.OpenFile(t.Context(), path)
	require.ErrorIs(t, err, sqlite.ErrNoFile)
	l := open(t, options(path, time.Now))
	body, err := l.Learnt(t.Context(), "guard")
	require.NoError(t, err)
	require.Empty(t, body)
	for _, want := range [][]byte{bytes.Repeat([]byte{0, 255, '\n'}, 100_000), {1}} {
		require.NoError(t, l.KeepLearnt(t.Context(), "guard", want))
		body, err = l.Learnt(t.Context(), "guard")
		require.NoError(t, err)
		require.Equal(t, want, body)
	}

	// Another process says what is to be forgotten.
	file, err := sqlite.OpenFile(t.Context(), path)
	require.NoError(t, err)
	body, err = file.Learnt(t.Context(), "guard")
	require.NoError(t, err)
	require.Equal(t, []byte{1}, body)
	require.NoError(t, file.KeepLearnt(t.Context(), "forgotten", []byte("x")))
	require.NoError(t, file.Close())
	body, err = l.Learnt(t.Context(), "forgotten")
	require.NoError(t, err)
	require.Equal(t, []byte("x"), body)
}

// A file of a version that had nothing learnt gets the table for it, when serve or a command opens it. The key stays with the file.
func TestLearntInAnOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smshook.db")
	l, err := sqlite.Open(options(path, time.Now))
	require.NoError(t, err)
	key, err := l.HashKey(t.Context())
	require.NoError(t, err)
	require.Len(t, key, 32)
	require.NoError(t, l.Close())
	drop := func() {
		db, err := sql.Open("sqlite", path)
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), "drop table learnt")
		require.NoError(t, err)
		require.NoError(t, db.Close())
	}
	drop()
	file, err := sqlite.OpenFile(t.Context(), path)
	require.NoError(t, err)
	same, err := file.HashKey(t.Context())
	require.NoError(t, err)
	require.Equal(t, key, same)
	require.NoError(t, file.KeepLearnt(t.Context(), "guard 0", []byte("x")))
	require.NoError(t, file.Close())
	drop()
	require.NoError(t, open(t, options(path, time.Now)).KeepLearnt(t.Context(), "guard 0", []byte("x")))
}
