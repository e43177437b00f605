package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// connect makes one connection, on which no statement is prepared. An error says what to do, and is safe to log.
func connect(ctx context.Context, address string, mode pgx.QueryExecMode) (*pgx.Conn, *pgx.ConnConfig, error) {
	config, err := parse(address)
	if err != nil {
		return nil, nil, err
	}
	config.DefaultQueryExecMode = mode
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, nil, explain(err)
	}
	return conn, config, nil
}

// parse reads the address of a database as libpq does. An error doesn't quote a password.
func parse(address string) (*pgx.ConnConfig, error) {
	address, _ = withoutPgbouncer(address)
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, addressProblem(err)
	}
	return config, nil
}

// addressProblem says what is wrong with an address that pgx can't read. It quotes nothing of the address.
func addressProblem(err error) error {
	var file *fs.PathError
	switch {
	case errors.As(err, &file):
		return fmt.Errorf("a file that the address names (sslrootcert, sslcert or sslkey) can't be read: %w", file.Err)
	case strings.Contains(err.Error(), "unable to add CA to cert pool"):
		return errors.New("the file that sslrootcert names in the address has no certificate in PEM form")
	}
	return errAddress
}

// errAddress quotes nothing: in an address that can't be read, the password can't be found and hidden.
var errAddress = errors.New("want an address such as postgres://smshook:PASSWORD@HOST:5432/postgres; " +
	"characters such as @ and / in the password are written as %40 and %2F")

// askOnce calls a function of the schema. An error says what to do, and is safe to log.
func askOnce(ctx context.Context, conn *pgx.Conn, function string, question, answer any) error {
	text, err := json.Marshal(question)
	if err != nil {
		return err
	}
	var reply string
	if err := conn.QueryRow(ctx, "select smshook."+function+"($1::text::jsonb)::text", string(text)).Scan(&reply); err != nil {
		return explain(err)
	}
	return json.Unmarshal([]byte(reply), answer)
}

// closeSoon closes a connection even if ctx has ended, and doesn't wait long for it.
func closeSoon(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}
