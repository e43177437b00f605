package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

// Options are what a Ledger is opened with. All of them must be set, but for Full.
type Options struct {
	Path     string
	Full     bool // a power cut loses nothing, and each commit takes longer
	Settings ledger.Settings
	Keep     time.Duration // how long rows of messages are kept
	Sealer   *ledger.Sealer
	Counter  *policy.Memory // counts for the rate limits; it must be empty
	Clock    func() time.Time
	// Report is called, about once a minute at most, when the file could not be written. The error is safe to log, and since is how
	// many operations went on without the file since the last report.
	Report func(err error, since uint64)
}

// Ledger is a [ledger.Memory] that a file remembers. It may be used concurrently.
type Ledger struct {
	options    Options
	memory     *ledger.Memory
	hashing    hashing
	pending    *pending
	tasks      tasks
	queue      *Queue
	waitAtMost time.Duration
	db         *sql.DB
	rows       *rows
	reader     *Reader

	wiped bool // contents were removed since the log was truncated; for the goroutine that uses the file

	missed  atomic.Uint64 // operations that went on without the file
	behind  atomic.Bool   // an operation has waited without success, and nothing was written since
	closing chan struct{}
	closed  chan error // has the error of the end

	// Restored is how many messages were found in the file, and Unopened how many of them have contents that were sealed with a key
	// that is not known any more.
	Restored, Unopened int
}

// Open opens a file, or makes a new one, and takes back what it remembers. The error says what an operator has to do, and is safe to
// log. A file that can't be used is not changed.
func Open(o Options) (*Ledger, error) {
	ctx := context.Background()
	l := &Ledger{options: o, pending: newPending(), waitAtMost: waitAtMost, closing: make(chan struct{}), closed: make(chan error, 1)}
	l.memory = ledger.NewMemory(o.Settings, counter{l}, o.Clock)
	db, conn, err := open(ctx, o.Path, o.Full)
	if err != nil {
		return nil, err
	}
	l.db = db
	if err := l.load(ctx, conn); err != nil {
		return nil, errors.Join(reason(err), conn.Close(), db.Close())
	}
	if l.reader, err = read(o.Path, o.Clock); err != nil {
		return nil, errors.Join(err, conn.Close(), db.Close())
	}
	go l.write(ctx)
	return l, nil
}

// load takes back what the file remembers.
func (l *Ledger) load(ctx context.Context, conn *sql.Conn) (err error) {
	if err := conn.QueryRowContext(ctx, "select key from hashing").Scan((*[]byte)(&l.hashing)); err != nil {
		return err
	}
	if l.rows, err = newRows(ctx, conn, l.hashing, l.options.Sealer); err != nil {
		return err
	}
	if err := l.openQueue(ctx, conn); err != nil {
		return err
	}
	now := l.options.Clock()
	at := ledger.At(now)
	l.Unopened, err = l.rows.restore(ctx, at.Add(-l.options.Settings.Keep()), at, func(r ledger.Restored) {
		l.Restored++
		l.memory.Restore(r)
	})
	if err != nil {
		return err
	}
	if err := l.rows.restoreSeen(ctx, at.Add(-ledger.KeepSeen), l.memory.RestoreSeen); err != nil {
		return err
	}
	return l.rows.restoreCounters(ctx, now, func(rule policy.Rule, key uint64, until time.Time) {
		l.options.Counter.Restore(now, rule, key, until)
	})
}

// counter is the counter of the memory. It has hashes for keys, and what it counts is written.
type counter struct{ l *Ledger }

func (c counter) Take(ctx context.Context, now time.Time, charges []policy.Charge) (int, time.Duration, error) {
	hashed := make([]policy.Charge, len(charges))
	for i, charge := range charges {
		charge.Key = c.l.hashing.key(charge)
		hashed[i] = charge
	}
	over, after, err := c.l.options.Counter.Take(ctx, now, hashed)
	if over < 0 && err == nil {
		for _, charge := range hashed {
			c.l.pending.add(place{rule: charge.Rule, counter: charge.Key}, nil)
		}
	}
	return over, after, err
}

func (c counter) Forgotten() uint64 { return c.l.options.Counter.Forgotten() }

// Begin is described at [ledger.Ledger]. If the answer is to go, it is in the file before it is given.
func (l *Ledger) Begin(ctx context.Context, c ledger.Call) (ledger.Begun, error) {
	marks := l.hashing.marks(c)
	begun, err := l.memory.Begin(ctx, marks.hide(c))
	if err != nil {
		if !errors.Is(err, ledger.ErrReplayed) {
			l.pending.add(place{id: c.Message.ID}, &marks) // it was a call all the same
		}
		return begun, err
	}
	if begun.Repeat {
		l.pending.add(place{id: c.Message.ID}, nil)
		return begun, nil
	}
	written := l.pending.add(place{id: c.Message.ID}, &marks)
	if begun.Go {
		l.wait(written)
	}
	return begun, nil
}

// Attempt is described at [ledger.Ledger].
func (l *Ledger) Attempt(ctx context.Context, id string, a ledger.Attempt) error {
	err := l.memory.Attempt(ctx, id, a)
	l.wait(l.pending.add(place{id: id}, nil))
	return err
}

// End is described at [ledger.Ledger].
func (l *Ledger) End(ctx context.Context, e ledger.Ended) (ledger.Result, ledger.News, error) {
	result, news, err := l.memory.End(ctx, e)
	l.wait(l.pending.add(place{id: e.ID}, nil))
	return result, news, err
}

// Late is described at [ledger.Ledger].
func (l *Ledger) Late(ctx context.Context, id string, a ledger.Attempt) (bool, ledger.News, error) {
	accepted, news, err := l.memory.Late(ctx, id, a)
	l.wait(l.pending.add(place{id: id}, nil))
	return accepted, news, err
}

// Receipt is described at [ledger.Ledger].
func (l *Ledger) Receipt(ctx context.Context, instance, id string, r providers.Receipt) (ledger.News, error) {
	news, err := l.memory.Receipt(ctx, instance, id, r)
	l.wait(l.changed(id, news))
	return news, err
}

// Decided is described at [ledger.Ledger].
func (l *Ledger) Decided(ctx context.Context, id string) (ledger.Message, error) {
	return l.memory.Decided(ctx, id)
}

// Sweep is described at [ledger.Ledger]. What has expired in the file goes without it.
func (l *Ledger) Sweep(ctx context.Context) (bool, ledger.News, error) {
	more, news, err := l.memory.Sweep(ctx)
	l.changed("", news)
	return more, news, err
}

// Forgotten is described at [ledger.Ledger].
func (l *Ledger) Forgotten() uint64 { return l.memory.Forgotten() }

// Missed returns how many operations went on without the file since it could not be written in time.
func (l *Ledger) Missed() uint64 { return l.missed.Load() }

// changed has the messages written that news are about, and a message by its ID. It returns the last of them, which is written after
// the others; it need not be waited for if there is none.
func (l *Ledger) changed(id string, news ledger.News) *entry {
	last := nothing
	add := func(id string) {
		if id != "" {
			last = l.pending.add(place{id: id}, nil)
		}
	}
	add(id)
	for _, id := range news.Stop {
		add(id)
	}
	for _, report := range news.Reports {
		add(report.ID)
	}
	for _, m := range news.Judged {
		add(m.ID)
	}
	if news.Resend != nil {
		add(news.Resend.Message.ID)
	}
	return last
}

// nothing is an entry that need not be waited for.
var nothing = func() *entry {
	i := &entry{done: make(chan struct{})}
	close(i.done)
	return i
}()

// wait waits until an entry was written, but not for long, and not at all while the disk has kept another operation waiting.
func (l *Ledger) wait(i *entry) {
	if i == nil || l.behind.Load() && i != nothing || !i.wait(l.waitAtMost) {
		l.missed.Add(1)
		l.behind.Store(true)
	}
}

var _ ledger.Ledger = (*Ledger)(nil)
