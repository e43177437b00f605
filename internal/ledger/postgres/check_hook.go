package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Hook is what [CheckHook] finds out about the hook in SQL.
type Hook struct {
	Role    bool   `json:"role"`    // the database has Auth's usual role
	Granted bool   `json:"granted"` // that role may call the hook
	Worker  bool   `json:"worker"`  // a replica sends what Auth asks for
	Live    bool   `json:"live"`    // it can be seen which codes Auth has
	Message string `json:"message"` // why a call was refused; empty if it wasn't
}

// NoAuthRole says what to do in a database without Auth's usual role.
const NoAuthRole = "the database has no role supabase_auth_admin: as an administrator, run, with the role that Auth connects as: " +
	"grant usage on schema smshook to ROLE; grant execute on function smshook.send_sms(jsonb) to ROLE"

// CheckHook calls the hook in SQL as Auth would, and undoes what it has done. An error says what to do, and is safe to log.
func CheckHook(ctx context.Context, address string) (h Hook, err error) {
	conn, _, err := connect(ctx, address, pgx.QueryExecModeExec)
	if err != nil {
		return h, err
	}
	defer closeSoon(ctx, conn)
	// A number that Ofcom keeps for films: https://www.ofcom.org.uk/phones-and-broadband/phone-numbers/numbers-for-drama
	event := map[string]any{
		"metadata": map[string]any{"time": time.Now().Format(time.RFC3339Nano)},
		"sms":      map[string]any{"otp": "000000", "phone": "447700900123"},
	}
	err = askOnce(ctx, conn, "check_hook", map[string]any{"event": event}, &h)
	return h, err
}

// AuthRole reports whether the database has the role that Auth usually connects as.
func AuthRole(ctx context.Context, address string) (found bool, err error) {
	conn, _, err := connect(ctx, address, pgx.QueryExecModeExec)
	if err != nil {
		return false, err
	}
	defer closeSoon(ctx, conn)
	err = conn.QueryRow(ctx, "select exists (select from pg_catalog.pg_roles where rolname = 'supabase_auth_admin')").Scan(&found)
	if err != nil {
		err = explain(err)
	}
	return found, err
}
