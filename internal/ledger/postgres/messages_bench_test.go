package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/ledgertest"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
)

// aMillion is a database with a million messages of some days: of 200,000 users, in 20 countries of which one has nearly all, by three instances.
func aMillion(days int) pgtest.Template {
	return pgtest.Template{Name: fmt.Sprintf("a_million_in_%d_days", days), Prepare: func(d *pgtest.Database) error {
		if err := withAuth.Prepare(d); err != nil {
			return err
		}
		const batch = 100_000
		for from := 0; from < 1_000_000; from += batch {
			if err := d.Run(fmt.Sprintf(millionth, from+1, from+batch, days*86_400)); err != nil {
				return err
			}
		}
		return d.Run(`insert into auth.users (id, phone) select md5(i::text)::uuid, i::text from generate_series(0, 199999) i; analyze`)
	}}
}

// rollUp rolls up all messages that are old enough.
func rollUp(b *testing.B, d *pgtest.Database, store *postgres.Store) {
	conn := connectTB(b, d.Superuser())
	for left := 1; left > 0; {
		_, _, err := store.Sweep(b.Context())
		require.NoError(b, err)
		require.NoError(b, conn.QueryRow(b.Context(), "select count(*) from (select from smshook.message, smshook.rolled_up where received_at between until and smshook.micros() - 700000000 limit 1) x").Scan(&left))
	}
	d.Exec(b, "vacuum analyze")
}

const millionth = `insert into smshook.message (id, version, flow, mfa, user_key, user_id, number_key, sign_in, known, number, country, range, received_at, asked_at, life, answered_at, owner,
			charged, proven, kind, use, used_at, segments, rule, result, state, instance, delivered_at, attempts)
		select gen_random_uuid()::text, 3, i, false, i %% 200000, md5((i %% 200000)::text)::uuid, i %% 200000, 1, 1, '+4477*****123',
			case when i %% 100 < 80 then 'GB' when i %% 1000 = 999 then 'MT' else chr(65 + i %% 18) || 'X' end, '', t, t, 60000000, t, 1, true, i %% 3 > 0,
			case i %% 50 when 0 then 'phone_change' when 1 then 'mfa' else 'otp' end, case when i %% 5 = 0 then 'unused' else 'used' end, case when i %% 5 = 0 then 0 else t + 9000000 + (random() * 60e6)::bigint end, 1,
			case when i %% 500 = 1 then 'limit_prefix' when i %% 10000 = 7 then 'limit_phone' else '' end, case when i %% 500 = 1 then 'too_many' when i %% 2000 = 3 then 'failed' else 'accepted' end,
			case when i %% 500 = 1 then 'refused' when i %% 2000 = 3 then 'failed' when i %% 100 = 2 then 'undelivered' else 'delivered' end,
			case when i %% 500 = 1 then '' when i %% 10 < 8 then 'twilio' when i %% 1000 = 999 then 'webhook' else 'plivo' end, case when i %% 500 = 1 or i %% 100 = 2 then 0 else t + 1500000 + (random() * 9e6)::bigint end,
			jsonb_build_array(jsonb_build_object('instance', 'twilio', 'channel', 'sms', 'begun_at', t, 'ended_at', t + 300000, 'state', 'accepted', 'kind', 'unknown',
				'parts', jsonb_build_array(jsonb_build_object('id', md5(i::text), 'state', 'delivered', 'at', t + 3000000))))
		from generate_series(%d, %d) i, lateral (select (extract(epoch from now()) * 1000000)::bigint - i * %d::bigint) x(t)`

// BenchmarkMessages asks for pages of a million messages.
func BenchmarkMessages(b *testing.B) {
	d := pgtest.New(b, aMillion(90))
	store := open(b, d, settings(time.Now))
	ledgertest.BenchmarkMessages(b, store.Messages)
	conn, err := postgres.OpenReader(d.URL("smshook", password))
	require.NoError(b, err)
	defer conn.Close()
	b.Run("settle", func(b *testing.B) {
		for b.Loop() {
			_, _, err := store.Sweep(b.Context())
			require.NoError(b, err)
		}
	})
	_, err = conn.Messages(b.Context(), ledger.Query{Limit: 1})
	require.NoError(b, err)
}

// BenchmarkCounts counts a million messages of some days.
func BenchmarkCounts(b *testing.B) {
	for _, days := range []int{90, 7, 1} {
		d := pgtest.New(b, aMillion(days))
		s := settings(time.Now)
		s.Keep = 100 * 24 * time.Hour
		store := open(b, d, s)
		rollUp(b, d, store)
		b.Run(fmt.Sprintf("%d days", days), func(b *testing.B) { ledgertest.BenchmarkCounts(b, days, store.Count) })
	}
}
