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
	// channel is where smshook.send_sms and smshook.put notify the workers. https://www.postgresql.org/docs/current/sql-notify.html
	channel = "smshook"

	// pollNotified is how often a replica asks for items although notifications reach it: they are lost while its connection is made
	// again. pollAlone is how often it asks if they don't reach it: a transaction pooler drops them silently.
	pollNotified = 500 * time.Millisecond
	pollAlone    = 100 * time.Millisecond
	// pollSoon is how soon a replica asks again after a notification.
	pollSoon = 5 * time.Millisecond

	// tidyEvery is how often a replica looks for items of replicas that are gone.
	tidyEvery = 250 * time.Millisecond

	// worksFor is how long after its last claim a replica counts as one that sends what Auth asks for. A worker that has as much to do
	// as it can claims nothing for as long as a message may take.
	worksFor = 15 * time.Second
)

// wakeups wake the workers of this process when there may be something to do.
type wakeups struct {
	mu       sync.Mutex
	count    int64
	lastAt   time.Time
	next     chan struct{} // closed at the next wakeup; nil if nobody waits for it
	wanted   bool          // a worker waits, or has waited
	notified bool          // notifications reach this replica
	tidiedAt time.Time
	hookedAt time.Time // the last claim of messages of the hook
	claims   map[ledger.Topic]lastClaim
}

// lastClaim is what the last claim of a topic has found out.
type lastClaim struct {
	wakeups int64       // how many there had been before it
	next    ledger.Time // when the next item is due; zero if there is none
}

func (w *wakeups) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
	w.lastAt = time.Now()
	if w.next != nil {
		close(w.next)
		w.next = nil
	}
}

// claiming notes that items are about to be claimed. It returns how many wakeups there were before, and whether it is time to tidy up.
func (w *wakeups) claiming(topics []ledger.Topic) (before int64, tidy bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if slices.Contains(topics, ledger.Hooked) {
		w.hookedAt = now
	}
	if tidy = now.Sub(w.tidiedAt) >= tidyEvery; tidy {
		w.tidiedAt = now
	}
	return w.count, tidy
}

// claimed notes what a claim has found out.
func (w *wakeups) claimed(topics []ledger.Topic, c lastClaim) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.claims == nil {
		w.claims = map[ledger.Topic]lastClaim{}
	}
	for _, t := range topics {
		w.claims[t] = c
	}
}

// works reports whether this replica sends what Auth has put into the outbox.
func (w *wakeups) works() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.hookedAt.IsZero() && time.Since(w.hookedAt) < worksFor
}

// wait returns how long a worker of these topics has to wait at most, and what ends its waiting earlier.
func (w *wakeups) wait(topics []ledger.Topic, now ledger.Time) (most time.Duration, next <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wanted = true
	most = pollAlone
	if w.notified {
		// Of several transactions at once, only one has notified: see smshook.wake. The others commit soon after it.
		most = min(pollNotified, max(pollSoon, time.Since(w.lastAt)))
	}
	for _, t := range topics {
		last, known := w.claims[t]
		if !known || last.wakeups < w.count {
			return 0, nil
		}
		if last.next != 0 {
			most = min(most, max(last.next.Sub(now), time.Millisecond))
		}
	}
	if w.next == nil {
		w.next = make(chan struct{})
	}
	return most, w.next
}

// Wait is described at [ledger.Queue].
func (q *Queue) Wait(ctx context.Context, topics []ledger.Topic) {
	most, next := q.store.wakeups.wait(topics, q.store.now())
	if most == 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-next:
	case <-time.After(most):
	}
}

func (w *wakeups) areWanted() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wanted
}

// setNotified notes whether notifications reach this replica.
func (w *wakeups) setNotified(notified bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notified = notified
}

// listener listens for notifications on a connection.
type listener struct {
	store     *Store
	conn      *pgx.Conn
	listening bool
}

// listen wakes the workers at each notification, for some time. Before a worker waits for notifications, it only waits. An error means
// that the connection has ended.
func (l *listener) listen(ctx context.Context, most time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	if !l.store.wakeups.areWanted() {
		<-ctx.Done()
		return nil
	}
	if !l.listening {
		if _, err := l.conn.Exec(ctx, "listen "+channel, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		l.listening = true
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
			l.store.wakeups.wake()
		case n.Payload == l.store.name():
			l.store.wakeups.setNotified(true)
		}
	}
}

// notifyItself finds out whether notifications reach this replica: a transaction pooler drops them. It uses another connection: the
// session of the database that a pooler gives for this statement may be the one that listens, and would answer at once.
func (s *Store) notifyItself(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	// If it fails, the replica goes on to ask often.
	_, _ = s.pool.Exec(ctx, "select pg_notify($1, $2)", pgx.QueryExecModeExec, channel, s.name())
}

// name is this replica in a notification.
func (s *Store) name() string { return strconv.Itoa(int(s.me)) }
