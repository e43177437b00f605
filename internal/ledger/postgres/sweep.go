package postgres

import (
	"context"

	"github.com/smshook/smshook/internal/ledger"
)

type sweepQuestion struct {
	Keep        int64 `json:"keep"`
	KeepEarly   int64 `json:"keep_early"`
	Batch       int   `json:"batch"`
	Counters    bool  `json:"counters"`
	Refused     bool  `json:"refused"`
	MostRefused int   `json:"most_refused"`
}

type sweepAnswer struct {
	Stop     []string  `json:"stop"`
	Reports  []receipt `json:"reports"`
	More     bool      `json:"more"`
	Counters bool      `json:"counters"`
	Refused  bool      `json:"refused"`
}

// sweepBatch is how many rows of each kind one sweep deletes at most.
const sweepBatch = 1000

// mostRefused is how many messages are kept that were refused. Above it, the oldest are deleted: otherwise, a day of an attack that the limits
// refuse would be tens of gigabytes.
const mostRefused = 100_000

// Sweep is described at [ledger.Store].
func (s *Store) Sweep(ctx context.Context) (more bool, news ledger.News, err error) {
	if _, err := s.hasher(ctx); err != nil {
		return false, news, err
	}
	var a sweepAnswer
	err = s.ask(ctx, "sweep", sweepQuestion{
		Keep:        s.settings.Keep.Microseconds(),
		KeepEarly:   ledger.KeepEarly.Microseconds(),
		Batch:       sweepBatch,
		Counters:    s.counters.Load(),
		Refused:     s.refusedOver.Load(),
		MostRefused: s.mostRefused,
	}, &a)
	if err != nil {
		return false, news, err
	}
	s.counters.Store(a.Counters)
	s.refusedOver.Store(a.Refused)
	if len(a.Stop) > 0 {
		news.Stop = a.Stop
	}
	for _, waited := range a.Reports {
		r, err := waited.read()
		if err != nil {
			return a.More, news, err
		}
		r.ID = ""
		news.Reports = append(news.Reports, ledger.Report{Instance: waited.Instance, Receipt: r})
	}
	judged, left, err := s.judgeAll(ctx)
	news.Judged = judged
	if err != nil {
		return a.More || left, news, err
	}
	more = s.rollUp(ctx)
	return a.More || left || more, news, nil
}
