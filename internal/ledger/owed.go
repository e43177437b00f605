package ledger

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

const (
	// maxOwed is how much may wait to be written to the store. Above it, the oldest is dropped: a repeat of that message would be sent
	// again by another replica, and its limits aren't charged there. It is 20 s at 200 messages a second.
	maxOwed = 1 << 12
	// maxText is how long the texts of a call may be in all, so that what waits takes a few MB.
	maxText = 1 << 10
	// maxRefused is how often the store may fail at a write while it answers everything else.
	maxRefused = 10
)

// owed is what has to be written to the store afterwards: a message that the memory has decided, the end of another, or a late attempt.
type owed struct {
	call    *call // nil for a late attempt, and for what isn't being sent here
	ended   Ended // of a message that the memory has decided, only the ID counts: the memory has the rest
	late    *Attempt
	refused int
}

type counts struct{ missed, skipped, errors, written, dropped atomic.Uint64 }

// Counts are what happened to a [Shared] since its start, and how much waits to be written.
type Counts struct {
	Missed  uint64 // calls of Begin, Attempt, End, Late and Receipt that were answered without the store
	Skipped uint64 // exchanges that were not tried, since the store was away or the call had waited for it long enough
	Errors  uint64 // exchanges that failed or took too long
	Written uint64 // writes that were made afterwards
	Dropped uint64 // writes that were never made
	Owed    int    // writes that still have to be made
}

// Counts returns them. It is for metrics.
func (s *Shared) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Counts{s.counts.missed.Load(), s.counts.skipped.Load(), s.counts.errors.Load(), s.counts.written.Load(), s.counts.dropped.Load(), len(s.owed)}
}

// owe has something written to the store as soon as that can be reached.
func (s *Shared) owe(o *owed) {
	s.mu.Lock()
	s.queue(o)
	s.mu.Unlock()
	if !s.Away() {
		go s.write(context.Background())
	}
}

// queue queues a write. The caller holds the lock.
func (s *Shared) queue(o *owed) {
	if c := o.call; c != nil && c.memory {
		if c.queued { // what will be written is what the memory knows then
			return
		}
		if c.call.texts() > maxText {
			s.drop(o)
			return
		}
		c.queued = true
	}
	s.owed = append(s.owed, o)
	if len(s.owed) > maxOwed {
		oldest := s.take(0)
		s.drop(oldest)
	}
}

// take takes a write out of the queue. The caller holds the lock.
func (s *Shared) take(i int) *owed {
	o := s.owed[i]
	s.owed = slices.Delete(s.owed, i, i+1)
	if o.call != nil {
		o.call.queued = false
	}
	return o
}

// drop gives up a write. The caller holds the lock.
func (s *Shared) drop(o *owed) {
	s.counts.dropped.Add(1)
	s.settled(o)
}

// texts is how long the texts of a call are. They come from its caller.
func (c *Call) texts() int {
	return len(c.Message.ID) + len(c.Flow.User) + len(c.Flow.Number) + len(c.LastSignIn) + len(c.Stored)
}

// settled notes that the store knows of a write, or never will. The caller holds the lock.
func (s *Shared) settled(o *owed) {
	c := o.call
	if c == nil {
		return
	}
	c.writing = false
	if s.calls[o.ended.ID] != c || c.queued || c.memory && !c.ended { // it was sent, or is being sent, once more
		return
	}
	delete(s.calls, o.ended.ID)
	if c.memory && !c.call.Flow.MFA {
		if s.flows[c.call.Flow]--; s.flows[c.call.Flow] == 0 {
			delete(s.flows, c.call.Flow)
		}
	}
}

// Flush writes what was decided without the store, as before the end of the program. An error means that something was left.
func (s *Shared) Flush(ctx context.Context) error {
	for {
		if s.Away() { // one exchange finds out whether it is back
			_, _, _ = s.Sweep(ctx)
		}
		s.write(ctx)
		if s.Counts().Owed == 0 {
			return nil
		}
		timer := time.NewTimer(pollEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ErrAway
		}
	}
}

// write writes what has to be written, until nothing is left or the store can't be reached.
func (s *Shared) write(ctx context.Context) {
	if !s.writing.CompareAndSwap(false, true) {
		return
	}
	defer s.writing.Store(false)
	for ctx.Err() == nil && !s.Away() {
		o, w := s.nextOwed()
		if o == nil {
			return
		}
		answer, _, err := exchange(ctx, s, newBudget(runsOn), func(ctx context.Context) (e endAnswer, err error) {
			if w == nil {
				return o.report(ctx, s.store)
			}
			e.news, err = s.store.Write(ctx, *w)
			return e, err
		}, func(endAnswer, error) {}) // it is written again, which changes nothing
		if !answered(err) {
			s.again(o, err)
			return
		}
		s.counts.written.Add(1)
		s.written(o, answer.news)
	}
}

// report notes an end, or a late attempt, in the store.
func (o *owed) report(ctx context.Context, store Store) (e endAnswer, err error) {
	if o.late != nil {
		e.accepted, e.news, err = store.Late(ctx, o.ended.ID, *o.late)
		return e, err
	}
	e.result, e.news, err = store.End(ctx, o.ended)
	return e, err
}

// nextOwed takes the oldest write that can be made. A message that is just being sent, again or once more, has to wait: the store
// must not decide about it meanwhile.
func (s *Shared) nextOwed() (*owed, *Written) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, o := range s.owed {
		c := o.call
		if now := s.calls[o.ended.ID]; now != nil && now != c && !now.ended { // to the store, the race that goes on is the one before
			continue
		}
		if c == nil || !c.memory {
			return s.take(i), nil
		}
		w := &Written{Call: c.call, Ended: o.ended}
		if r, found := s.memory.Export(o.ended.ID); found {
			if r.Sending || r.Resending {
				continue
			}
			if r.Contents != nil {
				w.Call.Message = *r.Contents
			}
			w.Ended = Ended{ID: r.ID, Result: r.Result, Instance: r.Instance, Attempts: r.Attempts, Left: r.Left}
		}
		c.writing = true
		return s.take(i), w
	}
	return nil, nil
}

// again has a write made later that has failed. One that the store refuses again and again is dropped, so that it doesn't keep the
// store away from all others.
func (s *Shared) again(o *owed, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !errors.Is(err, ErrAway) && !errors.Is(err, context.Canceled) {
		o.refused++
	}
	if o.refused == maxRefused {
		s.drop(o)
		return
	}
	if o.call != nil {
		o.call.writing = false
	}
	s.queue(o)
}

// written notes that the store knows of a write, and what the store has learnt by it.
func (s *Shared) written(o *owed, news News) {
	s.mu.Lock()
	s.settled(o)
	s.mu.Unlock()
	s.keep(news)
}
