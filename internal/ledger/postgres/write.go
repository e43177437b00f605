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
	Resending bool      `json:"resending"`
	State     string    `json:"state"`
	Delivered int64     `json:"delivered_at"`
	Answered  bool      `json:"answered"`
	Attempts  []attempt `json:"attempts"`
	Names     []int64   `json:"names"`
}

type writeAnswer struct {
	Answer string    `json:"answer"` // written, known
	Early  []receipt `json:"early"`
	Stop   []string  `json:"stop"`
}

// Write is described at [ledger.Store].
func (s *Store) Write(ctx context.Context, w ledger.Written) (news ledger.News, err error) {
	h, err := s.hasher(ctx)
	if err != nil {
		return news, err
	}
	now := s.now()
	contents := w.Call.Message
	m := ledger.NewMessage(w.Call)
	m.Contents = &contents
	if !s.settings.LateFallback || contents.Text.Reveal() == "" {
		m.Contents = nil // it is never sent again
	}
	ended := w.Ended
	ended.Attempts = nil
	for _, a := range w.Ended.Attempts {
		ended.Attempts = append(ended.Attempts, h.hideNames(a))
	}
	_, t, news := m.End(ended, now)
	q := writeQuestion{
		call:      s.call(h, w.Call),
		Result:    m.Result.String(),
		Instance:  m.Instance,
		Left:      m.Left,
		Resending: m.Resending,
		State:     string(m.State(0)),
		Delivered: int64(m.DeliveredAt()),
		Answered:  t.Answered,
		Attempts:  writeAttempts(m.Attempts),
		Names:     []int64{},
	}
	if m.Contents == nil {
		q.Sealed = nil
	}
	for _, n := range t.Names {
		q.Names = append(q.Names, number(n.ID))
	}
	var a writeAnswer
	if err := s.ask(ctx, "write", q, &a); err != nil {
		return ledger.News{}, err
	}
	if a.Answer == "known" {
		_, news, err := s.End(ctx, w.Ended)
		return news, err
	}
	err = s.after(ctx, q.ID, saved{early: a.Early, stop: a.Stop}, &news)
	return news, err
}
