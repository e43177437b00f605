package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/dispatch"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

const (
	// agreeEvery is how often a replica tells its settings to the others, and asks for theirs.
	agreeEvery = 2 * time.Second
	// sweepEvery is how often what is old is looked for where there are no calls.
	sweepEvery = 10 * time.Minute
)

// published are the settings of this replica as the database, and the replicas that share it, need them.
func published(c config.Config) postgres.Published {
	p := postgres.Published{
		Observe:      c.PolicySettings().Observe,
		Life:         cmp.Or(c.CodeLife, dispatch.DefaultLife).Microseconds(),
		MFALife:      dispatch.FactorLife.Microseconds(),
		LateFallback: ledgerSettings(c).LateFallback,
		Countries:    phone.Countries(),
		Sentences:    postgres.PublishedSentences(sentences(c)),
		Compared:     compared(c),
	}
	for _, l := range c.PolicySettings().Limits.List() {
		limit := postgres.PublishedLimit{Rule: l.Rule.String()}
		if l.Limit.Most > 0 {
			limit.On, limit.Most, limit.Per = true, int64(l.Limit.Most), l.Limit.Per.Microseconds()
			limit.Interval = (l.Limit.Per / time.Duration(l.Limit.Most)).Microseconds()
		}
		p.Limits = append(p.Limits, limit)
	}
	p.Allowed, p.Blocked = c.PolicySettings().Lists.Digits()
	return p
}

// compared has the value of each setting that is to be the same at all replicas.
func compared(c config.Config) map[string]string {
	var instances, texts []string
	for _, instance := range c.Providers {
		instances = append(instances, instance.Name)
	}
	for _, sample := range c.Texts.Samples(providers.NewSecret("000000")) {
		texts = append(texts, sample.Locale, sample.Text.Text.Reveal())
	}
	values := map[string]string{
		"MESSAGE": strings.Join(texts, "\n"), // all settings of the texts together
	}
	for name, value := range map[string]any{
		"PROVIDERS":         instances,
		"ROUTES":            c.Routes.Routes(),
		"BUDGET":            c.Budget,
		"UNKNOWN":           c.Unknown,
		"PATIENCE":          c.Patience,
		"RESEND_WINDOW":     c.ResendWindow,
		"CODE_LIFE":         c.CodeLife,
		"PUBLIC_URL":        c.PublicURL,
		"RECEIPT_SECRET":    reveal(c.ReceiptSecret),
		"UNSIGNED_RECEIPTS": c.UnsignedReceipts,
		"LATE_FALLBACK":     c.LateFallback,
		"PHONE_CHECK":       c.PhoneCheck,
		"COUNTRIES":         c.Countries,
		"BLOCKED_COUNTRIES": c.BlockedCountries,
		"BLOCKED_PREFIXES":  c.BlockedPrefixes,
		"BLOCKED_TYPES":     c.BlockedTypes,
		"POLICY":            c.Policy,
		"TEXT_JUST_SENT":    c.TextJustSent,
		"TEXT_TOO_MANY":     c.TextTooMany,
		"TEXT_NUMBER":       c.TextNumber,
		"TEXT_FAILED":       c.TextFailed,
		"STORE_KEY":         reveal(c.StoreSecrets()), // or else the hook's secrets
		"KEEP":              c.Keep,
		"API_KEYS":          c.APIKeys,
		"API_LIMIT":         c.APILimit,
		"API_JWKS":          written(c.APIJWKS),
		"API_JWT_SECRET":    c.APIJWTSecret.Reveal(),
		"API_USER_LIMIT":    c.APIUserLimit,
		"API_EVENTS_URL":    written(c.APIEventsURL),
		"API_EVENTS_SECRET": reveal(c.APIEventsSecret.Keys()),
		"GUARD":             c.Guard,
		"ROUTE_BY":          c.RouteBy,
	} {
		values[name] = fmt.Sprint(value)
	}
	for _, l := range c.PolicySettings().Limits.List() {
		values[strings.ToUpper(l.Rule.String())] = l.Limit.String()
	}
	named := map[string]string{}
	for name, value := range values {
		named[config.Prefix+name] = value
	}
	return named
}

func reveal(secrets []providers.Secret) (texts []string) {
	for _, secret := range secrets {
		texts = append(texts, secret.Reveal())
	}
	return texts
}

func written(a api.Address) string {
	if !a.Given() {
		return ""
	}
	return a.URL().String()
}

// applied are the settings that apply after a reload: those of the start, but for what a reload changes.
func applied(start, reloaded config.Config) config.Config {
	c := start
	c.Texts, c.Secrets, c.StoreKey, c.ReceiptSecret = reloaded.Texts, reloaded.Secrets, reloaded.StoreKey, reloaded.ReceiptSecret
	c.PublicURL, c.UnsignedReceipts = reloaded.PublicURL, reloaded.UnsignedReceipts
	c.APIKeys, c.APIJWTSecret, c.APIEventsSecret = reloaded.APIKeys, reloaded.APIJWTSecret, reloaded.APIEventsSecret
	return c
}

// publish has settings told to the other replicas, if there is a way to tell them.
func (a *App) publish(c config.Config) {
	if a.store.database != nil {
		p := published(c)
		a.published.Store(&p)
	}
}

// agree tells the settings of this replica to the others, again and again, until ctx ends. The limits of the replica that has started last
// apply here: all count in common. The log says which settings differ, and whether the database is a copy, when that begins and when it ends.
func (a *App) agree(ctx context.Context, database *postgres.Store) {
	var before postgres.Agreement
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for {
		agreed, err := database.Agree(ctx, *a.published.Load())
		if err == nil { // otherwise the store is away, which is logged elsewhere
			a.guard(func() { a.applyLimits(agreed.InForce) })
			a.tell(before, agreed)
			a.store.held.Store(agreed.Held)
			before = agreed
		}
		select {
		case <-ctx.Done():
			return
		case <-sweep.C:
			a.Dispatcher.Resume()
		case <-time.After(agreeEvery):
		}
	}
}

// applyLimits lets published limits apply. A limit that another version of the program doesn't know stays as it is set here.
func (a *App) applyLimits(p postgres.Published) {
	limits := a.settings.PolicySettings().Limits
	for _, l := range p.Limits {
		limit := policy.Limit{}
		if l.On {
			limit = policy.Limit{Most: int(l.Most), Per: time.Duration(l.Per) * time.Microsecond}
		}
		limits = limits.With(l.Rule, limit)
	}
	a.Dispatcher.Policy.SetLimits(limits, p.Observe)
}

// tell logs what has changed.
func (a *App) tell(before, now postgres.Agreement) {
	a.tellDifference(before.Differ, now.Differ)
	a.tellHeld(before.Held, now.Held)
	a.tellSkew(before.Skew, now.Skew)
}

func (a *App) tellDifference(before, differ []string) {
	switch {
	case slices.Equal(before, differ):
	case len(differ) == 0:
		a.log.Info().Msg("this replica's settings and those of the replica that has started last are the same again")
	default:
		a.log.Warn().Strs("settings", differ).
			Msg("another replica has started later with other settings: its rate limits and its POLICY apply here too; let all replicas have the same settings")
	}
}

func (a *App) tellHeld(before, held bool) {
	switch {
	case before == held:
	case held:
		a.log.Error().Msg("the database is a copy of another one, or was restored: what waited in it to be sent is held; " +
			"if nothing sends it from the other one, run smshook migrate -resume. New codes are sent")
	default:
		a.log.Info().Msg("nothing in the database is held any more")
	}
}

func (a *App) tellSkew(before, skew time.Duration) {
	switch wrong := skew.Abs() > maxSkew; {
	case wrong == (before.Abs() > maxSkew):
	case wrong:
		a.log.Warn().Str("difference", skew.Abs().Round(time.Second).String()).
			Msg("the clocks of the database and of this machine differ; 10 s do no harm, but let both have the right time")
	default:
		a.log.Info().Msg("the clocks of the database and of this machine agree again")
	}
}
