package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers/providertest"
)

func TestCheckPrintsThePolicy(t *testing.T) {
	twilio := providertest.NewFake(t, providertest.Answer{Status: 200, Body: `{"messages":[]}`})
	r := smshook(t, "", serveEnv(twilio.URL, "SMSHOOK_PHONE_CHECK=possible", "SMSHOOK_COUNTRIES=IE,GB", "SMSHOOK_BLOCKED_COUNTRIES=CU",
		"SMSHOOK_BLOCKED_PREFIXES=+4470", "SMSHOOK_BLOCKED_TYPES=voip", "SMSHOOK_LIMIT_PHONE=off", "SMSHOOK_LIMIT_PREFIX=10/24h",
		"SMSHOOK_LIMIT_TOTAL=1000/1h", "SMSHOOK_LIMIT_ALL=3000/1h", "SMSHOOK_POLICY=observe"), "check")
	require.Equal(t, exitOK, r.code, r.stderr)
	require.Contains(t, r.stdout, `
numbers   are checked: possible
numbers   only in GB, IE
numbers   not in CU
numbers   not with +4470
numbers   not of type voip
limit     one number: off (only observed)
limit     one account: 10 at once, then one every 6m (only observed)
limit     one IP address: off (only observed)
limit     one prefix: 10 at once, then one every 2h24m (only observed)
limit     one country: off (only observed)
limit     all messages but those to confirmed numbers: 1000 at once, then one every 3.6s (only observed)
limit     all messages: 3000 at once, then one every 1.2s (only observed)
`)
}
