// Package sqlite keeps what [ledger.Memory] knows in a file, so that a restart forgets nothing. The memory decides; the file
// remembers. Where the file can't be written, the memory goes on without it.
package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	driver "modernc.org/sqlite"
)

const (
	// application marks a file as ours, in SQLite's header: "smsh". https://www.sqlite.org/fileformat2.html#application_id
	application = 0x736d7368
	// version is that of the schema.
	version = 2
)

// schema is the file's. Numbers, accounts and the like are hashes with the file's own key. See rows.go for the columns.
const schema = `
create table hashing (key blob not null);
create table messages (
	n            integer primary key,
	id           text    not null unique,
	received_at  integer not null,
	user         integer not null,
	number       integer not null,
	mfa          integer not null,
	last_sign_in integer not null,
	stored       integer not null,
	expires_at   integer not null,
	country      text    not null,
	instance     text    not null,
	kind         text    not null,
	rule         text    not null,
	word         text    not null, -- the State of the record, without regard to the time
	state        text    not null,
	facts        text -- ledger.Facts; empty while it is queued or being sent, and null if version 1 has written it
);
create index messages_received_at on messages (received_at, id);
create index messages_user        on messages (user, received_at, id);
create index messages_number      on messages (number, received_at, id);
create index messages_country     on messages (country, received_at, id);
create index messages_instance    on messages (instance, received_at, id);
create index messages_kind        on messages (kind, received_at, id);
create index messages_rule        on messages (rule, received_at, id) where rule <> '';
create index messages_word        on messages (word, received_at, id);
create table names (
	key     integer not null, -- of an instance's name for a message
	message integer not null,
	primary key (key, message)
) without rowid;
create index names_message on names (message);
create table contents (
	id         text    primary key,
	expires_at integer not null,
	sealed     blob    not null
) without rowid;
create index contents_expires_at on contents (expires_at);
create table counters (
	rule  text    not null,
	key   integer not null,
	until integer not null,
	primary key (rule, key)
) without rowid;
create index counters_until on counters (until);
` + queueSchema + learntSchema + rollupSchema

// fromVersion1 makes a file of version 1 one of this version.
var fromVersion1 = fmt.Sprintf("alter table messages add column facts text; %s; pragma user_version = %d", rollupSchema, version)

// The errors of a file that can't be used. They say what to do, and are safe to log.
var (
	errFolder = errors.New("the folder of the file doesn't exist, or smshook may not write to it: " +
		"mount a volume there that its user (65532 in the image) may write to")
	errFile    = errors.New("smshook may not read and write the file: give it to smshook's user (65532 in the image)")
	errForeign = errors.New("the file is not one of smshook's; nothing in it was changed: name another file, or none that exists")
	errNewer   = errors.New("the file was written by a newer version of smshook; nothing in it was changed: start that version, or name another file")
	errCorrupt = errors.New("the file is damaged: move it away, with the files -wal and -shm beside it, and start again; " +
		"what it remembers is then forgotten")
	errFull   = errors.New("the disk is full: make room for the file")
	errBusy   = errors.New("another process holds the file: stop it, or name another file")
	errBroken = errors.New("the disk fails to read or write the file")
	errOlder  = errors.New("the file was written by an older version of smshook, which counts nothing: start serve of this version with it")
)

// Result codes of SQLite that say what an operator can do. https://www.sqlite.org/rescode.html
var reasons = map[int]error{
	1:  errCorrupt, // SQLITE_ERROR: a table is missing
	3:  errFile,    // SQLITE_PERM
	5:  errBusy,    // SQLITE_BUSY
	6:  errBusy,    // SQLITE_LOCKED
	8:  errFile,    // SQLITE_READONLY
	10: errBroken,  // SQLITE_IOERR
	11: errCorrupt, // SQLITE_CORRUPT
	13: errFull,    // SQLITE_FULL
	14: errFolder,  // SQLITE_CANTOPEN
	26: errForeign, // SQLITE_NOTADB
}

// reason returns what an operator can do about an error of SQLite.
func reason(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errCorrupt
	}
	var failed *driver.Error
	if errors.As(err, &failed) {
		if known := reasons[failed.Code()&0xff]; known != nil { // the rest of the bits tell more about it
			return known
		}
		return fmt.Errorf("SQLite refuses with code %d", failed.Code())
	}
	return err
}

// Check reports whether a file can be opened, and whether there is one. It changes nothing.
func Check(path string) (exists bool, err error) {
	exists, err = peek(path)
	if err != nil {
		return exists, err
	}
	probe, err := os.CreateTemp(filepath.Dir(path), ".smshook-*") // SQLite needs other files beside
	if err != nil {
		return exists, errFolder
	}
	return exists, errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// header is the start of every file of SQLite's. https://www.sqlite.org/fileformat2.html#the_database_header
const header = "SQLite format 3\x00"

// peek reads whose file it is, without SQLite, which would change a file even as it opens it: it plays back the log beside it.
func peek(path string) (exists bool, err error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		if _, err := os.Stat(path); err != nil { // the folder can't even be searched
			return true, errFolder
		}
		return true, errFile
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return true, errForeign
	}
	first := make([]byte, 100)
	n, err := io.ReadFull(file, first)
	switch {
	case n == 0 && errors.Is(err, io.EOF):
		return false, nil // an empty file is as good as none
	case err != nil, string(first[:len(header)]) != header, binary.BigEndian.Uint32(first[68:]) != application:
		return true, errForeign
	case binary.BigEndian.Uint32(first[60:]) > version:
		return true, errNewer
	}
	return true, nil
}

// mustExist returns why a file can't be used; also if there is none.
func mustExist(path string) error {
	exists, err := peek(path)
	if err == nil && !exists {
		err = ErrNoFile
	}
	return err
}

// open returns the one connection to a file. If there is no file, it makes one that only its user can read.
func open(ctx context.Context, path string, full bool) (*sql.DB, *sql.Conn, error) {
	exists, err := peek(path)
	if err != nil {
		return nil, nil, err
	}
	if !exists {
		if err := create(ctx, path); err != nil {
			return nil, nil, err
		}
	}
	db, conn, err := connect(ctx, path, full)
	if err != nil {
		return nil, nil, reason(err)
	}
	if err := upgrade(ctx, conn); err != nil {
		return nil, nil, errors.Join(reason(err), conn.Close(), db.Close())
	}
	return db, conn, nil
}

// upgrade makes a file of an older version one of this version.
func upgrade(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "pragma journal_mode = wal; "+learntSchema); err != nil {
		return err
	}
	if is, err := versionOf(ctx, conn); err != nil || is == version {
		return err
	}
	err := (&rows{conn: conn}).in(ctx, func() error {
		if is, err := versionOf(ctx, conn); err != nil || is == version { // another process has done it
			return err
		}
		_, err := conn.ExecContext(ctx, fromVersion1)
		return err
	})
	if err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "pragma wal_checkpoint(truncate)") // peek looks for the version in the file itself, and not in the log beside it
	return err
}

func versionOf(ctx context.Context, from interface {
	QueryRowContext(ctx context.Context, query string, values ...any) *sql.Row
}) (is int, err error) {
	err = from.QueryRowContext(ctx, "pragma user_version").Scan(&is)
	return is, err
}

// connect opens a file. Of a power cut, NORMAL may lose the last commits, but never the file's consistency; of a killed process, it
// loses nothing. FULL loses nothing in either case. https://www.sqlite.org/pragma.html#pragma_synchronous
func connect(ctx context.Context, path string, full bool) (*sql.DB, *sql.Conn, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, nil, errFolder
	}
	synchronous := "synchronous(normal)"
	if full {
		synchronous = "synchronous(full)"
	}
	settings := url.Values{
		"_pragma": {"busy_timeout(5000)", synchronous, "secure_delete(on)", "temp_store(memory)"},
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: absolute, RawQuery: settings.Encode()}).String())
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, conn, nil
}

// create makes a new file. It is made beside its place and then moved there: a file that is there is whole.
func create(ctx context.Context, path string) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".smshook-*") // with mode 0600; the files that SQLite puts beside have the same
	if err != nil {
		return errFolder
	}
	defer os.Remove(file.Name())
	if err := file.Close(); err != nil {
		return errBroken
	}
	db, conn, err := connect(ctx, file.Name(), true)
	if err != nil {
		return reason(err)
	}
	var key [32]byte
	rand.Read(key[:]) // it never fails
	_, err = conn.ExecContext(ctx, fmt.Sprintf("begin immediate; pragma application_id = %d; pragma user_version = %d; %s; insert into hashing values (x'%x'); commit",
		application, version, schema, key))
	if err := errors.Join(err, conn.Close(), db.Close()); err != nil {
		return reason(err)
	}
	if os.Rename(file.Name(), path) != nil {
		return errFolder
	}
	return nil
}
