package config

import "github.com/smshook/smshook/providers"

// API reports whether the message API is on.
func (c Config) API() bool { return len(c.APIKeys) > 0 || c.APIUsers() }

// APIUsers reports whether signed-in users may use it.
func (c Config) APIUsers() bool { return c.APIJWKS.Given() || !c.APIJWTSecret.Empty() }

// APIWorks reports whether this replica sends the messages of the message API. Another process can do it only where the store is shared.
func (c Config) APIWorks() bool { return c.API() && (c.Store.Postgres.Empty() || c.Worker == "on") }

// leastJWTSecret is the shortest secret that HS256 may have, in bytes: https://www.rfc-editor.org/rfc/rfc7518#section-3.2
const leastJWTSecret = 32

func (c Config) apiProblems() []error {
	var problems []error
	that := func(ok bool, setting, want string) {
		if !ok {
			problems = append(problems, providers.Problem{Setting: setting, Want: want})
		}
	}
	url, secret := c.APIEventsURL.Given(), len(c.APIEventsSecret) > 0
	that(c.APIJWTSecret.Empty() || len(c.APIJWTSecret.Reveal()) >= leastJWTSecret, "API_JWT_SECRET", "want the project's JWT secret, 32 characters or more")
	that(url || !secret, "API_EVENTS_URL", "is missing, and "+Prefix+"API_EVENTS_SECRET is set")
	that(secret || !url, "API_EVENTS_SECRET", "is missing, and "+Prefix+"API_EVENTS_URL is set")
	that(c.API() || !url, "API_EVENTS_URL", "is of no use without the message API: set "+Prefix+"API_KEYS")
	return problems
}
