package app

import (
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

func settingsFor(t *testing.T, env ...string) config.Config {
	drivers := []providers.Driver{providers.NewDriver("gate", "Gate", func(none, providers.Deps) (*gate, error) { return new(gate), nil })}
	c, err := config.Load(append(env, "SMSHOOK_SECRETS=v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "SMSHOOK_PROVIDERS=gate"), drivers, false, nil)
	require.NoError(t, err)
	return c
}

func TestPublished(t *testing.T) {
	p := published(settingsFor(t, "SMSHOOK_LIMIT_USER=off", "SMSHOOK_LIMIT_PHONE=4/10m", "SMSHOOK_POLICY=observe", "SMSHOOK_COUNTRIES=US,IE,DE", "SMSHOOK_BLOCKED_COUNTRIES=GB,FR",
		"SMSHOOK_BLOCKED_PREFIXES=+882,+1900", "SMSHOOK_CODE_LIFE=90s", "SMSHOOK_TEXT_NUMBER=no", "SMSHOOK_PUBLIC_URL=https://sms.example.com", "SMSHOOK_RECEIPT_SECRET=0123456789-0123456789-01"))
	require.Equal(t, phone.Countries(), p.Countries)
	p.Compared, p.Countries = nil, nil
	require.Equal(t, postgres.Published{
		Limits: []postgres.PublishedLimit{
			{Rule: "limit_phone", On: true, Most: 4, Per: 600_000_000, Interval: 150_000_000},
			{Rule: "limit_user"}, {Rule: "limit_ip"}, {Rule: "limit_prefix"}, {Rule: "limit_country"}, {Rule: "limit_total"}, {Rule: "limit_all"},
		},
		Observe: true,
		Allowed: []string{"1", "353", "49"},    // +1 has other countries too: the replica refuses those
		Blocked: []string{"1900", "33", "882"}, // of +44, only some numbers are in GB
		Sentences: postgres.PublishedSentences{
			JustSent: "A code was just sent. Please use it.", TooMany: "Too many attempts. Please try again later.",
			Number: "no", Failed: "The code could not be sent. Please try again.",
		},
		Life:         90_000_000,
		MFALife:      300_000_000,
		LateFallback: true,
	}, p)
	p = published(settingsFor(t))
	require.Equal(t, []any{false, []string(nil), []string(nil), int64(60_000_000), false}, []any{p.Observe, p.Allowed, p.Blocked, p.Life, p.LateFallback})
}

// A setting is compared, or it is named here: what may well differ between replicas.
func TestEachSettingIsCompared(t *testing.T) {
	own := []string{"ADDR", "ADMIN_ADDR", "ADMIN_PASSWORD", "ADMIN_URL", "METRICS_TOKEN", "CONCURRENCY", "STORE", "STORE_CONNS", "WORKER", "LOG_LEVEL", "LOG_FORMAT"}
	own = append(own, "SECRETS", "AUTH0_SECRETS")                                                               // with STORE_KEY, if that is unset
	own = append(own, "MESSAGE_<LOCALE>", "MESSAGES_DIR", "DEFAULT_LOCALE", "APP", "APP_HASH", "WEBOTP_DOMAIN") // with MESSAGE
	names := compared(settingsFor(t))
	fields := reflect.TypeFor[config.Config]()
	for i := range fields.NumField() {
		name, ok := fields.Field(i).Tag.Lookup("env")
		_, known := names[config.Prefix+name]
		require.True(t, !ok || known != slices.Contains(own, name), "%s: if it has to be the same at all replicas, add it to compared in agree.go; else name it here", name)
	}
	require.NotContains(t, strings.Join(reveal(settingsFor(t).StoreSecrets()), ""), "*", "secrets are compared as they are")
}

func TestPublishedLimitsApply(t *testing.T) {
	a := newApp(t, new(gate), io.Discard)
	limits := func() (limits []string) {
		number, err := phone.Parse("447700900123")
		require.NoError(t, err)
		charges, _ := a.Dispatcher.Policy.Ask(policy.Subject{Number: number, User: "user"})
		for _, c := range charges {
			limits = append(limits, c.Rule.String()+" "+c.Limit.String())
		}
		return limits
	}
	require.Equal(t, []string{"limit_phone 5/10m", "limit_user 10/1h"}, limits())
	a.applyLimits(postgres.Published{Observe: true, Limits: []postgres.PublishedLimit{
		{Rule: "limit_phone", On: true, Most: 1, Per: time.Hour.Microseconds()},
		{Rule: "limit_total", On: true, Most: 7, Per: time.Minute.Microseconds()},
		{Rule: "limit_unknown", On: true, Most: 1, Per: time.Hour.Microseconds()},
		{Rule: "limit_prefix", On: true, Most: -1, Per: 0},
	}})
	require.Equal(t, []string{"limit_phone 1/1h", "limit_user 10/1h", "limit_total 7/1m"}, limits())
	require.True(t, a.Dispatcher.Policy.Observe())
	a.applyLimits(postgres.Published{Limits: []postgres.PublishedLimit{{Rule: "limit_phone"}}})
	require.Equal(t, []string{"limit_user 10/1h"}, limits())
	require.False(t, a.Dispatcher.Policy.Observe())
}

// What changes is told once when it begins, and once when it ends.
func TestWhatAReplicaLearnsIsTold(t *testing.T) {
	log := new(buffer)
	a := newApp(t, new(gate), log)
	before := postgres.Agreement{}
	for _, step := range []struct {
		agreed postgres.Agreement
		want   string
	}{
		{postgres.Agreement{Skew: 2 * time.Second}, ""},
		{postgres.Agreement{Skew: -10 * time.Second}, `{"level":"warn","difference":"10s",`},
		{postgres.Agreement{Skew: -9 * time.Second}, ""},
		{postgres.Agreement{}, `{"level":"info",`},
		{postgres.Agreement{Differ: []string{"SMSHOOK_KEEP"}}, `{"level":"warn","settings":["SMSHOOK_KEEP"],`},
		{postgres.Agreement{Differ: []string{"SMSHOOK_KEEP"}, Held: true}, `{"level":"error",`},
		{postgres.Agreement{Held: true}, `{"level":"info",`},
		{postgres.Agreement{}, `{"level":"info",`},
	} {
		read := len(log.String())
		a.tell(before, step.agreed)
		line := log.String()[read:]
		require.True(t, strings.HasPrefix(line, step.want) && (step.want != "" || line == ""), line)
		require.LessOrEqual(t, strings.Count(line, "\n"), 1)
		before = step.agreed
	}
}
