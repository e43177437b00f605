package postgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// parse reads the address of a database as libpq does. An error doesn't quote a password.
func parse(address string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, errAddress
	}
	return config, nil
}

// errAddress quotes nothing: in an address that can't be read, the password can't be found and hidden.
var errAddress = errors.New("want an address such as postgres://smshook:PASSWORD@HOST:5432/postgres; characters such as @ and / in the password are written as %40 and %2F")

// errTwice means that another transaction has just inserted the same row.
var errTwice = errors.New("postgres: the same row was inserted twice at once")

// explain says what to do about an error of the database. See https://www.postgresql.org/docs/current/errcodes-appendix.html.
func explain(err error) error {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Code {
	case "23505": // unique_violation
		return errTwice
	case "28P01", "28000": // invalid_password, invalid_authorization_specification
		return fmt.Errorf("the database refuses the role or its password (%s): correct them in the address; an administrator sets the password with `alter role smshook password '…'`", refused.Message)
	case "3D000": // invalid_catalog_name
		return fmt.Errorf("%s: correct the name at the end of the address; on Supabase it is postgres", refused.Message)
	case "3F000", "42883", "42P01": // invalid_schema_name, undefined_function, undefined_table
		return fmt.Errorf("the database has no schema of smshook, or an older one (%s): run `smshook migrate`", refused.Message)
	case "42501": // insufficient_privilege
		return fmt.Errorf("the role may not use the schema of smshook (%s): let SMSHOOK_STORE name the role smshook, or run `smshook migrate`", refused.Message)
	}
	return fmt.Errorf("postgres: %s (%s)", refused.Message, refused.Code)
}
