package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

// All that belongs to one account or one number goes, and nothing of others.
func TestErase(t *testing.T) {
	d, one, _ := replicas(t)
	conn := connect(t, d.Superuser())
	counts := func() (all []int) {
		for _, table := range []string{"message", "content", "flow", "name", "counter"} {
			var n int
			require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from smshook."+table).Scan(&n))
			all = append(all, n)
		}
		return all
	}
	charges, err := policy.Own("user", "+447700900123")
	require.NoError(t, err)
	limited := func(c policy.Charge) policy.Charge {
		c.Limit = policy.Limit{Most: 100, Per: time.Hour}
		return c
	}
	send := func(id, user, number string, charge policy.Charge) {
		c := call(id, user, limited(charge))
		c.Flow.Number = number
		begun, _ := begin(t, one, c, "")
		require.Equal(t, sendIt, begun, id)
		end := accepted(id)
		end.Attempts[0].Parts = []ledger.Part{{ID: "SM" + id}}
		_, _, err := one.End(t.Context(), end)
		require.NoError(t, err)
	}
	send("1", "user", "447700900123", charges[0])
	send("2", "user", "447700900124", charges[2])
	send("3", "another", "447700900123", charges[1])
	send("4", "another", "447700900125", policy.Charge{Rule: policy.PerPhone, Key: 447700900125})
	_, err = one.Receipt(t.Context(), "a", "", providers.Receipt{ID: "SM early", State: providers.StateSent})
	require.NoError(t, err)
	require.Equal(t, []int{4, 4, 4, 5, 4}, counts())

	address := d.URL("smshook", password)
	erased, err := postgres.Erase(t.Context(), address, ledger.Erasure{User: "user", Charges: charges[2:]})
	require.NoError(t, err)
	require.Equal(t, 2, erased)
	require.Equal(t, []int{2, 2, 2, 3, 3}, counts())
	erased, err = postgres.Erase(t.Context(), address, ledger.Erasure{Number: "447700900123", Charges: charges[:2]})
	require.NoError(t, err)
	require.Equal(t, 1, erased)
	require.Equal(t, []int{1, 1, 1, 2, 1}, counts())
	erased, err = postgres.Erase(t.Context(), address, ledger.Erasure{Number: "447700900123"})
	require.NoError(t, err)
	require.Zero(t, erased)

	_, _, err = one.End(t.Context(), accepted("3")) // it was being sent
	require.NoError(t, err)
	_, err = one.Receipt(t.Context(), "a", "3", providers.Receipt{ID: "SM3", State: providers.StateDelivered})
	require.NoError(t, err)
	require.Equal(t, 1, counts()[0], "what was erased doesn't come again")
}

// A person with many messages is erased in several batches.
func TestEraseMany(t *testing.T) {
	d, one, _ := replicas(t)
	c := call("1", "user")
	begun, _ := begin(t, one, c, "")
	require.Equal(t, sendIt, begun)
	d.Exec(t, fmt.Sprintf(`insert into smshook.message select r.* from smshook.message m, generate_series(1, %d) i, jsonb_populate_record(m, jsonb_build_object('id', 'x' || i, 'flow', i / 3)) r`, 1200))
	erased, err := postgres.Erase(t.Context(), d.URL("smshook", password), ledger.Erasure{User: "user"})
	require.NoError(t, err)
	require.Equal(t, 1201, erased)
}

func TestEraseErrorsSayWhatToDo(t *testing.T) {
	d := pgtest.New(t, migrated)
	d.Exec(t, "revoke execute on function smshook.erase from smshook")
	_, err := postgres.Erase(t.Context(), d.URL("smshook", password), ledger.Erasure{User: "user"})
	require.ErrorContains(t, err, "let SMSHOOK_STORE name the role smshook")
	_, err = postgres.Erase(t.Context(), "postgres://smshook:s3cret@127.0.0.1:1/x", ledger.Erasure{User: "user"})
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error(), "s3cret")
}
