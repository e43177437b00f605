package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
)

const anotherUser = "6a0ed0a4-4d2b-4f3e-9a0d-7d3f8f0d1c12"

// An app's user reads their own messages, and of those what concerns them. What follows from it for all others is probed too.
func TestView(t *testing.T) {
	d := pgtest.New(t, withAuth)
	d.Exec(t, `create function auth.uid() returns uuid language sql stable as
		$$ select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
		grant execute on function auth.uid() to public`)
	admin := connect(t, d.Administrator())
	_, err := admin.PgConn().Exec(t.Context(), postgres.View()).ReadAll()
	require.NoError(t, err)
	store := open(t, d, settings(time.Now))
	for i, user := range []string{aUser, anotherUser, aUser, "no uuid"} {
		c := call(fmt.Sprint(i), user)
		c.Kind, c.AskedAt, c.Flow.Number = ledger.OTP, ledger.At(time.Now()), fmt.Sprint("44770090012", i)
		begun, _ := begin(t, store, c, "")
		require.True(t, begun.Go)
		_, _, err := store.End(t.Context(), accepted(c.Message.ID))
		require.NoError(t, err)
	}

	conn := connect(t, d.Superuser())
	ask := func(role, user, sql string) string {
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
		_, err = tx.Exec(t.Context(), "select set_config('request.jwt.claims', $1, true)", fmt.Sprintf(`{"sub": "%s", "role": "%s"}`, user, role))
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), "set local role "+role)
		require.NoError(t, err)
		var answer string
		if err := tx.QueryRow(t.Context(), "select coalesce(string_agg(x::text, ' '), '') from ("+sql+") x").Scan(&answer); err != nil {
			require.ErrorContains(t, err, "SQLSTATE 42501", sql)
			return "denied"
		}
		return answer
	}
	const view, counted = "select id from public.my_messages order by id", "select count(*) from smshook.message"
	for _, tt := range []struct{ role, user, sql, want string }{
		{"authenticated", aUser, view, "(0) (2)"},
		{"authenticated", anotherUser, view, "(1)"},
		{"authenticated", "00000000-0000-4000-8000-000000000000", view, ""},
		{"authenticated", anotherUser, "select number, kind, state, conversion, delivered_at from public.my_messages", "(+4477*****123,otp,accepted,,)"},
		{"authenticated", aUser, "select * from smshook.message", "denied"},
		{"authenticated", aUser, "select attempts from smshook.message", "denied"},
		{"authenticated", aUser, "select range from smshook.message", "denied"},
		{"authenticated", aUser, "select * from smshook.content", "denied"},
		{"authenticated", aUser, "select * from smshook.hash_key", "denied"},
		{"authenticated", aUser, "select smshook.begin_message('{}')", "denied"},
		{"authenticated", aUser, "select smshook.messages('{\"limit\": 1}')", "denied"},
		{"authenticated", aUser, "select smshook.settle('{}')", "denied"},
		{"anon", aUser, view, "denied"},
		{"anon", aUser, counted, "denied"},
		{"service_role", aUser, "select count(*) from public.my_messages", "(4)"},
		{"service_role", aUser, counted, "(4)"},
		{"service_role", aUser, "select * from smshook.content", "denied"},
		{"service_role", aUser, "select * from smshook.hash_key", "denied"},
		{"service_role", aUser, "select smshook.messages('{\"limit\": 1}')", "denied"},
		{"smshook", aUser, counted, "denied"},
		{"smshook", aUser, "select * from auth.users", "denied"},
		{"smshook", aUser, view, "denied"},
		{"supabase_auth_admin", aUser, counted, "denied"},
		{"smshook_owner", aUser, "select * from auth.users", "denied"},
	} {
		require.Equal(t, tt.want, ask(tt.role, tt.user, tt.sql), "%s: %s", tt.role, tt.sql)
	}
	for _, role := range []string{"authenticated", "service_role", "smshook"} {
		for _, sql := range []string{"update smshook.message set state = 'read'", "delete from smshook.message", "insert into public.my_messages (id) values ('9')"} {
			require.Equal(t, "denied", func() string {
				tx, err := conn.Begin(t.Context())
				require.NoError(t, err)
				defer func() { _ = tx.Rollback(t.Context()) }()
				_, err = tx.Exec(t.Context(), "set local role "+role)
				require.NoError(t, err)
				if _, err = tx.Exec(t.Context(), sql); err != nil {
					require.ErrorContains(t, err, "SQLSTATE 42501")
					return "denied"
				}
				return "done"
			}(), "%s: %s", role, sql)
		}
	}
	// What smshook itself does goes on: the view is for others.
	d.Exec(t, fmt.Sprintf("insert into auth.users (id, phone_confirmed_at, confirmation_sent_at, confirmation_token) select '%s', now(), to_timestamp(asked_at / 1e6), '' from smshook.message where id = '2'", aUser))
	_, news, err := store.Sweep(t.Context())
	require.NoError(t, err)
	require.Len(t, news.Judged, 1)
	require.Equal(t, "2", news.Judged[0].ID)
}
