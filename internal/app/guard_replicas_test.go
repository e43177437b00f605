package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers"
)

// willing is a provider that accepts everything.
type willing struct{}

func (willing) Send(context.Context, providers.Message) (providers.Sent, error) {
	return providers.Sent{IDs: []string{providers.NewUUID()}}, nil
}

var migratedOnce = pgtest.Template{Name: "app", Prepare: func(d *pgtest.Database) error {
	if _, err := postgres.Migrate(context.Background(), d.Administrator()); err != nil {
		return err
	}
	return d.Run("alter role smshook password 'right'")
}}

// guardedReplicas are replicas on one database.
type guardedReplicas struct {
	*pgtest.Database
	secret string
}

func (r guardedReplicas) start(t *testing.T, guard string) *App {
	drivers := []providers.Driver{providers.NewDriver("willing", "Willing", func(none, providers.Deps) (willing, error) { return willing{}, nil })}
	c, err := config.Load([]string{"SMSHOOK_PROVIDERS=willing", "SMSHOOK_SECRETS=" + r.secret, "SMSHOOK_GUARD=" + guard, "SMSHOOK_STORE=" + r.URL("smshook", "right")}, drivers, false, nil)
	require.NoError(t, err)
	a, err := New(c, "v1", zerolog.Nop(), nil)
	require.NoError(t, err)
	t.Cleanup(a.Close)
	a.stopKeeping() // the test says when
	_, err = a.store.database.Agree(t.Context(), *a.published.Load())
	require.NoError(t, err)
	return a
}

// asking is a call for a code to a number, from an address in a network of its own.
func asking(number, confirmed string) string {
	address := netip.AddrFrom4([4]byte{198, byte(20 + rand.IntN(80)), byte(rand.IntN(256)), 1}).String()
	return fmt.Sprintf(`{"metadata":{"uuid":"%s","time":"%s","name":"send-sms","ip_address":"%s"},"user":{"id":"%s","phone":"%s","phone_confirmed_at":"%s"},"sms":{"otp":"123456"}}`,
		providers.NewUUID(), time.Now().UTC().Format(time.RFC3339Nano), address, providers.NewUUID(), number, confirmed)
}

// byHTTP returns the answer of a replica to a call, without its status.
func byHTTP(a *App, body string) string {
	request := httptest.NewRequest(http.MethodPost, server.HookPath, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	a.Server.Keys.Load().Hook.Sign(request.Header, providers.NewUUID(), time.Now(), []byte(body))
	w := httptest.NewRecorder()
	a.Server.Handler().ServeHTTP(w, request)
	return w.Body.String()
}

// bySQL requires an answer of the hook in SQL.
func (r guardedReplicas) bySQL(t *testing.T, body, want string) {
	t.Helper()
	require.NoError(t, r.Run(fmt.Sprintf(`do $do$ declare answer jsonb := smshook.send_sms('%s'); begin
		if answer <> '%s' then raise exception '%%', answer; end if; end $do$`, body, want)))
}

// A range whose codes from one replica were not used, the other one refuses, and so does the hook in SQL: in the same words.
func TestTheGuardOfTwoReplicas(t *testing.T) {
	r := guardedReplicas{pgtest.New(t, migratedOnce), hook.NewSecret()}
	one, other := r.start(t, "enforce"), r.start(t, "enforce")
	require.True(t, one.remembered)
	for i := range 8 {
		require.Equal(t, "{}", byHTTP(one, asking(fmt.Sprintf("44740012%04d", i), "")))
	}
	r.Exec(t, "update smshook.message set use = 'unused', received_at = received_at - 600000000")
	require.Equal(t, "{}", byHTTP(other, asking("447400128888", "")), "the other one hasn't heard of it")
	for range 2 { // as time goes by
		other.look(t.Context(), time.Now(), true)
	}

	const tooMany = `{"error":{"http_code":429,"message":"Too many attempts. Please try again later."}}`
	r.Exec(t, "insert into smshook.replica values (1, smshook.micros(), false, smshook.micros())") // a worker
	require.Equal(t, tooMany, byHTTP(other, asking("447400129999", "")))
	r.bySQL(t, asking("447400129998", ""), tooMany)
	page, err := other.store.Messages(t.Context(), ledger.Query{Rule: "guard"})
	require.NoError(t, err)
	require.Len(t, page, 1)
	require.Regexp(t, `^\+44740012: of about \d codes to this number range, 0 were used$`, page[0].Why)

	for name, body := range map[string]string{"another prefix": asking("447400139999", ""), "the account's own number": asking("447400129997", "2026-01-02T03:04:05Z")} {
		require.Equal(t, "{}", byHTTP(other, body), name)
	}
	r.bySQL(t, asking("447400139998", ""), "{}")
	r.bySQL(t, asking("447400129996", "2026-01-02T03:04:05Z"), "{}")

	r.Exec(t, "update smshook.flagged set trial_at = 0")
	r.bySQL(t, asking("447400129995", ""), "{}")
	r.bySQL(t, asking("447400129994", ""), tooMany)
	r.Exec(t, "update smshook.flagged set seen_at = smshook.micros() - 61000000")
	r.bySQL(t, asking("447400129993", ""), "{}")

	other.look(t.Context(), time.Now(), false)
	r.bySQL(t, asking("447400129992", ""), tooMany)
	observing := r.start(t, "observe")
	require.Equal(t, "{}", byHTTP(observing, asking("447400129991", "")))
	r.bySQL(t, asking("447400129990", ""), "{}")
	later := r.start(t, "enforce") // it knows what the other one has kept
	require.Equal(t, tooMany, byHTTP(later, asking("447400129989", "")))
}
