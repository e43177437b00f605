package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/ledgertest"
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
	"github.com/smshook/smshook/providers"
)

// withAuth is a database with the tables of Supabase Auth, as far as smshook reads them.
// https://github.com/supabase/auth/tree/master/migrations
var withAuth = pgtest.Template{Name: "with_auth", Prepare: func(d *pgtest.Database) error {
	if err := migrated.Prepare(d); err != nil {
		return err
	}
	return d.Run(`
		create table auth.users (id uuid primary key, phone text unique, phone_confirmed_at timestamptz, confirmation_sent_at timestamptz, confirmation_token text,
			phone_change text default '', phone_change_sent_at timestamptz, phone_change_token text default '', reauthentication_sent_at timestamptz,
			reauthentication_token text default '', last_sign_in_at timestamptz);
		create table auth.mfa_factors (id uuid primary key, user_id uuid not null, phone text);
		create table auth.mfa_challenges (id uuid primary key default gen_random_uuid(), factor_id uuid not null, created_at timestamptz not null, verified_at timestamptz);
		alter table auth.users owner to supabase_auth_admin;
		alter table auth.mfa_factors owner to supabase_auth_admin;
		alter table auth.mfa_challenges owner to supabase_auth_admin;
		grant all on all tables in schema auth to postgres;`)
}}

const (
	aUser  = "6a0ed0a4-4d2b-4f3e-9a0d-7d3f8f0d1c11"
	aPhone = "447700900123"
)

// signIns is a database with Auth's tables, a store, and a user who asks for codes.
type signIns struct {
	*testing.T
	clocked
	database *pgtest.Database
	ledger   polling
	off      []string
	n        int
	more     bool // as the last sweep said
}

func newSignIns(t *testing.T) *signIns {
	clock := ledgertest.NewClock(time.Now().UTC().Truncate(time.Microsecond))
	s := &signIns{T: t, database: pgtest.New(t, withAuth)}
	settings := settings(clock.Now)
	settings.Settling = func(off string) { s.off = append(s.off, off) }
	s.clocked = withClock(t, s.database, open(t, s.database, settings), clock)
	s.ledger = newPolling(s.clocked)
	s.sql("insert into auth.users (id, phone) values ('%s', '%s')", aUser, aPhone)
	return s
}

func (s *signIns) sql(text string, values ...any) {
	s.Helper()
	s.database.Exec(s, fmt.Sprintf(text, values...))
}

// at is a time of Auth, so many seconds from now, in SQL.
func (s *signIns) at(seconds float64) string {
	at := s.clock.Now().Add(time.Duration(seconds * float64(time.Second)))
	return "timestamptz '" + at.Format(time.RFC3339Nano) + "'"
}

// ask has a message for a code accepted. Auth's clock is skewed, and 150 µs before it called, it stored what set says.
func (s *signIns) ask(kind ledger.Kind, number, set string) (id string) {
	s.Helper()
	s.clock.Move(2 * time.Second)
	s.n++
	id = fmt.Sprint(s.n)
	c := ledger.Call{
		Message:    providers.Message{ID: id, To: providers.NewSecret("+" + number), Text: providers.NewSecret("x"), Code: providers.NewSecret("028687")},
		Flow:       ledger.Flow{User: aUser, Number: number, MFA: kind == ledger.MFA},
		Kind:       kind,
		ReceivedAt: ledger.At(s.clock.Now()),
		AskedAt:    ledger.At(s.clock.Now()),
		Deadline:   time.Now().Add(time.Minute),
		Life:       time.Minute,
	}
	begun, err := s.ledger.Begin(s.Context(), c)
	require.NoError(s, err)
	require.True(s, begun.Go, "%+v", begun)
	_, _, err = s.ledger.End(s.Context(), ledger.Ended{ID: id, Result: ledger.Accepted, Instance: "a", Attempts: []ledger.Attempt{{Instance: "a", State: ledger.AttemptAccepted}}})
	require.NoError(s, err)
	if set != "" {
		s.sql("update auth.users set %s", fmt.Sprintf(set, s.at(-150e-6)))
	}
	return id
}

// sweep returns what became of codes, by the messages' IDs.
func (s *signIns) sweep() map[string]ledger.Use {
	s.Helper()
	more, news, err := s.ledger.Sweep(s.Context())
	require.NoError(s, err)
	s.more = more
	uses := map[string]ledger.Use{}
	for _, m := range news.Judged {
		uses[m.ID] = m.Use
		page, err := s.ledger.Messages(s.Context(), ledger.Query{ID: m.ID})
		require.NoError(s, err)
		require.Equal(s, []ledger.Message{m}, page)
	}
	return uses
}

const (
	otpSent    = "confirmation_sent_at = %s, confirmation_token = 'hash'"
	changeSent = "phone_change_sent_at = %s, phone_change_token = 'hash'"
	reauthSent = "reauthentication_sent_at = %s, reauthentication_token = 'hash'"
)

// What Auth's tables say of each kind of code. Auth's ways were seen at v2.196.0.
func TestSettle(t *testing.T) {
	used := func(s *signIns) {
		s.sql("update auth.users set confirmation_token = '', phone_confirmed_at = %s", s.at(5))
	}
	for _, tt := range []struct {
		name         string
		kind         ledger.Kind
		number, sent string
		then         func(*signIns)
		soon, later  ledger.Use // 10 s after it was sent, and when it has expired
		after        ledger.Kind
	}{
		{"a sign-in, used", 0, aPhone, otpSent, used, ledger.Used, ledger.Used, ledger.OTP},
		{"a sign-in, unused", 0, aPhone, otpSent, nil, 0, ledger.Unused, ledger.OTP},
		{"a sign-in of a new user", ledger.OTP, aPhone, otpSent, used, ledger.Used, ledger.Used, ledger.OTP},
		{"an administrator confirms the number by hand", 0, aPhone, otpSent, func(s *signIns) {
			s.sql("update auth.users set phone_confirmed_at = %s", s.at(5))
		}, 0, ledger.Unused, ledger.OTP},
		{"the user is deleted", ledger.OTP, aPhone, otpSent, func(s *signIns) { s.sql("delete from auth.users") }, 0, ledger.UseUnknown, ledger.OTP},
		{"Auth has rolled back", ledger.OTP, aPhone, "", nil, 0, ledger.UseUnknown, ledger.OTP},
		{"a newer code", ledger.OTP, aPhone, otpSent, func(s *signIns) { s.sql("update auth.users set confirmation_sent_at = %s", s.at(5)) }, 0, ledger.Replaced, ledger.OTP},
		{"another number, used", ledger.PhoneChange, "447700900999", changeSent, func(s *signIns) {
			s.sql("update auth.users set phone = '447700900999', phone_change_token = '', phone_confirmed_at = %s", s.at(5))
		}, ledger.Used, ledger.Used, ledger.PhoneChange},
		{"another number, unused", ledger.PhoneChange, "447700900999", changeSent, used, 0, ledger.Unused, ledger.PhoneChange},
		{"a reauthentication, unused", 0, aPhone, reauthSent, nil, 0, ledger.Unused, ledger.Reauthentication},
		{"a second factor, used", ledger.MFA, aPhone, "", func(s *signIns) {
			s.sql("insert into auth.mfa_factors values ('%[1]s', '%[1]s', '%[2]s'); insert into auth.mfa_challenges values (default, '%[1]s', %[3]s, %[4]s), (default, '%[1]s', %[5]s, null)",
				aUser, aPhone, s.at(0.3), s.at(5), s.at(6))
		}, ledger.Used, ledger.Used, ledger.MFA},
		{"a second factor, unused", ledger.MFA, aPhone, "", func(s *signIns) {
			s.sql("insert into auth.mfa_factors values ('%[1]s', '%[1]s', '%[2]s'); insert into auth.mfa_challenges values (default, '%[1]s', %[3]s, null), (default, '%[1]s', %[4]s, %[4]s)",
				aUser, aPhone, s.at(0.3), s.at(11))
		}, 0, ledger.Unused, ledger.MFA},
		{"a second factor with another number", ledger.MFA, aPhone, "", func(s *signIns) {
			s.sql("insert into auth.mfa_factors values ('%[1]s', '%[1]s', '%[2]s'); insert into auth.mfa_challenges values (default, '%[1]s', %[3]s, %[3]s)",
				aUser, "447700900999", s.at(0.3))
		}, 0, ledger.Unused, ledger.MFA},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSignIns(t)
			id := s.ask(tt.kind, tt.number, tt.sent)
			require.Empty(t, s.sweep(), "nothing has become of it yet")
			if tt.then != nil {
				tt.then(s)
			}
			s.clock.Move(10 * time.Second)
			soon := s.sweep()
			s.clock.Move(time.Minute)
			later := s.sweep()
			require.Equal(t, tt.soon, soon[id], "soon")
			require.Equal(t, tt.later, max(soon[id], later[id]), "later")
			require.Empty(t, s.sweep(), "it is told once")
			page, err := s.ledger.Messages(t.Context(), ledger.Query{ID: id})
			require.NoError(t, err)
			require.Equal(t, tt.after, page[0].Kind)
			require.Equal(t, tt.later == ledger.Used, page[0].UsedAt != 0)
			require.Equal(t, []string{""}, s.off)
		})
	}
}

// A reauthentication is known by its time, and used once that time is gone.
func TestSettleReauthentication(t *testing.T) {
	s := newSignIns(t)
	id := s.ask(0, aPhone, reauthSent)
	require.Empty(t, s.sweep())
	require.True(t, s.more, "a sweep has to look again")
	s.sql("update auth.users set reauthentication_sent_at = null, reauthentication_token = ''; delete from smshook.content")
	s.clock.Move(time.Second)
	require.Equal(t, map[string]ledger.Use{id: ledger.Used}, s.sweep())
	require.False(t, s.more)
}

// Auth's codes may live longer than the settings of smshook say.
func TestSettleLate(t *testing.T) {
	s := newSignIns(t)
	id := s.ask(0, aPhone, otpSent)
	s.clock.Move(2 * time.Minute)
	require.Equal(t, map[string]ledger.Use{id: ledger.Unused}, s.sweep())
	s.sql("update auth.users set confirmation_token = '', phone_confirmed_at = %s", s.at(0))
	late := map[string]ledger.Use{}
	for range 60 { // each minute
		for id, use := range s.sweep() {
			late[id] = use
		}
	}
	require.Equal(t, map[string]ledger.Use{id: ledger.Used}, late)
}

// Whatever Auth's tables have become, messages are sent, and what calls say has to do.
func TestSettleWithOtherColumns(t *testing.T) {
	s := newSignIns(t)
	id := s.ask(0, aPhone, otpSent)
	s.sql("alter table auth.users rename confirmation_token to confirmation_code; alter table auth.mfa_factors rename to factors")
	require.Empty(t, s.sweep())
	s.sql("alter table auth.users rename confirmation_code to confirmation_token; alter table auth.factors rename to mfa_factors; revoke all on auth.users from postgres")
	require.Empty(t, s.sweep())
	require.Empty(t, s.sweep())
	s.sql("grant all on auth.users to postgres; update auth.users set confirmation_token = '', phone_confirmed_at = %s", s.at(5))
	s.clock.Move(10 * time.Second)
	require.Equal(t, map[string]ledger.Use{id: ledger.Used}, s.sweep())
	require.Equal(t, []string{
		"missing: auth.mfa_factors.id, auth.mfa_factors.phone, auth.mfa_factors.user_id, auth.users.confirmation_token",
		"permission denied for table users", "",
	}, s.off)
}
