package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
)

func TestMigrateCommand(t *testing.T) {
	d := pgtest.New(t, pgtest.Empty)
	made := fmt.Sprintf("The schema is made, version %d. Give the role smshook a password: alter role smshook password '…'\n", postgres.Version)
	require.Equal(t, result{exitOK, made, ""}, smshook(t, "", nil, "migrate", "-url", d.Administrator()))
	already := fmt.Sprintf("The schema has version %d already. Nothing was changed.\n", postgres.Version)
	require.Equal(t, result{exitOK, already, ""}, smshook(t, "", []string{"SMSHOOK_STORE=" + d.Administrator()}, "migrate"))
	d.Exec(t, "revoke smshook_owner from postgres; drop schema smshook cascade; create schema smshook")
	const foreign = "smshook migrate: -url: there is a schema named smshook that smshook has not made: rename it (alter schema smshook rename to …), then run `smshook migrate` again\n"
	require.Equal(t, result{exitFail, "", foreign}, smshook(t, "", nil, "migrate", "-url", d.Administrator()))
}

func TestMigrateWithoutADatabase(t *testing.T) {
	require.Equal(t, result{exitOK, postgres.Print(), ""}, smshook(t, "", nil, "migrate", "-print"))
	for _, env := range [][]string{nil, {"SMSHOOK_STORE=sqlite:/data/smshook.db"}, {"SMSHOOK_STORE=memory"}} {
		r := smshook(t, "", env, "migrate")
		require.Equal(t, result{exitFail, "", "smshook migrate: SMSHOOK_STORE: want the address of a Postgres database, postgres://postgres:PASSWORD@HOST:5432/postgres; no other store has a schema\n"}, r)
	}
	r := smshook(t, "", nil, "migrate", "-url", "postgres://postgres:se/cr@et@host:54x32/postgres")
	require.Equal(t, exitFail, r.code)
	require.Contains(t, r.stderr, "smshook migrate: -url: want an address such as postgres://")
	require.NotContains(t, r.stderr, "cr@")
	r = smshook(t, "", nil, "migrate", "-url", "postgres://postgres:secret@127.0.0.1:1/postgres")
	require.Equal(t, exitFail, r.code)
	require.Contains(t, r.stderr, "connection refused")
	require.NotContains(t, r.stderr, "secret")
}
