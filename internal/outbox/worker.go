// Package outbox does what waits in a queue: it sends the messages that Auth has asked for by SQL, and those that are due later.
package outbox

import (
	"context"
	"sync"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

// Worker does what the items of a topic ask for, many at a time. Several workers, also of other processes, may share a queue.
type Worker struct {
	Queue ledger.Queue
	Topic ledger.Topic
	Slots int // items that are being done at once
	// Do does what an item asks for, and returns how the item ends. It is called concurrently. When ctx ends, it must return soon.
	Do     func(ctx context.Context, c ledger.Claimed) ledger.ItemEnd
	Events Events
}

// Events report what a worker does. They are called concurrently, must be set, and must not block.
type Events struct {
	Claimed  func(items int)
	Ended    func(c ledger.Claimed, e ledger.ItemEnd, held bool) // held: as [ledger.Queue.End] says
	Failed   func(error)                                         // the queue could not be asked
	Panicked func(value any)                                     // in Do
}

const (
	// askFor is how long a worker waits for an answer of the queue.
	askFor = 5 * time.Second
	// After an error, the worker pauses, longer each time.
	firstPause, longestPause = 50 * time.Millisecond, time.Second
)

// Run claims items until claiming ends, and returns when all of them have ended. doing is the context of what is done. When it ends, items may
// be left as they are: they are handed out again once the process has ended.
func (w *Worker) Run(claiming, doing context.Context) {
	var running sync.WaitGroup
	slots := make(chan struct{}, w.Slots)
	pause := firstPause
	for {
		free := take(claiming, slots)
		if free == 0 {
			break
		}
		claimed, err := w.claim(claiming, free)
		for range free - len(claimed) {
			<-slots
		}
		for _, c := range claimed {
			running.Go(func() {
				defer func() { <-slots }()
				w.handle(claiming, doing, c)
			})
		}
		switch {
		case err != nil:
			w.Events.Failed(err)
			sleep(claiming, pause)
			pause = min(2*pause, longestPause)
		case len(claimed) < free: // else more may wait
			w.Queue.Wait(claiming, []ledger.Topic{w.Topic})
			fallthrough
		default:
			pause = firstPause
		}
	}
	running.Wait()
}

// take waits for a free slot, and takes all that are free, as many as can be claimed at once. It returns 0 if ctx has ended.
func take(ctx context.Context, slots chan<- struct{}) (taken int) {
	if ctx.Err() != nil {
		return 0
	}
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	for taken = 1; taken < ledger.MaxClaim; taken++ {
		select {
		case slots <- struct{}{}:
		default:
			return taken
		}
	}
	return taken
}

// claim waits for the answer also if ctx ends: what was claimed has to be known.
func (w *Worker) claim(ctx context.Context, most int) ([]ledger.Claimed, error) {
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), askFor)
	defer cancel()
	claimed, err := w.Queue.Claim(asking, []ledger.Topic{w.Topic}, most)
	if len(claimed) > 0 {
		w.Events.Claimed(len(claimed))
	}
	return claimed, err
}

// handle does what an item asks for, and ends it. After the end of claiming, an item is given back that nothing was done for.
func (w *Worker) handle(claiming, doing context.Context, c ledger.Claimed) {
	end := ledger.ItemEnd{Again: c.DueAt}
	if claiming.Err() == nil {
		end = w.do(doing, c)
	}
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		held, err := w.end(doing, c, end)
		if err == nil {
			w.Events.Ended(c, end, held)
			return
		}
		w.Events.Failed(err)
		if doing.Err() != nil {
			return
		}
		sleep(doing, pause)
	}
}

// end ends an item, also if ctx has ended.
func (w *Worker) end(ctx context.Context, c ledger.Claimed, e ledger.ItemEnd) (held bool, err error) {
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), askFor)
	defer cancel()
	return w.Queue.End(asking, c, e)
}

const (
	// After a panic, an item is done again after a time, unless that was done twice before.
	afterPanic = 10 * time.Second
	mostPanics = 2
)

// do recovers from a panic of Do: no bug may end the program.
func (w *Worker) do(ctx context.Context, c ledger.Claimed) (e ledger.ItemEnd) {
	defer func() {
		if value := recover(); value != nil {
			w.Events.Panicked(value)
			e = ledger.ItemEnd{}
			if again := ledger.At(time.Now()).Add(afterPanic); c.Tries < mostPanics && again < c.ExpiresAt {
				e.Again = again
			}
		}
	}()
	return w.Do(ctx, c)
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
