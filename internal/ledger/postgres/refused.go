package postgres

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// refusedFor is how long no connection is tried after the database has refused the role or its password. Supabase bans hosts that come with
// a wrong password again and again.
const refusedFor = 8 * time.Second

// refusal remembers that the database has refused the role or its password. It may be used concurrently.
type refusal struct {
	mu    sync.Mutex
	err   error
	until time.Time
}

// recent returns why no connection may be tried now; nil if one may be.
func (r *refusal) recent() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Now().Before(r.until) {
		return r.err
	}
	return nil
}

// note notes why a connection could not be made.
func (r *refusal) note(err error) {
	if !refused(err, "28") || r.recent() != nil { // the error may be that of recent
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err, r.until = err, time.Now().Add(refusedFor)
}

// refused reports whether the database's answer is an error of one of some classes, the first two characters of its code:
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func refused(err error, classes ...string) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && len(answer.Code) == 5 && slices.Contains(classes, answer.Code[:2])
}
