package postgres

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/smshook/smshook/internal/ledger"
)

const (
	// channel is where smshook.send_sms and smshook.put notify those who wait. https://www.postgresql.org/docs/current/sql-notify.html
	channel = "smshook"

	// pollHeard is how often a replica asks for items although notifications reach it: they are lost while its connection is made
	// again. pollDeaf is how often it asks if they don't reach it: a transaction pooler drops them silently.
	pollHeard = 500 * time.Millisecond
	pollDeaf  = 100 * time.Millisecond
	// pollSoon is how soon a replica asks again after a notification.
	pollSoon = 5 * time.Millisecond

	// tidyEvery is how often a replica looks for items of replicas that are gone.
	tidyEvery = 250 * time.Millisecond

	// worksFor is how long after its last claim a replica counts as one that sends what Auth asks for. A worker that has as much to do as it
	// can claims nothing for as long as a message may take.
	worksFor = 15 * time.Second
)

// alarm tells the workers of this process that there may be something to do.
type alarm struct {
	mu      sync.Mutex
	rung    int64 // how often it has rung
	rungAt  time.Time
	ringing chan struct{} // closed when it rings next
	wanted  bool          // somebody waits, or has waited
	hears   bool          // notifications come
	tidied  time.Time
	hooked  time.Time // the last claim of messages of the hook
	last    map[ledger.Topic]lastClaim
}

// lastClaim is what the last claim of a topic has found out.
type lastClaim struct {
	heard int64       // what had rung before it
	next  ledger.Time // when the next item is due; zero if there is none
}

func (b *alarm) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rung++
	b.rungAt = time.Now()
	if b.ringing != nil {
		close(b.ringing)
		b.ringing = nil
	}
}

// claims notes that items are about to be claimed. It returns what had rung before, and whether it is time to tidy up.
func (b *alarm) claims(topics []ledger.Topic) (heard int64, tidy bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if slices.Contains(topics, ledger.Hooked) {
		b.hooked = now
	}
	if tidy = now.Sub(b.tidied) >= tidyEvery; tidy {
		b.tidied = now
	}
	return b.rung, tidy
}

// claimed notes what a claim has found out.
func (b *alarm) claimed(topics []ledger.Topic, heard int64, next ledger.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last == nil {
		b.last = map[ledger.Topic]lastClaim{}
	}
	for _, t := range topics {
		b.last[t] = lastClaim{heard, next}
	}
}

// works reports whether this replica sends what Auth has put into the outbox.
func (b *alarm) works() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.hooked.IsZero() && time.Since(b.hooked) < worksFor
}

// wait returns how long a worker of these topics has to wait at most, and what ends its waiting earlier.
func (b *alarm) wait(topics []ledger.Topic, now ledger.Time) (most time.Duration, ringing <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wanted = true
	most = pollDeaf
	if b.hears {
		// Of several transactions at once, only one has notified: see smshook.wake. The others commit soon after it.
		most = min(pollHeard, max(pollSoon, time.Since(b.rungAt)))
	}
	for _, t := range topics {
		last, known := b.last[t]
		if !known || last.heard < b.rung {
			return 0, nil
		}
		if last.next != 0 {
			most = min(most, max(last.next.Sub(now), time.Millisecond))
		}
	}
	if b.ringing == nil {
		b.ringing = make(chan struct{})
	}
	return most, b.ringing
}

// Wait is described at [ledger.Queue].
func (q *Queue) Wait(ctx context.Context, topics []ledger.Topic) {
	most, ringing := q.store.alarm.wait(topics, q.store.now())
	if most == 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-ringing:
	case <-time.After(most):
	}
}

func (b *alarm) wants() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wanted
}

func (b *alarm) hear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hears = true
}

// deafen notes that the connection on which notifications come has ended, or that there is none.
func (b *alarm) deafen() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hears = false
}

// listener hears notifications on a connection.
type listener struct {
	store   *Store
	conn    *pgx.Conn
	listens bool
}

// hear rings the alarm at each notification, for some time. Before somebody waits for notifications, it only waits. An error means that the
// connection has ended.
func (l *listener) hear(ctx context.Context, most time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	if !l.store.alarm.wants() {
		<-ctx.Done()
		return nil
	}
	if !l.listens {
		if _, err := l.conn.Exec(ctx, "listen "+channel, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		l.listens = true
		go l.store.notifyItself(context.WithoutCancel(ctx))
	}
	for {
		n, err := l.conn.WaitForNotification(ctx)
		switch {
		case err != nil && l.conn.IsClosed():
			return err
		case err != nil: // the time is over
			return nil
		case n.Payload == "":
			l.store.alarm.ring()
		case n.Payload == l.store.name():
			l.store.alarm.hear()
		}
	}
}

// notifyItself finds out whether notifications reach this replica: a transaction pooler drops them. It uses another connection: the session of
// the database that a pooler gives for this statement may be the one that listens, and would answer at once.
func (s *Store) notifyItself(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	_, _ = s.pool.Exec(ctx, "select pg_notify($1, $2)", pgx.QueryExecModeExec, channel, s.name()) // without an answer, it goes on to ask often
}

// name is this replica in a notification.
func (s *Store) name() string { return strconv.Itoa(int(s.me)) }
