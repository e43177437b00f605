package postgres

import (
	"context"
	"time"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

// receipt is a receipt that waits for its message.
type receipt struct {
	Instance string    `json:"instance"`
	ID       string    `json:"id"` // hashed
	State    string    `json:"state"`
	Kind     string    `json:"kind"`
	Code     string    `json:"code"`
	At       time.Time `json:"at"`
}

func writeReceipt(instance string, r providers.Receipt) receipt {
	return receipt{instance, r.ID, r.State.String(), r.Kind.String(), r.Code, r.At}
}

func (r receipt) read() (providers.Receipt, error) {
	var err error
	return providers.Receipt{
		ID:    r.ID,
		State: value[providers.State](states, r.State, &err),
		Kind:  value[providers.Kind](kinds, r.Kind, &err),
		Code:  r.Code,
		At:    r.At,
	}, err
}

type receiptQuestion struct {
	Name    int64   `json:"name"`
	ID      string  `json:"id"`
	Receipt receipt `json:"receipt"`
	Most    int     `json:"most"`
}

type receiptAnswer struct {
	Answer string  `json:"answer"` // found, kept, full
	Record *record `json:"record"`
	Now    int64   `json:"now"`
}

// Receipt is described at [ledger.Store].
func (s *Store) Receipt(ctx context.Context, instance, id string, r providers.Receipt) (news ledger.News, err error) {
	h, err := s.hasher(ctx)
	if err != nil {
		return news, err
	}
	r = h.hideName(instance, r)
	question := receiptQuestion{number(r.ID), id, writeReceipt(instance, r), ledger.MaxEarly}
	for range 2 {
		var a receiptAnswer
		if err := s.ask(ctx, "receipt", question, &a); err != nil {
			return news, err
		}
		switch {
		case a.Answer == "full":
			r.ID = ""
			return ledger.News{Reports: []ledger.Report{{Instance: instance, Receipt: r}}}, nil
		case a.Record == nil:
			return news, nil
		}
		news, about, err := s.apply(ctx, *a.Record, ledger.Time(a.Now), instance, r)
		if about || err != nil {
			return news, err
		}
		question.ID = "" // that message is another one: the receipt waits
	}
	return news, nil
}

// apply notes what a receipt, whose ID is hashed, says of a message. It returns false if the receipt can't be about that message.
func (s *Store) apply(ctx context.Context, row record, now ledger.Time, instance string, r providers.Receipt) (news ledger.News, about bool, err error) {
	done, err := s.changeFrom(ctx, row, now, func(m *ledger.Message, now ledger.Time, taken hidden) (t ledger.Transition) {
		if len(taken) > 0 { // the name was given to another message in the meantime
			news, about = ledger.News{}, false
			return t
		}
		t, news, about = m.Receipt(instance, r, now)
		return t
	})
	if err != nil {
		return ledger.News{}, false, err
	}
	if done.found {
		err = s.after(ctx, row.ID, done, &news)
	}
	return news, about, err
}

// after adds what followed from a change to its news: messages whose resending must stop, and receipts that have waited for it.
func (s *Store) after(ctx context.Context, id string, done saved, news *ledger.News) error {
	news.Stop = append(news.Stop, done.stop...)
	for _, waited := range done.early {
		r, err := waited.read()
		if err != nil {
			return err
		}
		row, now, err := s.load(ctx, id)
		if err != nil || row == nil {
			return err
		}
		later, _, err := s.apply(ctx, *row, now, waited.Instance, r)
		if err != nil {
			return err
		}
		news.Reports = append(news.Reports, later.Reports...)
		news.Stop = append(news.Stop, later.Stop...)
		if later.Resend != nil {
			news.Resend = later.Resend
		}
	}
	return nil
}

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

// mostRefused is how many messages are kept that were refused. Above it, the oldest are deleted: a day of an attack that the limits refuse would else be
// tens of gigabytes.
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
	return a.More || left, news, err
}
