package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/policy"
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
`+limitLines(policy.Limits{
		User:   policy.Limit{Most: 10, Per: time.Hour},
		Prefix: policy.Limit{Most: 10, Per: 24 * time.Hour},
		Total:  policy.Limit{Most: 1000, Per: time.Hour},
		All:    policy.Limit{Most: 3000, Per: time.Hour},
	}, " (only observed)")+"route     ")
	require.Contains(t, r.stdout, "\nlimit     one number: off (only observed)\n")
	require.Contains(t, r.stdout, "\nlimit     one prefix: 10 at once, then one every 2h24m (only observed)\n")
}

// limitLines returns the lines of smshook check about all limits.
func limitLines(limits policy.Limits, note string) string {
	var b strings.Builder
	for _, l := range limits.List() {
		fmt.Fprintf(&b, "limit     %s: %s%s\n", l.Rule.Counts(), l.Limit.Words(), note)
	}
	return b.String()
}

// defaultLimitLines returns the lines of smshook check about all limits, where no setting changes any.
func defaultLimitLines() string {
	return limitLines(policy.Limits{Phone: policy.Limit{Most: 5, Per: 10 * time.Minute}, User: policy.Limit{Most: 10, Per: time.Hour}}, "")
}
