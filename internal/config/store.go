package config

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/smshook/smshook/providers"
)

// Store is where the program keeps what it has to remember. The zero value is its memory.
type Store struct {
	SQLite   string           // the path of a file; empty if it is none
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
		if rest == "" || strings.HasPrefix(rest, "//") || strings.HasSuffix(rest, "/") || strings.ContainsRune(rest, 0) {
			return errors.New("want the path of a file after sqlite:, such as sqlite:/data/smshook.db")
		}
		*s = Store{SQLite: rest}
		return nil
	case scheme == "postgres", scheme == "postgresql":
		if u, err := url.Parse(string(text)); err != nil || !strings.HasPrefix(rest, "//") || u.Host == "" && u.Query().Get("host") == "" {
			return errors.New("want postgres://user:password@host:5432/database; in the password, %XX stands for characters such as @ / ? #")
		}
		*s = Store{Postgres: providers.NewSecret(string(text))}
		return nil
	}
	return errors.New("want memory, sqlite:/data/smshook.db or postgres://…")
}

// Local reports whether the database is on this machine.
func (s Store) Local() bool {
	u, err := url.Parse(s.Postgres.Reveal())
	if err != nil {
		return false
	}
	host := u.Hostname()
	return host == "" || host == "localhost" || net.ParseIP(host).IsLoopback()
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

// WithoutStore returns settings for a command that must not change what a running server remembers.
func (c Config) WithoutStore() Config {
	c.Store = Store{}
	return c
}
