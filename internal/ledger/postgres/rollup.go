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

// Between leastRollUp and mostRollUp messages are rolled up in one exchange, as many as take less than rollUpPart: those who change older messages
// wait for it. Exchanges follow each other for rollUpTime, and the rest is left for the next sweep.
const (
	leastRollUp = 31
	mostRollUp  = 4000
	rollUpPart  = 100 * time.Millisecond
	rollUpTime  = 2 * rollUpPart
)

// rollUp adds messages to the kept counts that are old enough, and reports whether there are more. Counts are right without it, and slow: so an error
// is told, and is none of the sweep, after which the database would count as away.
func (s *Store) rollUp(ctx context.Context) (more bool) {
	var err error
	for begun := time.Now(); ; {
		more, err = s.rollUpBatch(ctx)
		if err != nil || !more || time.Since(begun) > rollUpTime {
			break
		}
	}
	if errors.Is(err, context.Canceled) { // the program ends
		return more
	}
	s.noteRollingUp(err)
	return more || err != nil
}

// rollUpBatch makes one exchange, and says by how long it took how many messages the next one has.
func (s *Store) rollUpBatch(ctx context.Context) (more bool, err error) {
	q := rollUpQuestion{After: ledger.RollUpAfter.Microseconds(), Batch: max(int(s.rollUpSize.Load()), leastRollUp)}
	for _, span := range ledger.Spans {
		q.Spans = append(q.Spans, rollUpSpan{span.Length.Microseconds(), span.KeptFor().Microseconds()})
	}
	var a struct{ More bool }
	begun := time.Now()
	err = s.ask(ctx, "roll_up", q, &a)
	size := q.Batch
	switch took := time.Since(begun); {
	case err != nil:
		size /= 4
	case took > rollUpPart:
		size /= 2
	case took < rollUpPart/2:
		size *= 2
	}
	s.rollUpSize.Store(int32(min(max(size, leastRollUp), mostRollUp)))
	return a.More, err
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
