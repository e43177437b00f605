package config

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/smshook/smshook/providers"
)

// Store is where the program keeps what it has to remember. The zero value is its memory.
type Store struct {
	SQLite   string           // the path of a file; empty if it is none
	Full     bool             // the file is on the disk before a commit ends: a power cut loses nothing
	Postgres providers.Secret // the address of a database, with its password; empty if it is none
}

// UnmarshalText reads a setting. Its errors quote nothing: a password may be in it.
func (s *Store) UnmarshalText(text []byte) error {
	scheme, rest, _ := strings.Cut(string(text), ":")
	switch {
	case string(text) == "memory":
		*s = Store{}
		return nil
	case scheme == "sqlite":
		path, parameters, _ := strings.Cut(rest, "?")
		if path == "" || strings.HasPrefix(path, "//") || strings.HasSuffix(path, "/") || strings.ContainsRune(path, 0) {
			return errors.New("want the path of a file after sqlite:, such as sqlite:/data/smshook.db")
		}
		switch parameters {
		case "", "synchronous=normal", "synchronous=full":
			*s = Store{SQLite: path, Full: parameters == "synchronous=full"}
			return nil
		}
		return errors.New("want no parameter after the path of the file but ?synchronous=full, or normal")
	case scheme == "postgres", scheme == "postgresql":
		if u, err := url.Parse(string(text)); err != nil || !strings.HasPrefix(rest, "//") || u.Host == "" && u.Query().Get("host") == "" {
			return errors.New("want postgres://user:password@host:5432/database; in the password, %XX stands for characters such as @ / ? #")
		}
		*s = Store{Postgres: providers.NewSecret(string(text))}
		return nil
	}
	return errors.New("want memory, sqlite:/data/smshook.db or postgres://…")
}

// String names the kind of store.
func (s Store) String() string {
	switch {
	case s.SQLite != "":
		return "sqlite"
	case !s.Postgres.Empty():
		return "postgres"
	}
	return "memory"
}

// StoreSecrets are those that contents are sealed with in a store, the one that seals first.
func (c Config) StoreSecrets() []providers.Secret {
	if len(c.StoreKey) > 0 {
		return c.StoreKey
	}
	return slices.Concat(c.Secrets.Keys(), c.Auth0Secrets.Keys())
}

// Works reports whether this replica sends what Auth asks for by SQL. Then it needs no secret of a hook.
func (c Config) Works() bool { return !c.Store.Postgres.Empty() && c.Worker == "on" }

// WithoutStore returns settings for a command that must not change what a running server remembers.
func (c Config) WithoutStore() Config {
	c.Store = Store{}
	return c
}
