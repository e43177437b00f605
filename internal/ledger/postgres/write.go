package postgres

import (
	"context"

	"github.com/smshook/smshook/internal/ledger"
)

type writeQuestion struct {
	call
	Result    string    `json:"result"`
	Instance  string    `json:"instance"`
	Left      bool      `json:"left"`
	Delivered bool      `json:"delivered"`
	Answered  bool      `json:"answered"`
	Attempts  []attempt `json:"attempts"`
	Names     []int64   `json:"names"`
}

type writeAnswer struct {
	Answer string    `json:"answer"` // written, known
	Early  []receipt `json:"early"`
	Void   []string  `json:"void"`
}

// Write is described at [ledger.Store]. Each message is written by itself: after an error, those before it are written, and writing
// all again does no harm.
func (s *Store) Write(ctx context.Context, messages []ledger.Written) error {
	h, err := s.hasher(ctx)
	if err != nil {
		return err
	}
	for _, w := range messages {
		if err := s.write(ctx, h, w); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) write(ctx context.Context, h hasher, w ledger.Written) error {
	ended := w.Ended
	ended.Attempts = nil
	for _, a := range w.Ended.Attempts {
		ended.Attempts = append(ended.Attempts, h.hideNames(a))
	}
	m := ledger.Message{ID: w.Call.Message.ID}
	_, t, _ := m.End(ended, s.now())
	q := writeQuestion{
		call:      s.call(h, w.Call),
		Result:    m.Result.String(),
		Instance:  m.Instance,
		Left:      m.Left,
		Delivered: m.Delivered(),
		Answered:  t.Answered,
		Attempts:  writeAttempts(m.Attempts),
		Names:     []int64{},
	}
	if t.Wiped || m.Result == ledger.TooMany || m.Result == ledger.JustSent {
		q.Sealed = nil // it is never sent again
	}
	if m.Result == ledger.TooMany || m.Result == ledger.JustSent {
		q.Charges = []charge{} // a call that is refused isn't counted
	}
	for _, n := range t.Names {
		q.Names = append(q.Names, number(n.ID))
	}
	var a writeAnswer
	if err := s.ask(ctx, "write", q, &a); err != nil {
		return err
	}
	var news ledger.News // of receipts that came before: they are not reported twice
	return s.after(ctx, q.ID, saved{early: a.Early, void: a.Void}, &news)
}
