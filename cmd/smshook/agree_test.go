package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger/postgres"
)

// Replicas with different settings say so, and the limits of the one that has started last apply to all, until it ends.
func TestReplicasThatDiffer(t *testing.T) {
	t.Parallel()
	r := newReplicas(t)
	one := r.processes[0]
	another := startProcess(t, append(r.env, "SMSHOOK_LIMIT_PHONE=1/1h", "SMSHOOK_RECEIPT_SECRET=another-0123456789-0123456789")...)
	logged := func(words ...string) {
		t.Helper()
		require.Eventually(t, func() bool {
			for line := range strings.Lines(one.stderr.String()) {
				if containsAll(line, words) {
					return true
				}
			}
			return false
		}, 20*time.Second, 10*time.Millisecond, "%s", one.stderr)
	}
	call := func(phone string) string {
		c := r.signIn(phone)
		r.call(t, c, 0)
		return userLine(c.seen)
	}
	logged(`"level":"warn"`, `"settings":["SMSHOOK_LIMIT_PHONE","SMSHOOK_RECEIPT_SECRET"]`, "another replica has started later with other settings")
	require.Equal(t, "sees a success", call("15555550100"))
	require.Equal(t, "sees 429 Too many attempts. Please try again later.", call("15555550100"))
	another.stop(t)
	logged(`"level":"info"`, "are the same again")

	// The database has become a copy: that is told, and new codes are sent all the same.
	r.database.Exec(t, "update smshook.origin set identity = 'another'")
	logged(`"level":"error"`, "the database is a copy of another one, or was restored")
	require.Equal(t, "sees a success", call("15555550101"))
	require.Equal(t, "sees a success", call("15555550101"))
	check := smshook(t, "", r.env, "check")
	require.Contains(t, check.stdout, "the database is a copy of another one: what waited in it to be sent is held until smshook migrate -resume")
	for _, want := range []string{"What was held is sent from here now.\n", "Nothing was held.\n"} {
		already := fmt.Sprintf("The schema has version %d already. Nothing was changed.\n", postgres.Version)
		require.Equal(t, result{exitOK, already + want, ""}, smshook(t, "", nil, "migrate", "-resume", "-url", r.database.Administrator()))
	}
	logged(`"level":"info"`, "nothing in the database is held any more")
	require.NotContains(t, one.stderr.String()+another.stderr.String(), "0123456789-0123456789")
	require.NotContains(t, another.stderr.String(), "other settings", "its own settings count")
}

func containsAll(line string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(line, word) {
			return false
		}
	}
	return true
}
