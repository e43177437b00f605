package sqlite

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// maxTasks is how many operations of the [Queue] can wait for the file.
const maxTasks = 1 << 12

// maxTogether is how many of them share a transaction.
const maxTogether = 512

var (
	errBusyQueue = errors.New("too many operations wait for the file")
	errEnded     = errors.New("the file was closed")
)

// task is an operation of the [Queue], for the goroutine that uses the file.
type task struct {
	run  func(ctx context.Context) error // in a transaction that others share
	done func(left bool)                 // after the commit; left: nobody waits for the result. May be nil
	err  chan error                      // has the error after the commit
	gone atomic.Bool                     // has been decided: by the writer, or by a caller who has left
}

// tasks are those that wait. It may be used concurrently.
type tasks struct {
	mu     sync.Mutex
	list   []*task
	closed bool
}

func (ts *tasks) add(t *task) error {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	switch {
	case ts.closed:
		return errEnded
	case len(ts.list) == maxTasks:
		return errBusyQueue
	}
	ts.list = append(ts.list, t)
	return nil
}

// take returns the oldest tasks, and whether more are left. What its caller has given up is not begun.
func (ts *tasks) take() (taken []*task, more bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	n := min(len(ts.list), maxTogether)
	for _, t := range ts.list[:n] {
		if !t.gone.Load() {
			taken = append(taken, t)
		}
	}
	if ts.list = ts.list[n:]; len(ts.list) == 0 {
		ts.list = nil
	}
	return taken, ts.list != nil
}

// empty reports whether nothing waits.
func (ts *tasks) empty() bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return len(ts.list) == 0
}

// close refuses further tasks.
func (ts *tasks) close() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.closed = true
}

// do has the writer run a function in a transaction, and returns after the commit, or as soon as ctx ends. After the commit, done is
// called in the writer's goroutine.
func (l *Ledger) do(ctx context.Context, run func(context.Context) error, done func(left bool)) error {
	t := &task{run: run, done: done, err: make(chan error, 1)}
	if err := l.tasks.add(t); err != nil {
		return err
	}
	l.pending.wake()
	select {
	case err := <-t.err:
		return err
	case <-ctx.Done():
		if t.gone.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-t.err
	}
}

// finish tells the caller of a task what came of it.
func (t *task) finish(err error) {
	here := t.gone.CompareAndSwap(false, true)
	if err == nil && t.done != nil {
		t.done(!here)
	}
	t.err <- err
}
