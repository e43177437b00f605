package sqlite

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

// The file's names and numbers stay what they are, and every field of a message is kept.
func TestAStateIsWrittenAndRead(t *testing.T) {
	m := ledger.Message{
		ID: "1", Number: "+4477*****123", Country: "GB", ReceivedAt: 1_000_000, AnsweredAt: 2_000_000, Life: time.Minute,
		Sending: true, Charged: true, Left: true, Resending: true, MFA: true, Result: ledger.TooMany, Instance: "b", Lost: "c",
		Attempts: []ledger.Attempt{
			{Instance: "a", BegunAt: 3, State: ledger.AttemptFailed, Kind: providers.Recipient},
			{Instance: "b", BegunAt: 4, State: ledger.AttemptAccepted, Kind: providers.Temporary, Parts: []ledger.Part{{ID: "SM1", State: providers.StateRead}, {ID: "SM2"}}},
		},
	}
	text, err := encode(m)
	require.NoError(t, err)
	require.JSONEq(t, `{"number":"+4477*****123","country":"GB","answered_at":2000000,"life":60000000000,
		"sending":true,"charged":true,"left":true,"resending":true,"result":4,"instance":"b","lost":"c","attempts":[
		{"instance":"a","begun_at":3,"state":1,"kind":5},
		{"instance":"b","begun_at":4,"state":2,"kind":1,"parts":[{"id":"SM1","state":5},{"id":"SM2"}]}]}`, text)
	read, err := decode("1", 1_000_000, true, text)
	require.NoError(t, err)
	require.Equal(t, m, read)

	for _, wrong := range []string{``, `[]`, `{"result":5}`, `{"result":-1}`, `{"attempts":[{"state":3}]}`, `{"attempts":[{"kind":6}]}`, `{"attempts":[{"parts":[{"state":6}]}]}`} {
		_, err := decode("1", 0, false, wrong)
		require.Equal(t, errCorrupt, err, wrong)
	}
}
