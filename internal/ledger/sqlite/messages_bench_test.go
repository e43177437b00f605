package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger/ledgertest"
	"github.com/smshook/smshook/internal/ledger/sqlite"
)

// BenchmarkMessages asks for pages of a million messages of 90 days: of 200,000 users, in 20 countries of which one has nearly all, by three
// instances.
func BenchmarkMessages(b *testing.B) {
	path := filepath.Join(b.TempDir(), "smshook.db")
	l, err := sqlite.Open(options(path, time.Now))
	require.NoError(b, err)
	require.NoError(b, l.Close())
	file := other(b, path)
	_, err = file.Exec(`with recursive i(i) as (select 1 union all select i + 1 from i where i < 1000000)
		insert into messages (id, received_at, user, number, mfa, last_sign_in, stored, expires_at, country, instance, kind, rule, word, state)
		select lower(hex(randomblob(16))), ?1 - i * 7776000, i % 200000, i % 200000, 0, 1, 1, ?1 - i * 7776000 + 60000000,
			case when i % 100 < 80 then 'GB' when i % 1000 = 999 then 'MT' else char(65 + i % 18) || 'X' end,
			case when i % 500 = 1 then '' when i % 10 < 8 then 'twilio' when i % 1000 = 999 then 'webhook' else 'plivo' end,
			case i % 50 when 0 then 'phone_change' when 1 then 'mfa' else 'otp' end, case when i % 500 = 1 then 'limit_prefix' when i % 10000 = 7 then 'limit_phone' else '' end,
			case when i % 500 = 1 then 'refused' when i % 2000 = 3 then 'failed' when i % 100 = 2 then 'undelivered' else 'delivered' end,
			'{"number":"+4477*****123","country":"GB","asked_at":1795283212003937,"answered_at":1795283212003937,"life":60000000000,"charged":true,"kind":1,"use":1,"segments":1,"result":1,' ||
			'"instance":"twilio","attempts":[{"instance":"twilio","channel":"sms","begun_at":1795283212003937,"ended_at":1795283212003937,"state":2,"parts":[{"id":"SM' || hex(randomblob(16)) ||
			'","state":4,"at":1795283212003937}]}]}' from i`, time.Now().UnixMicro())
	require.NoError(b, err)
	_, err = file.Exec("insert into names select random(), n from messages")
	require.NoError(b, err)
	r, err := sqlite.OpenReader(path)
	require.NoError(b, err)
	defer r.Close()
	ledgertest.BenchmarkMessages(b, r.Messages)
}
