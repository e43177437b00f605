package app

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/hook"
)

// A reload replaces the keys of callers, the project's secret, and the secrets by which events are signed.
func TestReloadOfTheMessageAPI(t *testing.T) {
	key, entry, err := api.NewKey("shop")
	require.NoError(t, err)
	newKey, newEntry, err := api.NewKey("shop")
	require.NoError(t, err)
	secret, newSecret := strings.Repeat("a", 32), strings.Repeat("b", 40)
	signing, newSigning := hook.NewSecret(), hook.NewSecret()
	env := func(entry, secret, signing string, more ...string) []string {
		return append([]string{
			"SMSHOOK_API_KEYS=" + entry, "SMSHOOK_API_JWT_SECRET=" + secret, "SMSHOOK_API_EVENTS_URL=http://127.0.0.1:1/", "SMSHOOK_API_EVENTS_SECRET=" + signing,
		}, more...)
	}
	a, err := New(settingsFor(t, env(entry, secret, signing)...), "v1", zerolog.Nop(), nil)
	require.NoError(t, err)
	defer a.Close()
	known := func() []bool {
		keys := a.Server.Keys.Load()
		_, old := keys.API.Caller(key)
		_, fresh := keys.API.Caller(newKey)
		_, oldUser := keys.Tokens.User(tokenBy(t, secret))
		_, freshUser := keys.Tokens.User(tokenBy(t, newSecret))
		return []bool{old, fresh, oldUser, freshUser, a.signedBy(t, signing), a.signedBy(t, newSigning)}
	}
	require.Equal(t, []bool{true, false, true, false, true, false}, known())
	require.NoError(t, a.Reload(t.Context(), settingsFor(t, env(newEntry, newSecret, newSigning)...)))
	require.Equal(t, []bool{false, true, false, true, false, true}, known())

	half := settingsFor(t, env(newEntry, newSecret[:33], newSigning)...)
	require.ErrorContains(t, a.Reload(t.Context(), half), "SMSHOOK_API_JWT_SECRET: secret 1: is shorter than the old secrets")
	for name, want := range map[string]string{
		"SMSHOOK_API_JWT_SECRET": "SMSHOOK_API_JWT_SECRET: is set or unset now; restart to apply that",
		"SMSHOOK_API_EVENTS_":    "SMSHOOK_API_EVENTS_URL: is set or unset now; restart to apply that",
		"SMSHOOK_API_":           "", // of three problems, any is named
	} {
		less := settingsFor(t, without(env(newEntry, newSecret, newSigning), name)...)
		require.ErrorContains(t, a.Reload(t.Context(), less), want)
	}
	require.Equal(t, []bool{false, true, false, true, false, true}, known())
	require.True(t, restartNeeded(a.settings, settingsFor(t, env(newEntry, newSecret, newSigning, "SMSHOOK_API_LIMIT=1/1m")...)))
	require.False(t, restartNeeded(a.settings, settingsFor(t, env(newEntry, newSecret, newSigning)...)))
}

func without(env []string, prefix string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(e string) bool { return strings.HasPrefix(e, prefix) })
}

// signedBy reports whether an event would be signed by a secret.
func (a *App) signedBy(t *testing.T, secret string) bool {
	var secrets hook.Secrets
	require.NoError(t, secrets.UnmarshalText([]byte(secret)))
	header := http.Header{}
	a.api.eventSecrets.Load().Sign(header, "1", time.Now(), nil)
	return secrets.Verify(header, nil) == nil
}

func tokenBy(t *testing.T, secret string) string {
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": "8ccaa7af-909f-44e7-84cb-67cdccb56be6", "aud": "authenticated", "role": "authenticated", "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString([]byte(secret))
	require.NoError(t, err)
	return text
}

// A project that can't be reached is no reason not to start. Its address, which may hold a token, is not logged.
func TestAProjectThatIsAway(t *testing.T) {
	log := new(buffer)
	c := settingsFor(t, "SMSHOOK_API_JWKS=http://127.0.0.1:1/hunter2")
	a, err := New(c, "v1", NewLog(c, log), nil)
	require.NoError(t, err)
	defer a.Close()
	require.Contains(t, log.String(), errUsersKeys.Error())
	require.NotContains(t, log.String(), "hunter2")
	require.NotContains(t, fmt.Sprintf("%+v", c), "hunter2")
}
