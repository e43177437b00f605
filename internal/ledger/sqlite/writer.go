package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

const (
	// tidyEvery is how often the file is searched for what has expired.
	tidyEvery = time.Second
	// truncateEvery is how long wiped contents, sealed as they are, can stay in the file's log.
	truncateEvery = time.Minute
	// rollUpTime is how long messages are rolled up each second, and rollUpBatch how many of them in one transaction.
	rollUpTime  = 50 * time.Millisecond
	rollUpBatch = 500
	// retryAfter is how long the writer waits after a failure.
	retryAfter  = time.Second
	reportEvery = time.Minute
	// closeFor is how long the end waits for a disk that fails.
	closeFor = 2 * time.Second
)

// errClosed means that not everything was written before the end.
var errClosed = errors.New("the last messages could not be written")

// errSlow is reported where no write has failed.
var errSlow = errors.New("the disk takes longer than 150 ms to write the file")

// writer is the one goroutine that uses the file.
type writer struct {
	*Ledger
	failed     error // of the last write
	reported   time.Time
	told       uint64 // operations that were missed up to the last report
	truncated  time.Time
	quarantine time.Time // no write before
}

// write writes what waits, as much as there is in one transaction: the more wait, the less each of them costs.
func (l *Ledger) write(ctx context.Context) {
	w := &writer{Ledger: l, truncated: time.Now()}
	tidy := time.NewTicker(tidyEvery)
	defer tidy.Stop()
	for {
		select {
		case <-l.pending.some:
			w.flush(ctx)
		case <-tidy.C:
			w.tidy(ctx)
		case <-l.closing:
			l.closed <- w.end(ctx)
			return
		}
	}
}

// flush writes the oldest entries, and runs the oldest tasks.
func (w *writer) flush(ctx context.Context) {
	tasks, more := w.tasks.take()
	if time.Now().Before(w.quarantine) {
		for _, t := range tasks {
			t.finish(w.failed)
		}
		return // tidy wakes the writer again
	}
	entries := w.pending.take()
	if len(entries) == 0 && len(tasks) == 0 {
		return
	}
	err := w.rows.in(ctx, func() error {
		for _, i := range entries {
			if err := w.entry(ctx, i); err != nil {
				return err
			}
		}
		for _, t := range tasks {
			if err := t.run(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.quarantine = time.Now().Add(retryAfter)
	}
	w.note(err)
	w.pending.finish(entries, err)
	for _, t := range tasks {
		t.finish(err)
	}
	if more {
		w.pending.wake()
	}
}

func (w *writer) entry(ctx context.Context, i *entry) error {
	if i.id == "" {
		until := w.options.Counter.Until(i.rule, i.counter)
		if until.IsZero() { // forgotten in the meantime
			return nil
		}
		return w.rows.counter(ctx, i.rule, i.counter, until)
	}
	m, known := w.memory.Export(i.id)
	if !known { // forgotten in the meantime, or never known
		return nil
	}
	return w.rows.message(ctx, m, i.marks)
}

// note notes how a write went.
func (w *writer) note(err error) {
	if w.failed = err; err == nil {
		w.behind.Store(false)
	}
}

// tidy removes what has expired, and wakes the writer after a failure.
func (w *writer) tidy(ctx context.Context) {
	w.report()
	if !w.pending.empty() {
		w.pending.wake()
	}
	if time.Now().Before(w.quarantine) {
		return
	}
	more := true
	for range 10 { // and the rest a second later: others wait
		if !more {
			break
		}
		forgotten := 0
		err := w.rows.in(ctx, func() (err error) {
			var wiped int64
			wiped, more, err = w.rows.removeExpired(ctx, w.options.Clock(), w.options.Keep)
			w.wiped = w.wiped || wiped > 0
			if err != nil {
				return err
			}
			const batch = 1000
			forgotten, err = forgetEnded(ctx, w.rows.conn, w.options.Clock(), batch)
			more = more || forgotten == batch
			return err
		})
		if err != nil {
			w.note(err)
			return
		}
		w.queue.items -= forgotten
	}
	if w.wiped && time.Since(w.truncated) >= truncateEvery {
		w.truncate(ctx)
	}
	w.rollUp(ctx)
}

// rollUp rolls up messages. Writes wait meanwhile: what isn't done in time is left for the next second.
func (w *writer) rollUp(ctx context.Context) {
	for begun := time.Now(); time.Since(begun) < rollUpTime; {
		more, err := w.rows.rollUp(ctx, ledger.At(w.options.Clock()), rollUpBatch)
		if err != nil {
			w.note(err)
		}
		if !more {
			return
		}
	}
}

// truncate moves the log into the file, and empties the log.
func (w *writer) truncate(ctx context.Context) {
	w.truncated = time.Now()
	var busy, frames, moved int
	err := w.rows.conn.QueryRowContext(ctx, "pragma wal_checkpoint(truncate)").Scan(&busy, &frames, &moved)
	w.note(err)
	if err == nil && busy == 0 {
		w.wiped = false
	}
}

// report says now and then that the file could not be written.
func (w *writer) report() {
	missed := w.missed.Load()
	if missed == w.told || time.Since(w.reported) < reportEvery {
		return
	}
	err := errSlow
	if w.failed != nil {
		err = reason(w.failed)
	}
	w.options.Report(err, missed-w.told)
	w.reported, w.told = time.Now(), missed
}

// end writes what waits and closes the file.
func (w *writer) end(ctx context.Context) error {
	var err error
	w.tasks.close()
	for until := time.Now().Add(closeFor); !w.pending.empty() || !w.tasks.empty(); {
		if time.Now().After(until) {
			err = errClosed
			if w.failed != nil {
				err = reason(w.failed)
			}
			break
		}
		w.quarantine = time.Time{}
		if w.flush(ctx); w.failed != nil {
			time.Sleep(retryAfter / 10)
		}
	}
	for {
		tasks, more := w.tasks.take()
		for _, t := range tasks {
			t.finish(errEnded)
		}
		if !more {
			break
		}
	}
	w.truncate(ctx)
	return errors.Join(err, w.reader.Close(), w.rows.conn.Close(), w.db.Close())
}

// Close writes what waits and closes the file. No operation may come after it.
func (l *Ledger) Close() error {
	close(l.closing)
	return <-l.closed
}
