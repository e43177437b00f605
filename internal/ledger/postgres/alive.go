package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
)

// lockClass is the first half of the advisory locks that replicas hold; the second is the replica.
const lockClass = 20821

// stayAlive shows the other replicas that this one is alive, until ctx ends: by a lease, and by a lock of the session on a connection
// of its own, which also listens for new items of the queue. The lock is gone as soon as the process is; the lease also ends if the host
// is lost and the database hasn't noticed.
func (s *Store) stayAlive(ctx context.Context, config *pgx.ConnConfig) {
	defer close(s.stopped)
	const first = 10 * time.Millisecond
	pause := first
	for ctx.Err() == nil {
		renewed, err := s.holdLock(ctx, config)
		if renewed {
			pause = first
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		most := renewEvery
		if refused(err, "28", "3D", "3F", "42") { // the password, the database, the schema or a grant has to be put right
			most = refusedFor
		}
		pause = min(2*pause, most)
	}
}

// holdLock holds the lock, and renews the lease, as long as the connection lasts. It reports whether the lease was renewed. The error is why the
// connection has ended, or could not be made; nil if ctx has ended.
func (s *Store) holdLock(ctx context.Context, config *pgx.ConnConfig) (renewed bool, err error) {
	if err := s.refusal.recent(); err != nil {
		return false, err
	}
	connecting, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	conn, err := pgx.ConnectConfig(connecting, config)
	if err != nil {
		s.refusal.note(err)
		return false, err
	}
	defer closeSoon(ctx, conn)
	if err := s.detectPooler(connecting, conn); err != nil {
		return false, err
	}
	locked := s.mode() != pgx.QueryExecModeExec || !s.pooled.Load() && config.Port != transactionPort
	if locked {
		if _, err := conn.Exec(connecting, "select pg_advisory_lock($1, $2)", pgx.QueryExecModeExec, lockClass, s.me); err != nil {
			return false, err
		}
	}
	defer s.wakeups.setNotified(false)
	l := listener{store: s, conn: conn}
	for {
		if err := s.renew(ctx, conn, locked); err != nil {
			return renewed, err
		}
		renewed = true
		if err := l.listen(ctx, renewEvery); err != nil || ctx.Err() != nil {
			return renewed, err
		}
	}
}

// sign is what a replica tells of itself, as smshook.renew takes it.
type sign struct {
	Me     int32 `json:"me"`
	Lease  int64 `json:"lease"`
	Locked bool  `json:"locked"`
	Works  bool  `json:"works"` // it sends what Auth has put into the outbox
}

func (s *Store) renew(ctx context.Context, conn *pgx.Conn, locked bool) error {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	text, err := json.Marshal(sign{s.me, lease.Microseconds(), locked, s.wakeups.works()})
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "select smshook.renew($1::text::jsonb)", pgx.QueryExecModeExec, string(text))
	return err
}
