package postgres

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// errTwice means that another transaction has just inserted the same row.
var errTwice = errors.New("postgres: the same row was inserted twice at once")

// explain says what to do about an error of the database. See https://www.postgresql.org/docs/current/errcodes-appendix.html.
func explain(err error) error {
	var unknown *tls.CertificateVerificationError
	if errors.As(err, &unknown) {
		return fmt.Errorf("the certificate of the database doesn't prove that it is the host of the address (%w): "+
			"let sslrootcert in the address name a file with the certificate of its CA; "+
			"on Supabase it is in the dashboard, Database Settings, SSL Configuration", unknown.Err)
	}
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Code {
	case "23505": // unique_violation
		return errTwice
	case "28P01", "28000": // invalid_password, invalid_authorization_specification
		return fmt.Errorf("the database refuses the role or its password (%s): correct them in the address; "+
			"an administrator sets the password with `alter role smshook password '…'`", refused.Message)
	case "3D000": // invalid_catalog_name
		return fmt.Errorf("%s: correct the name at the end of the address; on Supabase it is postgres", refused.Message)
	case "3F000", "42883", "42P01": // invalid_schema_name, undefined_function, undefined_table
		return fmt.Errorf("the database has no schema of smshook, or an older one (%s): run `smshook migrate`", refused.Message)
	case "42501": // insufficient_privilege
		return fmt.Errorf("the role may not use the schema of smshook (%s): let SMSHOOK_STORE name the role smshook, "+
			"or run `smshook migrate`, which gives that role its rights again", refused.Message)
	}
	return fmt.Errorf("postgres: %s (%s)", refused.Message, refused.Code)
}
