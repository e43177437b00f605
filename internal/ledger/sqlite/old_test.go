package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

// What is old is removed in batches, so that no write has to wait long for one.
func TestWhatIsOldIsRemovedInBatches(t *testing.T) {
	db, conn, err := open(t.Context(), filepath.Join(t.TempDir(), "smshook.db"), false)
	require.NoError(t, err)
	defer db.Close()
	defer conn.Close()
	now := time.Now()
	const day = 24 * time.Hour
	_, err = conn.ExecContext(t.Context(), `with recursive i(i) as (select 1 union all select i + 1 from i where i < 20001)
		insert into messages (id, received_at, user, number, mfa, last_sign_in, stored, expires_at, country, instance, kind, rule, word, state)
		select i, ?1 + (i = 20001), 0, 0, 0, 0, 0, 0, '', '', '', '', '', '{}' from i`, int64(ledger.At(now.Add(-day))))
	require.NoError(t, err)
	r, err := newRows(t.Context(), conn, hashing("a key"), ledger.NewSealer(providers.NewSecret("a long random text")))
	require.NoError(t, err)
	for left := 19001; ; left -= 1000 {
		_, more, err := r.removeExpired(t.Context(), now, day)
		require.NoError(t, err)
		var n int
		require.NoError(t, conn.QueryRowContext(t.Context(), "select count(*) from messages").Scan(&n))
		require.Equal(t, max(left, 1), n)
		require.Equal(t, left >= 1, more)
		if !more {
			break
		}
	}
}
