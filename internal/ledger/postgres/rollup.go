package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

type rollUpQuestion struct {
	Spans []rollUpSpan `json:"spans"`
	After int64        `json:"after"`
	Batch int          `json:"batch"`
}

type rollUpSpan struct {
	Length  int64 `json:"length"`
	KeptFor int64 `json:"kept_for"`
}

// Between leastRollUp and mostRollUp messages are rolled up in one exchange: fewer if the database is slow. Exchanges follow each other for
// rollUpTime, and the rest is left for the next sweep.
const (
	leastRollUp = 31
	mostRollUp  = 1000
	rollUpTime  = 200 * time.Millisecond
)

// rollUp adds messages to the kept counts that are old enough, and reports whether there are more. Counts are right without it, and slow: so an error
// is told, and is none of the sweep, after which the database would count as away.
func (s *Store) rollUp(ctx context.Context) (more bool) {
	batch := s.rollUpBatch.Load()
	if batch == 0 {
		batch = mostRollUp
	}
	more, err := s.rollUpBatches(ctx, int(batch))
	switch {
	case errors.Is(err, context.Canceled): // the program ends
		return more
	case err != nil:
		batch, more = max(batch/4, leastRollUp), true
	default:
		batch = min(2*batch, mostRollUp)
	}
	s.rollUpBatch.Store(batch)
	s.noteRollingUp(err)
	return more
}

// noteRollingUp tells the operator when it changes whether messages can be rolled up.
func (s *Store) noteRollingUp(err error) {
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	s.mu.Lock()
	changed := s.rollingUp != problem
	s.rollingUp = problem
	s.mu.Unlock()
	if changed && s.settings.RollingUp != nil {
		s.settings.RollingUp(problem)
	}
}

func (s *Store) rollUpBatches(ctx context.Context, batch int) (more bool, err error) {
	q := rollUpQuestion{After: ledger.RollUpAfter.Microseconds(), Batch: batch}
	for _, span := range ledger.Spans {
		q.Spans = append(q.Spans, rollUpSpan{span.Length.Microseconds(), span.KeptFor().Microseconds()})
	}
	for begun := time.Now(); ; {
		var a struct{ More bool }
		err := s.ask(ctx, "roll_up", q, &a)
		if err != nil || !a.More || time.Since(begun) > rollUpTime {
			return a.More, err
		}
	}
}
