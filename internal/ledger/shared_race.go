package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/smshook/smshook/providers"
)

// Attempt is described at [Ledger]. If the store can't be reached, it learns of the attempt at the end of the race.
func (s *Shared) Attempt(ctx context.Context, id string, a Attempt) error {
	err := s.memory.Attempt(ctx, id, a)
	_, b, here := s.call(id)
	if here {
		s.counts.missed.Add(1)
		return err
	}
	_, took, err := exchange(ctx, s, b, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.store.Attempt(ctx, id, a)
	}, func(struct{}, error) {})
	b.spend(took)
	if answered(err) {
		return err
	}
	s.counts.missed.Add(1)
	return nil
}

// endAnswer is what a store answers to the end of a race, or of an attempt.
type endAnswer struct {
	result   Result
	accepted bool
	news     News
}

// End is described at [Ledger].
func (s *Shared) End(ctx context.Context, e Ended) (Result, News, error) {
	result, news, _ := s.memory.End(ctx, e)
	c, b, _ := s.call(e.ID)
	if c != nil && c.memory {
		s.counts.missed.Add(1)
		s.ended(e.ID, c)
		s.owe(&owed{call: c, ended: e})
		s.addKept(&news)
		return result, news, nil
	}
	s.memory.disclaim(news.Resend)
	o := &owed{call: c, ended: e}
	answer, err := s.report(ctx, b, o)
	s.ended(e.ID, c)
	if err == nil {
		result = answer.result
		if !e.Resend {
			s.memory.settle(e.ID, result)
		}
	}
	answer.news.stop(news.Stop)
	s.addKept(&answer.news)
	return result, answer.news, nil
}

// report notes an end in the store, now or later.
func (s *Shared) report(ctx context.Context, b *budget, o *owed) (endAnswer, error) {
	answer, took, err := exchange(context.WithoutCancel(ctx), s, b, func(ctx context.Context) (endAnswer, error) {
		return o.report(ctx, s.store)
	}, func(late endAnswer, err error) {
		if !answered(err) {
			s.owe(o)
			return
		}
		s.written(o, late.news)
	})
	b.spend(took)
	switch {
	case answered(err):
		s.mu.Lock()
		s.settled(o)
		s.mu.Unlock()
		return answer, nil
	case !errors.Is(err, errGivenUp):
		s.owe(o)
	}
	s.counts.missed.Add(1)
	return endAnswer{}, err
}

// ended lets calls go on that wait here for the end of a race.
func (s *Shared) ended(id string, c *call) {
	if c == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.ended && !c.memory {
		close(c.done)
	}
	c.ended = true
}

// Late is described at [Ledger].
func (s *Shared) Late(ctx context.Context, id string, a Attempt) (accepted bool, news News, err error) {
	accepted, news, _ = s.memory.Late(ctx, id, a)
	c, _, _ := s.call(id)
	if c != nil && c.memory {
		s.counts.missed.Add(1)
		s.mu.Lock()
		again := c.ended && !c.queued // it is being written without this attempt
		s.mu.Unlock()
		if again {
			s.owe(&owed{ended: Ended{ID: id}, late: &a})
		}
		s.addKept(&news)
		return accepted, news, nil
	}
	s.memory.disclaim(news.Resend)
	answer, err := s.report(ctx, newBudget(mostWait), &owed{ended: Ended{ID: id}, late: &a})
	if err == nil {
		accepted = accepted || answer.accepted
	}
	answer.news.stop(news.Stop)
	s.addKept(&answer.news)
	return accepted, answer.news, nil
}

// Decided is described at [Ledger].
func (s *Shared) Decided(ctx context.Context, id string) (Message, error) {
	m, _ := s.memory.Export(id)
	for {
		now, known := s.message(ctx, id)
		if known {
			m = now
		}
		if !m.Pending() {
			return m, nil
		}
		timer := time.NewTimer(pollEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return m, ctx.Err()
		}
	}
}

// message returns the record of a message as the store has it, or else as the memory has it. It is not known if ctx has ended before
// the store has answered.
func (s *Shared) message(ctx context.Context, id string) (m Message, known bool) {
	here, known := s.memory.Export(id)
	_, b, decidedHere := s.call(id)
	if decidedHere {
		return here, known
	}
	type found struct {
		Message
		found bool
	}
	f, took, err := exchange(ctx, s, b, func(ctx context.Context) (f found, err error) {
		f.Message, f.found, err = s.store.Message(ctx, id)
		return f, err
	}, func(found, error) {})
	if err != nil || !f.found {
		b.spend(took)
		return here, known && ctx.Err() == nil
	}
	for _, a := range here.Attempts { // asking was a part of waiting for the attempts, and not of waiting for the store
		if a.State != Pending { // it has ended here, which the store may not know yet
			f.note(a)
		}
	}
	return f.Message, true
}

// Receipt is described at [Ledger]. The error is [ErrAway] or the store's if the receipt could not be noted: then it must come
// again, and providers see to that.
func (s *Shared) Receipt(ctx context.Context, instance, id string, receipt providers.Receipt) (News, error) {
	if news, err, here := s.receiptHere(ctx, instance, id, receipt); here {
		s.counts.missed.Add(1)
		s.addKept(&news)
		return news, err
	}
	// The answer that comes too late may say that a message is to be sent again; the receipt that comes again doesn't.
	news, _, err := exchange(context.WithoutCancel(ctx), s, newBudget(receiptTime), func(ctx context.Context) (News, error) {
		return s.store.Receipt(ctx, instance, id, receipt)
	}, func(news News, err error) { s.keep(news) })
	if err != nil {
		s.counts.missed.Add(1)
		return News{}, err
	}
	news.stop(s.memory.hear(instance, id, receipt))
	s.addKept(&news)
	return news, nil
}

// receiptHere notes a receipt if its message is known to the memory only.
func (s *Shared) receiptHere(ctx context.Context, instance, id string, receipt providers.Receipt) (news News, err error, here bool) {
	about := s.memory.about(instance, id, receipt.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.calls[about]
	if c == nil || !c.memory {
		return News{}, nil, false
	}
	if c.writing { // what is being written doesn't say what the receipt says
		return News{}, ErrAway, true
	}
	news, err = s.memory.Receipt(ctx, instance, id, receipt)
	return news, err, true
}

// receiptTime is how long the store may take to note a receipt. A provider waits for the answer, and no user does.
const receiptTime = runsOn / 2

// sweepTime is how long the store may take to forget what is over. No caller waits for it.
const sweepTime = runsOn / 2

// Sweep is described at [Ledger]. It also asks whether the store is back, and writes what was decided without the store.
func (s *Shared) Sweep(ctx context.Context) (more bool, news News, err error) {
	type swept struct {
		more bool
		news News
	}
	more, here, _ := s.memory.Sweep(ctx)
	b := newBudget(sweepTime)
	if s.Away() {
		b = newBudget(mostWait) // a store that is slower would be away again at once
	}
	answer, _, err := exchange(ctx, s, b, func(ctx context.Context) (a swept, err error) {
		a.more, a.news, err = s.store.Sweep(ctx)
		return a, err
	}, func(a swept, _ error) { s.keep(a.news) })
	if err == nil {
		s.write(ctx)
	}
	news = answer.news
	news.stop(here.Stop)
	s.addKept(&news)
	s.mu.Lock()
	defer s.mu.Unlock()
	return more || answer.more || err != nil || len(s.calls)+len(s.owed)+len(s.news) > 0, news, nil
}
