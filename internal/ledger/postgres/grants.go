package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// functions are those of the schema that the role smshook may call.
var functions = []string{
	"agree", "begin_message", "cancel", "check_hook", "claim", "count", "count_groups", "depth", "end", "erase", "flag", "held", "hello", "item", "keep_learnt", "learnt",
	"leave", "message", "messages", "put", "receipt", "refuse", "renew", "roll_up", "save", "settle", "sweep", "undecided", "write",
}

// roleGrants gives the role smshook its rights, whether it has them or not, at the end of each migration. Functions that belong to the administrator,
// as settle does, are granted where they are made.
func roleGrants() string {
	return fmt.Sprintf(`set local role smshook_owner;
grant usage on schema smshook to smshook;
do $$
declare
  f regprocedure;
begin
  for f in select p.oid from pg_catalog.pg_proc p where p.pronamespace = 'smshook'::pg_catalog.regnamespace
    and p.proowner = 'smshook_owner'::pg_catalog.regrole and p.proname in ('%s') loop
    execute pg_catalog.format('grant execute on function %%s to smshook', f);
  end loop;
end $$;
reset role;
`, strings.Join(functions, "', '"))
}

// missingGrant says what to do if the role of a connection may not call all functions of the schema; nil if it may.
func missingGrant(ctx context.Context, conn *pgx.Conn) error {
	var missing string
	err := conn.QueryRow(ctx, `select coalesce(string_agg(p.proname, ', ' order by p.proname), '') from pg_proc p
		where p.pronamespace = to_regnamespace('smshook') and p.proname = any($1) and not has_function_privilege(p.oid, 'execute')`,
		functions).Scan(&missing)
	if err != nil {
		return explain(err)
	}
	if missing != "" {
		return fmt.Errorf("the role may not call %s in the schema smshook: let SMSHOOK_STORE name the role smshook, "+
			"or run `smshook migrate`, which gives that role its rights again", missing)
	}
	return nil
}
