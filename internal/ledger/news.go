package ledger

import "slices"

// kept are news that came after the exchange was given up, or from a later write. They go with the next answer of any kind, or
// with that of Sweep.
type kept struct {
	at Time
	News
}

// maxKept is how many of them are kept. Above it, the oldest are dropped.
const maxKept = 1 << 10

// keep keeps news for the next answer.
func (s *Shared) keep(news News) {
	if len(news.Reports)+len(news.Stop)+len(news.Judged) == 0 && news.Resend == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.news = append(s.news, kept{s.memory.now(), news})
	if len(s.news) > maxKept {
		s.news = slices.Delete(s.news, 0, 1)
	}
}

// addKept adds what was kept to the news of an answer. News have room for one message that is to be sent again, so that others wait
// for the next answer. A message that has waited too long is not sent: when it was decided, leastLife was left of its code's life.
func (s *Shared) addKept(news *News) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.memory.now()
	left := s.news[:0]
	for _, k := range s.news {
		news.Reports = append(news.Reports, k.Reports...)
		news.stop(k.Stop)
		news.Judged = append(news.Judged, k.Judged...)
		if k.Resend == nil || now.Sub(k.at) >= leastLife {
			continue
		}
		if news.Resend == nil {
			news.Resend = k.Resend
			continue
		}
		left = append(left, kept{k.at, News{Resend: k.Resend}})
	}
	clear(s.news[len(left):])
	s.news = left
	if news.Resend != nil {
		s.memory.resending(news.Resend.Message.ID)
	}
}

// stop adds messages whose resending must stop.
func (n *News) stop(ids []string) {
	for _, id := range ids {
		if !slices.Contains(n.Stop, id) {
			n.Stop = append(n.Stop, id)
		}
	}
}
