package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

// Queue is a [ledger.Queue] in the file of a [Ledger]. All operations that wait for the file at the same time share a transaction. One
// process has the file, so a restart ends all claims.
type Queue struct {
	l    *Ledger
	rows *queueRows
	room int // for items

	// These are used by the goroutine that uses the file.
	items   int   // in the file
	claims  int64 // the number of the last claim; it is larger in each process than in those before
	claimed map[ledger.Topic]int

	mu      sync.Mutex
	next    map[ledger.Topic]ledger.Time // when the next item is due, or was
	changed chan struct{}                // is closed when next has changed
}

// maxItems is how many items there is room for.
const maxItems = 1 << 20

// never is later than all times.
const never ledger.Time = math.MaxInt64

// openQueue returns the queue of a file, with the items that a process has left there.
func (l *Ledger) openQueue(ctx context.Context, conn *sql.Conn) (err error) {
	q := &Queue{
		l:       l,
		room:    maxItems,
		claims:  time.Now().UnixMicro(),
		claimed: map[ledger.Topic]int{},
		next:    map[ledger.Topic]ledger.Time{},
		changed: make(chan struct{}),
	}
	if q.rows, err = newQueueRows(ctx, conn); err != nil {
		return err
	}
	q.items, err = q.rows.reclaim(ctx, conn)
	l.queue = q
	return err
}

// Queue returns the queue in the same file.
func (l *Ledger) Queue() *Queue { return l.queue }

func (q *Queue) now() ledger.Time { return ledger.At(q.l.options.Clock()) }

// do runs a function in a transaction, and then done, which is told whether the caller has left.
func (q *Queue) do(ctx context.Context, run func(context.Context) error, done func(left bool)) error {
	err := q.l.do(ctx, run, done)
	if err == nil || errors.Is(err, ctx.Err()) {
		return err
	}
	return reason(err)
}

// Put is described at [ledger.Queue], and so are the others.
func (q *Queue) Put(ctx context.Context, items ...ledger.Item) error {
	if err := ledger.CheckItems(items); err != nil {
		return err
	}
	full, added := false, 0
	err := q.do(ctx, func(ctx context.Context) error {
		if full = q.items+len(items) > q.room; full {
			return nil
		}
		now := q.now()
		for _, i := range items {
			n, err := q.rows.add(ctx, i, now)
			if err != nil {
				return err
			}
			added += n
		}
		return nil
	}, func(bool) {
		q.items += added
		for _, i := range items {
			q.dueAt(i.Topic, i.Due())
		}
	})
	switch {
	case err != nil:
		return err
	case full:
		return ledger.ErrQueueFull
	}
	return nil
}

// dueAt notes when an item can be claimed. Those who wait go on if that is sooner than they know.
func (q *Queue) dueAt(topic ledger.Topic, at ledger.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if at < q.next[topic] {
		q.next[topic] = at
		close(q.changed)
		q.changed = make(chan struct{})
	}
}

// nextDueAt notes when the next item of a topic can be claimed.
func (q *Queue) nextDueAt(topic ledger.Topic, at ledger.Time) {
	q.mu.Lock()
	q.next[topic] = max(q.next[topic], at)
	q.mu.Unlock()
	q.dueAt(topic, at)
}

// Claim is described at [ledger.Queue].
func (q *Queue) Claim(ctx context.Context, topics []ledger.Topic, most int) (claimed []ledger.Claimed, err error) {
	most = min(most, ledger.MaxClaim)
	if most <= 0 || len(topics) == 0 {
		return nil, nil
	}
	var next map[ledger.Topic]ledger.Time
	err = q.do(ctx, func(ctx context.Context) (err error) {
		q.claims++
		claimed, next, err = q.rows.take(ctx, topics, q.now(), most, q.claims)
		return err
	}, func(left bool) {
		for _, topic := range topics {
			q.nextDueAt(topic, next[topic])
		}
		for _, c := range claimed {
			q.claimed[c.Topic]++
		}
		if left {
			q.giveBack(claimed)
		}
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// giveBack ends claims that nobody has heard of.
func (q *Queue) giveBack(claimed []ledger.Claimed) {
	if len(claimed) == 0 {
		return
	}
	go func() {
		for _, c := range claimed {
			for {
				_, err := q.End(context.Background(), c, ledger.ItemEnd{Again: c.DueAt})
				if err == nil || errors.Is(err, errEnded) { // after the end of the process, no claim holds
					break
				}
				time.Sleep(retryAfter)
			}
		}
	}()
}

// End is described at [ledger.Queue].
func (q *Queue) End(ctx context.Context, c ledger.Claimed, e ledger.ItemEnd) (held bool, err error) {
	if state := e.Ended(); state != ledger.ItemWaiting {
		return q.end(ctx, c.ID, ledger.ItemClaimed, c.Claim, state, e)
	}
	err = q.do(ctx, func(ctx context.Context) (err error) {
		held, err = changes(ctx, q.rows.again, int64(e.Again), c.ID, c.Claim)
		return err
	}, func(bool) {
		if held {
			q.claimed[c.Topic]--
			q.dueAt(c.Topic, min(e.Again, c.ExpiresAt))
		}
	})
	if err != nil {
		return false, err
	}
	return held, nil
}

// Cancel is described at [ledger.Queue].
func (q *Queue) Cancel(ctx context.Context, id string, e ledger.ItemEnd) (canceled bool, err error) {
	return q.end(ctx, id, ledger.ItemWaiting, 0, ledger.ItemCanceled, e)
}

// end ends an item that is in a state.
func (q *Queue) end(
	ctx context.Context, id string, from ledger.ItemState, claim int64, to ledger.ItemState, e ledger.ItemEnd,
) (ended bool, err error) {
	var topic ledger.Topic
	var freed *freedItem
	err = q.do(ctx, func(ctx context.Context) (err error) {
		now := q.now()
		ended, topic, freed, err = q.rows.end(ctx, id, from, claim, to, e.Body, now.Add(e.Keep), now)
		return err
	}, func(bool) {
		if !ended {
			return
		}
		q.l.wiped = true
		if from == ledger.ItemClaimed {
			q.claimed[topic]--
		}
		if e.Keep <= 0 {
			q.items--
		}
		if freed != nil {
			q.dueAt(freed.topic, freed.due)
		}
	})
	if err != nil {
		return false, err
	}
	return ended, nil
}

// Item is described at [ledger.Queue].
func (q *Queue) Item(ctx context.Context, id string) (i ledger.Item, state ledger.ItemState, found bool, err error) {
	err = q.do(ctx, func(ctx context.Context) error {
		c, _, err := scanItem(q.rows.item.QueryRowContext(ctx, id, int64(q.now())), &state)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		i, found = c.Item, err == nil
		return err
	}, nil)
	if err != nil {
		return ledger.Item{}, 0, false, err
	}
	return i, state, found, nil
}

// Wait is described at [ledger.Queue].
func (q *Queue) Wait(ctx context.Context, topics []ledger.Topic) {
	const most = time.Second
	now, pause := q.now(), most
	q.mu.Lock()
	changed := q.changed
	for _, topic := range topics {
		if next := q.next[topic]; next < now.Add(most) {
			pause = min(pause, next.Sub(now))
		}
	}
	q.mu.Unlock()
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Depth is described at [ledger.Queue].
func (q *Queue) Depth(ctx context.Context) (all map[ledger.Topic]ledger.Depth, err error) {
	err = q.do(ctx, func(ctx context.Context) (err error) {
		all, err = q.rows.depth(ctx, q.now())
		return err
	}, func(bool) {
		for topic, n := range q.claimed {
			d := all[topic]
			d.Claimed = n
			all[topic] = d
		}
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

var _ ledger.Queue = (*Queue)(nil)
