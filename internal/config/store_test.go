package config

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

func TestStore(t *testing.T) {
	const (
		sqlite    = "SMSHOOK_STORE: want the path of a file after sqlite:, such as sqlite:/data/smshook.db"
		parameter = "SMSHOOK_STORE: want no parameter after the path of the file but ?synchronous=full, or normal"
		postgres  = "SMSHOOK_STORE: want postgres://user:password@host:5432/database; in the password, %XX stands for characters such as @ / ? #"
		any       = "SMSHOOK_STORE: want memory, sqlite:/data/smshook.db or postgres://…"
	)
	for _, tt := range []struct {
		value string
		want  Store
		kind  string
		err   string
	}{
		{"memory", Store{}, "memory", ""},
		{"sqlite:/data/smshook.db", Store{SQLite: "/data/smshook.db"}, "sqlite", ""},
		{"sqlite:smshook.db", Store{SQLite: "smshook.db"}, "sqlite", ""},
		{"sqlite:/data/what#100%.db", Store{SQLite: "/data/what#100%.db"}, "sqlite", ""},
		{"sqlite:/data/smshook.db?synchronous=full", Store{SQLite: "/data/smshook.db", Full: true}, "sqlite", ""},
		{"sqlite:/data/smshook.db?synchronous=normal", Store{SQLite: "/data/smshook.db"}, "sqlite", ""},
		{"sqlite:/data/smshook.db?synchronous=off", Store{}, "", parameter},
		{"sqlite:/data/smshook.db?synchronous=full&cache=shared", Store{}, "", parameter},
		{"sqlite:/data/what?.db", Store{}, "", parameter},
		{"sqlite:?synchronous=full", Store{}, "", sqlite},
		{"postgres://smshook:s3cret@db:5432/postgres", Store{Postgres: providers.NewSecret("postgres://smshook:s3cret@db:5432/postgres")}, "postgres", ""},
		{"postgresql://db", Store{Postgres: providers.NewSecret("postgresql://db")}, "postgres", ""},
		{"postgres:///x?host=/run/postgresql", Store{Postgres: providers.NewSecret("postgres:///x?host=/run/postgresql")}, "postgres", ""},
		{"sqlite:", Store{}, "", sqlite},
		{"sqlite:///data/smshook.db", Store{}, "", sqlite},
		{"sqlite:/data/", Store{}, "", sqlite},
		{"sqlite", Store{}, "", sqlite},
		{"postgres", Store{}, "", postgres},
		{"postgres:smshook:s3cret@db", Store{}, "", postgres},
		{"postgres://smshook:s3/cret#@db/x", Store{}, "", postgres},
		{"/data/smshook.db", Store{}, "", any},
		{"redis://s3cret@db", Store{}, "", any},
		{"", Store{}, "", "SMSHOOK_STORE: is empty and would protect nothing: give it a value, or remove the variable"},
	} {
		c, err := Load(good("SMSHOOK_STORE="+tt.value), drivers(), false, nil)
		if tt.err != "" {
			require.EqualError(t, err, tt.err, tt.value)
			continue
		}
		require.NoError(t, err, tt.value)
		require.Equal(t, tt.want, c.Store)
		require.Equal(t, tt.kind, c.Store.String())
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", c.Store, c.Store, c.Store), "s3cret")
	}
}

func TestStoreFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	require.NoError(t, os.WriteFile(path, []byte("postgres://smshook:s3cret@db/postgres\n"), 0o600))
	c, err := Load(good("SMSHOOK_STORE_FILE="+path, "SMSHOOK_KEEP=24h", "SMSHOOK_STORE_CONNS=2"), drivers(), false, nil)
	require.NoError(t, err)
	require.Equal(t, "postgres://smshook:s3cret@db/postgres", c.Store.Postgres.Reveal())
	require.Equal(t, []any{24 * time.Hour, 2}, []any{c.Keep, c.StoreConns})
	require.Equal(t, "memory", c.WithoutStore().Store.String())
}

// Without a key of its own, the store has that of the hook.
func TestStoreSecrets(t *testing.T) {
	reveal := func(env ...string) (secrets []string) {
		c, err := Load(good(env...), drivers(), false, nil)
		require.NoError(t, err)
		for _, s := range c.StoreSecrets() {
			secrets = append(secrets, s.Reveal())
		}
		return secrets
	}
	const other = "NfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	require.Equal(t, []string{other, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, reveal("SMSHOOK_SECRETS=v1,whsec_"+other+"|"+secret))
	require.Equal(t, []string{"a new one, long enough", "an old one, long enough"}, reveal("SMSHOOK_STORE_KEY=a new one, long enough|an old one, long enough"))
	_, err := Load(good("SMSHOOK_STORE_KEY=short"), drivers(), false, nil)
	require.EqualError(t, err, "SMSHOOK_STORE_KEY: secret 1: has 5 characters, want 22 or more; smshook secret makes one")
}

// Who sends what Auth asks for by SQL needs no secret of an HTTP hook.
func TestWorks(t *testing.T) {
	const (
		database = "SMSHOOK_STORE=postgres://db"
		noHook   = "SMSHOOK_SECRETS: is missing: the secrets of the hook, in the form of Auth's own setting: v1,whsec_…; or set SMSHOOK_AUTH0_SECRETS for Auth0, or SMSHOOK_API_KEYS for the message API"
		noKey    = "SMSHOOK_STORE_KEY: is missing: without it, the secrets of the hook would serve, and there are none"
		key      = "SMSHOOK_STORE_KEY=a random text, long enough"
	)
	for _, tt := range []struct {
		env   []string
		works bool
		err   string
	}{
		{good(database), true, ""},
		{good(database, "SMSHOOK_WORKER=off"), false, ""},
		{good(), false, ""},
		{good("SMSHOOK_STORE=sqlite:/data/smshook.db"), false, ""},
		{good(database, key)[1:], true, ""},
		{good(database)[1:], false, noKey},
		{good(database, key, "SMSHOOK_WORKER=off")[1:], false, noHook},
		{good("SMSHOOK_STORE=sqlite:/data/smshook.db", key)[1:], false, noHook},
		{good("SMSHOOK_WORKER=yes"), false, "SMSHOOK_WORKER: want one of on, off"},
	} {
		c, err := Load(tt.env, drivers(), false, nil)
		if tt.err != "" {
			require.EqualError(t, err, tt.err, tt.env)
			continue
		}
		require.NoError(t, err, tt.env)
		require.Equal(t, tt.works, c.Works(), tt.env)
	}
}
