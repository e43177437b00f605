package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/policy"
)

// hooked is a database with the settings of a replica, which sends messages.
type hooked struct {
	*pgtest.Database
	store *postgres.Store
	admin *pgx.Conn
	auth  *pgx.Conn // of Auth
}

func newHooked(t testing.TB, limits policy.Limits, change ...func(*postgres.Published)) hooked {
	d := pgtest.New(t, migrated)
	h := hooked{d, open(t, d, settings(time.Now)), connectTB(t, d.Superuser()), connectTB(t, d.URL("supabase_auth_admin", ""))}
	h.publish(t, limits, change...)
	h.works(t)
	return h
}

func connectTB(tb testing.TB, address string) *pgx.Conn {
	conn, err := pgx.Connect(tb.Context(), address)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close(tb.Context()) })
	return conn
}

func (h hooked) publish(t testing.TB, limits policy.Limits, change ...func(*postgres.Published)) {
	p := postgres.Published{
		Countries: phone.Countries(),
		Sentences: postgres.PublishedSentences{JustSent: "just sent", TooMany: "too many", Number: "number", Failed: "failed"},
		Life:      time.Minute.Microseconds(),
		MFALife:   (5 * time.Minute).Microseconds(),
	}
	for _, l := range limits.List() {
		limit := postgres.PublishedLimit{Rule: l.Rule.String()}
		if l.Limit.Most > 0 {
			limit.On, limit.Most, limit.Interval = true, int64(l.Limit.Most), (l.Limit.Per / time.Duration(l.Limit.Most)).Microseconds()
		}
		p.Limits = append(p.Limits, limit)
	}
	for _, f := range change {
		f(&p)
	}
	_, err := h.store.Agree(t.Context(), p)
	require.NoError(t, err)
}

// works lets a worker have been seen now.
func (h hooked) works(t testing.TB) {
	h.Exec(t, "insert into smshook.replica values (1, smshook.micros(), false, smshook.micros()) on conflict (id) do update set worked_at = excluded.worked_at")
}

// event is a call of Auth, as a document that can be changed.
type event map[string]any

func newEvent(n int, change ...func(event)) event {
	e := event{
		"metadata": map[string]any{"uuid": fmt.Sprintf("4fe7b0a2-16c5-4a0e-8e04-%012d", n), "time": time.Now().Format(time.RFC3339Nano), "name": "send-sms", "ip_address": "203.0.113.7"},
		"user": map[string]any{"id": fmt.Sprintf("c9a5f9f0-0000-4000-8000-%012d", n), "phone": fmt.Sprintf("447700900%03d", n%1000), "aud": "authenticated",
			"user_metadata": map[string]any{"locale": "de-CH", "more": "x"}, "identities": []any{}},
		"sms": map[string]any{"otp": "028687", "phone": fmt.Sprintf("447700900%03d", n%1000)},
	}
	for _, f := range change {
		f(e)
	}
	return e
}

// set changes a field, such as sms.phone; nil removes it.
func set(path string, value any) func(event) {
	return func(e event) {
		object, field, inside := strings.Cut(path, ".")
		switch {
		case !inside && value == nil:
			delete(e, object)
		case !inside:
			e[object] = value
		default:
			inner := maps.Clone(e[object].(map[string]any))
			inner[field] = value
			if value == nil {
				delete(inner, field)
			}
			e[object] = inner
		}
	}
}

func (e event) text() string {
	text, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return string(text)
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// sendSMS calls the hook as Auth does.
func sendSMS(t testing.TB, conn querier, e string) string {
	t.Helper()
	var answer string
	require.NoError(t, conn.QueryRow(t.Context(), "select smshook.send_sms($1::text::jsonb)::text", e).Scan(&answer))
	return answer
}

const put = "{}"

func refused(status int, message string) string {
	return fmt.Sprintf(`{"error": {"message": %q, "http_code": %d}}`, message, status)
}

func (h hooked) claim(t testing.TB) []ledger.Claimed {
	t.Helper()
	claimed, err := h.store.Queue().Claim(t.Context(), []ledger.Topic{ledger.Hooked}, 1000)
	require.NoError(t, err)
	return claimed
}

func TestHashesInSQLAreThoseOfGo(t *testing.T) {
	h := newHooked(t, policy.Limits{})
	for _, parts := range [][]string{
		nil, {""}, {"", ""}, {"a"}, {"a", "b"}, {"ab"}, {"447700900123", "true"}, {"é", "漢字", "🙂"}, {strings.Repeat("x", 55)}, {strings.Repeat("y", 64), "z"}, {strings.Repeat("ü", 100_000)},
	} {
		want, err := h.store.Hash(t.Context(), "kind", parts...)
		require.NoError(t, err)
		var got int64
		require.NoError(t, h.admin.QueryRow(t.Context(), "select smshook.hash('kind', variadic $1::text[])", parts).Scan(&got))
		require.Equal(t, want, got, "%.20q", parts)
	}
}

// What HTTP can't read, SQL can't read either, and says so in the same words.
func TestUnreadableEvents(t *testing.T) {
	h := newHooked(t, policy.Limits{})
	texts := []string{`null`, `{}`, `[]`, `1`, `"x"`, `true`, `[{"sms":{"otp":"1"}}]`, `{"metadata":null,"user":null,"sms":null}`}
	for _, change := range []func(event){
		set("sms", nil), set("sms", "x"), set("sms", []any{}), set("user", 1), set("metadata", "x"), set("metadata", true),
		set("sms.otp", nil), set("sms.otp", ""), set("sms.otp", 28687), set("sms.otp", []any{"1"}), set("sms.phone", 447700900123), set("sms.phone", map[string]any{}), set("sms.sms_type", 1),
		set("user.id", 1), set("user.phone", false), set("user.phone_confirmed_at", 1), set("user.last_sign_in_at", []any{}), set("user.confirmation_sent_at", 1),
		set("user.phone_change_sent_at", 1), set("user.reauthentication_sent_at", 1), set("metadata.uuid", 1), set("metadata.time", 1), set("metadata.ip_address", 1),
		func(e event) { set("sms.phone", nil)(e); set("user.phone", nil)(e) },
		func(e event) { set("sms.phone", "")(e); set("user.phone", "")(e) },
	} {
		texts = append(texts, newEvent(1, change).text())
	}
	for _, text := range texts {
		_, err := hook.Decode([]byte(text))
		require.Error(t, err, text)
		require.JSONEq(t, string(hook.Problem(400, err.Error()).Body), sendSMS(t, h.auth, text), text)
	}
	var answer string
	require.NoError(t, h.auth.QueryRow(t.Context(), "select smshook.send_sms(null)::text").Scan(&answer))
	require.Equal(t, refused(400, "sms.otp is missing"), answer)
	require.Empty(t, h.claim(t))
}

// Whatever is in a call, the hook answers.
func TestStrangeEventsAreAnswered(t *testing.T) {
	h := newHooked(t, policy.Limits{Phone: policy.Limit{Most: 1000, Per: time.Hour}, User: policy.Limit{Most: 1000, Per: time.Hour}, IP: policy.Limit{Most: 1000, Per: time.Hour},
		Prefix: policy.Limit{Most: 1000, Per: time.Hour}, Country: policy.Limit{Most: 1000, Per: time.Hour}, All: policy.Limit{Most: 1000, Per: time.Hour}})
	large := strings.Repeat("x", 900_000)
	for i, tt := range []struct {
		change func(event)
		want   string
	}{
		{set("user.id", "not a UUID; drop schema smshook cascade"), put},
		{set("user.id", ""), put},
		{set("user.id", nil), put},
		{set("user", map[string]any{}), put},
		{set("user.id", large), refused(413, "the body is too long")}, // longer than any item
		{set("user.user_metadata", map[string]any{"locale": "en", "picture": large}), put},
		{set("user.user_metadata", map[string]any{"locale": large}), put},
		{set("user.user_metadata", map[string]any{"locale": 5, "lang": nil}), put},
		{set("user.user_metadata", []any{1, 2}), put},
		{set("user.user_metadata", "text"), put},
		{set("user.identities", []any{large, large, large}), refused(413, "the body is too long")},
		{set("metadata", nil), put},
		{set("metadata", map[string]any{}), put},
		{set("metadata.uuid", "'; --"), put},
		{set("metadata.time", "yesterday, perhaps"), put},
		{set("metadata.time", "infinity"), put},
		{set("metadata.time", "0001-01-01T00:00:00Z"), put},
		{set("metadata.ip_address", "999.1.2.3"), put},
		{set("metadata.ip_address", "::ffff:203.0.113.7"), put},
		{set("metadata.ip_address", strings.Repeat(":", 10_000)), put},
		{set("user.confirmation_sent_at", "-"), put},
		{set("user.last_sign_in_at", "-"), put},
		{set("sms.otp", "\U0010ffff\u202e"), put},
		{set("sms.phone", "+447700900123"), put},
		{set("sms.phone", "++447700900123"), refused(422, "number")},
		{set("sms.phone", "447700900123\n"), refused(422, "number")},
		{set("sms.phone", "٤٤٧٧٠٠٩٠٠١٢٣"), refused(422, "number")},
		{set("sms.phone", "12"), refused(422, "number")},
		{set("sms.phone", "0447700900123"), refused(422, "number")},
		{set("sms.phone", "4477009001234567"), refused(422, "number")},
		{set("sms.phone", "2107700900123"), refused(422, "number")}, // no country has +210
		{set("sms.phone", "8001234567890"), put},
		{set("sms.phone", large), refused(413, "the body is too long")},
	} {
		require.Equal(t, tt.want, sendSMS(t, h.auth, newEvent(i, tt.change).text()), i)
	}
	for _, c := range h.claim(t) {
		p, err := hook.Decode(c.Body)
		require.NoError(t, err)
		require.NotEmpty(t, p.Phone().Reveal())
		require.Less(t, len(c.Body), ledger.MaxItemBody)
	}
	// Nothing but the hook itself is in the way of Auth: what it reads is missing, or locked.
	for _, broken := range []string{"drop table smshook.counter", "drop table smshook.outbox cascade", "alter table smshook.settings rename to gone"} {
		h.Exec(t, broken)
		want := refused(422, "failed")
		if strings.Contains(broken, "settings") {
			want = refused(422, "The code could not be sent. Please try again.")
		}
		require.Equal(t, want, sendSMS(t, h.auth, newEvent(900).text()), broken)
	}
}

// The body that a worker gets is a call of the hook, without what smshook doesn't read.
func TestTheItemOfACall(t *testing.T) {
	h := newHooked(t, policy.Limits{})
	e := newEvent(1, set("sms.sms_type", "mfa"), set("user.last_sign_in_at", "2026-01-02T03:04:05Z"), set("user.phone_confirmed_at", "2026-01-01T03:04:05Z"), set("user.confirmation_sent_at", "2026-01-01T03:04:06Z"))
	require.Equal(t, put, sendSMS(t, h.auth, e.text()))
	require.Equal(t, put, sendSMS(t, h.auth, e.text()), "a repeat")
	claimed := h.claim(t)
	require.Len(t, claimed, 1)
	c := claimed[0]
	want, err := hook.Decode([]byte(e.text()))
	require.NoError(t, err)
	got, err := hook.Decode(c.Body)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NotContains(t, string(c.Body), "more")
	require.InDelta(t, 300, c.ExpiresAt.Sub(c.PutAt).Seconds(), 1)
	c.PutAt, c.DueAt, c.ExpiresAt, c.Claim, c.Body = 0, 0, 0, 0, nil
	require.Equal(t, ledger.Claimed{Item: ledger.Item{ID: want.Metadata.UUID, Topic: ledger.Hooked, Priority: 1}}, c)
}

// The row in the history is the one that HTTP would make of the same call.
func TestTheRecordOfACall(t *testing.T) {
	h := newHooked(t, policy.Limits{})
	const row = `select format('%s %s %s %s %s %s %s %s %s %s %s %s %s %s', flow, mfa, user_key, user_id, number_key, sign_in, known, number, country, asked_at, life, proven, kind, result) from smshook.message where id = $1`
	for i, change := range []func(event){
		func(event) {},
		set("user.id", "é漢🙂"),
		set("sms.phone", "+447700900123"),
		set("sms.phone", nil),
		set("sms.phone", "4915112345678"),
		set("sms.phone", "2901234"),
		set("sms.sms_type", "mfa"),
		set("user.last_sign_in_at", "2026-01-02T03:04:05.678Z"),
		func(e event) {
			set("user.last_sign_in_at", "2026-01-02T03:04:05.678Z")(e)
			set("user.phone_confirmed_at", "2026-01-02T03:04:05.678Z")(e)
		},
		set("metadata.time", "2026-01-02T03:04:05.123456789+01:00"),
		set("user.phone", "447700900999"),
		set("user.confirmation_sent_at", "2026-01-02T03:04:05.678Z"),
		func(e event) {
			set("user.phone_change_sent_at", "2026-01-02T03:04:05.678Z")(e)
			set("user.reauthentication_sent_at", "x")(e)
		},
	} {
		text := newEvent(i, change).text()
		p, err := hook.Decode([]byte(text))
		require.NoError(t, err)
		require.Equal(t, put, sendSMS(t, h.auth, text))
		var got, want string
		require.NoError(t, h.admin.QueryRow(t.Context(), row, p.Metadata.UUID).Scan(&got))
		n, err := phone.Parse(p.Phone().Reveal())
		require.NoError(t, err)
		c := call("over HTTP", "")
		c.Message.ID = fmt.Sprint("over HTTP ", i)
		c.Flow = ledger.Flow{User: p.User.ID, Number: strings.TrimPrefix(p.Phone().Reveal(), "+"), MFA: p.SMS.Type == hook.MFA}
		c.Number, c.Country, c.LastSignIn, c.Stored = n.Masked(), n.Country(), p.User.LastSignIn, p.User.Stored()
		c.Proven, c.AskedAt = p.Proven(), ledger.At(p.AskedAt())
		c.Kind, _ = ledger.ParseKind(p.Kind())
		if c.Flow.MFA {
			c.Life = 5 * time.Minute
		}
		if phone.Countries()[fmt.Sprint(n.CallingCode())] == "" {
			c.Country = "" // several countries share the calling code: the worker finds it out
		}
		_, _, err = h.store.Begin(t.Context(), c, "")
		require.NoError(t, err)
		require.NoError(t, h.admin.QueryRow(t.Context(), row, c.Message.ID).Scan(&want))
		require.Equal(t, want, got, i)
	}
}

// ask is what the policy makes of a call, as the dispatcher asks it.
func ask(t testing.TB, text string, limits policy.Limits) []policy.Charge {
	p, err := hook.Decode([]byte(text))
	require.NoError(t, err)
	n, err := phone.Parse(p.Phone().Reveal())
	require.NoError(t, err)
	charges, verdict := policy.New(policy.Settings{Limits: limits}).Ask(policy.Subject{Number: n, User: p.User.ID, IP: p.IP(), Proven: p.Proven()})
	require.True(t, verdict.Allow)
	return charges
}

// Calls by HTTP and by SQL have the same counts.
func TestLimitsAreSharedWithHTTP(t *testing.T) {
	one := policy.Limit{Most: 1, Per: time.Hour}
	h := newHooked(t, policy.Limits{})
	confirmed := set("user.phone_confirmed_at", "2026-01-01T03:04:05Z")
	n := 0
	for name, tt := range map[string]struct {
		limits policy.Limits
		change []func(event)
		exempt bool // nothing is counted
		worker bool // only the worker can tell what is counted
	}{
		"a number":                 {limits: policy.Limits{Phone: one}},
		"a proven number":          {limits: policy.Limits{Phone: one}, change: []func(event){confirmed}},
		"a user":                   {limits: policy.Limits{User: one}},
		"a user with a name":       {limits: policy.Limits{User: one}, change: []func(event){set("user.id", "é漢🙂")}},
		"no user":                  {limits: policy.Limits{User: one}, change: []func(event){set("user.id", "")}, exempt: true},
		"IPv4":                     {limits: policy.Limits{IP: one}},
		"IPv4, small":              {limits: policy.Limits{IP: one}, change: []func(event){set("metadata.ip_address", "1.0.0.7")}},
		"IPv4, zero network":       {limits: policy.Limits{IP: one}, change: []func(event){set("metadata.ip_address", "0.0.0.7")}},
		"IPv4 in IPv6":             {limits: policy.Limits{IP: one}, change: []func(event){set("metadata.ip_address", "::ffff:198.51.100.9")}},
		"IPv6":                     {limits: policy.Limits{IP: one}, change: []func(event){set("metadata.ip_address", "2001:db8:1:2:3::4")}},
		"IPv6 with a zone":         {limits: policy.Limits{IP: one}, change: []func(event){set("metadata.ip_address", "2001:db8:5:6:7::8%eth0")}},
		"a private address":        {limits: policy.Limits{IP: one}, change: []func(event){set("metadata.ip_address", "10.1.2.3")}, exempt: true},
		"a shared address":         {limits: policy.Limits{IP: one}, change: []func(event){set("metadata.ip_address", "100.64.2.3")}, exempt: true},
		"loopback":                 {limits: policy.Limits{IP: one}, change: []func(event){set("metadata.ip_address", "127.0.0.1")}, exempt: true},
		"link-local IPv6":          {limits: policy.Limits{IP: one}, change: []func(event){set("metadata.ip_address", "fe80::1")}, exempt: true},
		"private in IPv6":          {limits: policy.Limits{IP: one}, change: []func(event){set("metadata.ip_address", "::ffff:10.0.0.1")}, exempt: true},
		"multicast":                {limits: policy.Limits{IP: one}, change: []func(event){set("metadata.ip_address", "224.0.0.1")}, exempt: true},
		"broadcast":                {limits: policy.Limits{IP: one}, change: []func(event){set("metadata.ip_address", "255.255.255.255")}, exempt: true},
		"no address":               {limits: policy.Limits{IP: one}, change: []func(event){set("metadata.ip_address", "203.0.113.7/24")}, exempt: true},
		"octets with zeros":        {limits: policy.Limits{IP: one}, change: []func(event){set("metadata.ip_address", "203.0.113.07")}, exempt: true},
		"an address, proven":       {limits: policy.Limits{IP: one}, change: []func(event){confirmed}, exempt: true},
		"a prefix":                 {limits: policy.Limits{Prefix: one}},
		"a prefix, proven":         {limits: policy.Limits{Prefix: one}, change: []func(event){confirmed}, exempt: true},
		"a country":                {limits: policy.Limits{Country: one}, change: []func(event){set("sms.phone", "4915112345678")}},
		"a code without country":   {limits: policy.Limits{Country: one}, change: []func(event){set("sms.phone", "8001234567890")}},
		"a shared calling code":    {limits: policy.Limits{Country: one}, worker: true},
		"in total":                 {limits: policy.Limits{Total: one}},
		"in total, proven":         {limits: policy.Limits{Total: one}, change: []func(event){confirmed}, exempt: true},
		"all":                      {limits: policy.Limits{All: one}, change: []func(event){confirmed}},
		"all of several, the last": {limits: policy.Limits{Phone: policy.Limit{Most: 2, Per: time.Hour}, All: one}},
	} {
		t.Run(name, func(t *testing.T) {
			h.Exec(t, "truncate smshook.counter, smshook.message, smshook.flow, smshook.outbox")
			h.publish(t, tt.limits)
			// Over HTTP, the message is charged; by SQL, another call of the same things is refused.
			n += 2
			text := newEvent(n, tt.change...).text()
			charges := ask(t, text, tt.limits)
			require.Equal(t, tt.exempt, len(charges) == 0)
			c := call("first", "another user", charges...)
			begun, _ := begin(t, h.store, c, "")
			require.True(t, begun.Go)
			want := refused(429, "too many")
			if tt.exempt || tt.worker {
				want = put
			}
			require.Equal(t, want, sendSMS(t, h.auth, text))

			// By SQL, the message is charged in part, and the rest when a worker begins; over HTTP, another one is refused.
			h.Exec(t, "truncate smshook.counter, smshook.message, smshook.flow, smshook.outbox")
			require.Equal(t, put, sendSMS(t, h.auth, text))
			p, _ := hook.Decode([]byte(text))
			c.Message.ID, c.Flow = p.Metadata.UUID, ledger.Flow{User: p.User.ID, Number: strings.TrimPrefix(p.Phone().Reveal(), "+")}
			begun, _ = begin(t, h.store, c, "")
			require.Equal(t, sendIt, begun, "it isn't charged twice")
			c.Message.ID, c.Flow.User = "second", "yet another user"
			begun, _ = begin(t, h.store, c, "")
			require.Equal(t, tt.exempt, begun.Go)
		})
	}
}
