package app

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An address that lets anybody answer for the database is warned of at the start, once.
func TestAnAddressWithoutACheckOfTheCertificate(t *testing.T) {
	for store, want := range map[string]int{
		"postgres://smshook:s3cret@db.invalid/postgres":                     1,
		"postgres://smshook:s3cret@db.invalid/postgres?sslmode=verify-full": 0,
		"postgres://smshook:s3cret@127.0.0.1:1/postgres":                    0,
		"memory": 0,
	} {
		log := new(buffer)
		c := settingsFor(t, "SMSHOOK_STORE="+store)
		a, err := New(c, "v1", NewLog(c, log), nil)
		require.NoError(t, err)
		a.Close()
		require.Equal(t, want, strings.Count(log.String(), "SMSHOOK_STORE: the database is on another machine, and nothing proves that it is the right one"), "%s", log)
		require.NotContains(t, log.String(), "s3cret")
	}
}
