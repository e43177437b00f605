package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger/ledgertest"
	"github.com/smshook/smshook/internal/ledger/sqlite"
)

// aMillion makes a file with a million messages of some days: of 200,000 users, in 20 countries of which one has nearly all, by three instances.
func aMillion(b *testing.B, days int) *sqlite.Reader {
	path := filepath.Join(b.TempDir(), "smshook.db")
	l, err := sqlite.Open(options(path, time.Now))
	require.NoError(b, err)
	require.NoError(b, l.Close())
	file := other(b, path)
	now := time.Now()
	_, err = file.Exec(`update rolled_up set until = 0;
		with recursive i(i) as (select 1 union all select i + 1 from i where i < 1000000),
		message as (select i, ?1 - i * ?2 as at,
			case when i % 100 < 80 then 'GB' when i % 1000 = 999 then 'MT' else char(65 + i % 18) || 'X' end as country,
			case when i % 500 = 1 then '' when i % 10 < 8 then 'twilio' when i % 1000 = 999 then 'webhook' else 'plivo' end as instance,
			case i % 50 when 0 then 'phone_change' when 1 then 'mfa' else 'otp' end as kind,
			case when i % 500 = 1 then 'limit_prefix' when i % 10000 = 7 then 'limit_phone' else '' end as rule,
			case when i % 500 = 1 then 'refused' when i % 2000 = 3 then 'failed' when i % 100 = 2 then 'undelivered' else 'delivered' end as word from i)
		insert into messages (id, received_at, user, number, mfa, last_sign_in, stored, expires_at, country, instance, kind, rule, word, state, facts)
		select lower(hex(randomblob(16))), at, i % 200000, i % 200000, 0, 1, 1, at + 60000000, country, instance, kind, rule, word,
			'{"number":"+4477*****123","country":"' || country || '","asked_at":' || at || ',"answered_at":' || at || ',"life":60000000000,"charged":true,"kind":1,"use":1,"segments":1,"result":1,' ||
			'"instance":"twilio","attempts":[{"instance":"twilio","channel":"sms","begun_at":' || at || ',"ended_at":' || at || ',"state":2,"parts":[{"id":"SM' || hex(randomblob(16)) ||
			'","state":4,"at":' || at || '}]}]}',
			country || char(31) || instance || char(31) || 'sms' || char(31) || kind || char(31) || rule || char(31) || word || char(31) || (1 + i % 5 / 4) || char(31) || 1 || char(31) ||
			case word when 'delivered' then 12 + (abs(random()) % 7 + abs(random()) % 7) else -1 end || char(31) || case when i % 5 < 4 then 18 + (abs(random()) % 6 + abs(random()) % 6) else -1 end
		from message`, now.UnixMicro(), int64(days)*86_400)
	require.NoError(b, err)
	_, err = file.Exec("insert into names select random(), n from messages")
	require.NoError(b, err)
	require.NoError(b, sqlite.RollUp(b.Context(), path, now))
	r, err := sqlite.OpenReader(path)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, r.Close()) })
	return r
}

// BenchmarkMessages asks for pages of a million messages of 90 days.
func BenchmarkMessages(b *testing.B) { ledgertest.BenchmarkMessages(b, aMillion(b, 90).Messages) }

// BenchmarkCounts counts a million messages of some days.
func BenchmarkCounts(b *testing.B) {
	for _, days := range []int{90, 7, 1} {
		r := aMillion(b, days)
		b.Run(fmt.Sprintf("%d days", days), func(b *testing.B) { ledgertest.BenchmarkCounts(b, days, r.Count) })
	}
}
