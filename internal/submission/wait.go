package submission

import (
	"context"
	"strings"

	"github.com/smshook/smshook/internal/ledger"
)

// await has the ends of messages noted, if an answer has to wait for them.
func (s *Service) await(items []ledger.Item) map[string]chan struct{} {
	if s.settings.Durable {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := map[string]chan struct{}{}
	for _, i := range items {
		if s.ended[i.ID] == nil { // else a request with the same idempotency key waits too
			s.ended[i.ID] = make(chan struct{})
		}
		waiting[i.ID] = s.ended[i.ID]
	}
	return waiting
}

func (s *Service) forget(items []ledger.Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range items {
		delete(s.ended, i.ID)
	}
}

// waitFor waits for messages to be sent, and puts what became of them into the answers.
func (s *Service) waitFor(ctx context.Context, waiting map[string]chan struct{}, answers []Answer) {
	if len(waiting) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for _, ended := range waiting {
		select {
		case <-ended:
		case <-ctx.Done():
			return
		}
	}
	for i, a := range answers {
		if a.Message == nil {
			continue
		}
		item, _, found, err := s.queue.Item(ctx, strings.TrimPrefix(a.Message.ID, prefix))
		if err != nil || !found {
			continue
		}
		if d, err := s.open(item.ID, item.Body); err == nil {
			answers[i].Message = d.message(item.ID, s.before(d))
		}
	}
}
