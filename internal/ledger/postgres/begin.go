package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

// call is a call for a message, as smshook.begin_message and smshook.write take it.
type call struct {
	ID         string   `json:"id"`
	Me         int32    `json:"me"`
	Lease      int64    `json:"lease"`
	Now        int64    `json:"now"` // by the clock of the replica: with it, the database translates received_at
	ReceivedAt int64    `json:"received_at"`
	Life       int64    `json:"life"`
	Flow       int64    `json:"flow"`
	MFA        bool     `json:"mfa"`
	User       int64    `json:"user"`
	NumberKey  int64    `json:"number_key"`
	SignIn     int64    `json:"sign_in"`
	Known      int64    `json:"known"`
	Number     string   `json:"number"` // masked
	Country    string   `json:"country"`
	UserID     string   `json:"user_id,omitempty"` // Auth's
	Range      string   `json:"range"`
	AskedAt    int64    `json:"asked_at"`
	Proven     bool     `json:"proven"`
	Kind       string   `json:"kind"`
	Segments   uint8    `json:"segments"`
	Queued     bool     `json:"queued,omitempty"`
	Charges    []charge `json:"charges"`
	Sealed     []byte   `json:"sealed,omitempty"`
}

type charge struct {
	Rule     string `json:"rule"`
	Key      int64  `json:"key"`
	Interval int64  `json:"interval"` // how long one message uses up, in microseconds
	Most     int64  `json:"most"`
}

func (s *Store) call(h hasher, c ledger.Call) call {
	m := ledger.NewMessage(c)
	q := call{
		ID:         c.Message.ID,
		Me:         s.me,
		Lease:      lease.Microseconds(),
		Now:        int64(s.now()),
		ReceivedAt: int64(c.ReceivedAt),
		Life:       c.Life.Microseconds(),
		Flow:       h.flow(c.Flow),
		MFA:        c.Flow.MFA,
		User:       h.hash("user", c.Flow.User),
		NumberKey:  h.hash("number", c.Flow.Number),
		SignIn:     h.hash("sign-in", c.LastSignIn),
		Known:      h.hash("known", c.LastSignIn, c.Stored),
		Number:     c.Number,
		Country:    c.Country,
		UserID:     userID(c.Flow.User),
		Range:      m.Range,
		AskedAt:    int64(c.AskedAt),
		Proven:     c.Proven,
		Kind:       c.Kind.String(),
		Segments:   m.Segments,
		Queued:     c.Queued,
		Charges:    []charge{},
		Sealed:     s.sealed(c.Message),
	}
	for _, each := range c.Charges {
		interval := each.Limit.Per / time.Duration(each.Limit.Most)
		q.Charges = append(q.Charges, charge{each.Rule.String(), h.charge(each), interval.Microseconds(), int64(each.Limit.Most)})
	}
	return q
}

type beginQuestion struct {
	call
	WaitedFor    *string `json:"waited_for"`
	CallerWaits  int64   `json:"caller_waits"`
	ResendWindow int64   `json:"resend_window"`
	JustSent     int64   `json:"just_sent"`
	Observe      bool    `json:"observe"`
}

type beginAnswer struct {
	Answer     string    `json:"answer"`
	Behind     string    `json:"behind"`
	Ours       bool      `json:"ours"` // this replica sends what the call is behind
	Result     string    `json:"result"`
	Over       int       `json:"over"`
	After      int64     `json:"after"`
	FirstAt    int64     `json:"first_at"`
	ReceivedAt int64     `json:"received_at"`
	Lost       string    `json:"lost"`
	Dead       bool      `json:"dead"` // the replica that sent the message before is
	Attempts   []attempt `json:"attempts"`
	Version    int       `json:"version"`
	Stop       []string  `json:"stop"`
	Record     *record   `json:"record"`
	Now        int64     `json:"now"`
}

// Begin is described at [ledger.Store].
func (s *Store) Begin(ctx context.Context, c ledger.Call, waitedFor string) (begun ledger.Begun, behind ledger.Behind, err error) {
	h, err := s.hasher(ctx)
	if err != nil {
		return begun, behind, err
	}
	question := beginQuestion{
		call:         s.call(h, c),
		CallerWaits:  s.settings.CallerWaits.Microseconds(),
		ResendWindow: s.settings.ResendWindow.Microseconds(),
		JustSent:     ledger.JustSentFor.Microseconds(),
		Observe:      c.Observe,
	}
	if waitedFor != "" {
		question.WaitedFor = &waitedFor
	}
	var a beginAnswer
	err = s.ask(ctx, "begin_message", question, &a)
	if errors.Is(err, errTwice) { // a call of another flow with the same ID was first: this one is a repeat of it
		err = s.ask(ctx, "begin_message", question, &a)
	}
	if err != nil {
		return begun, behind, err
	}
	begun = ledger.Begun{Over: -1}
	if waitedFor == "" {
		s.accounts.add(h, c)
	}
	switch a.Answer {
	case "replayed":
		return begun, behind, ledger.ErrReplayed
	case "behind":
		return begun, ledger.Behind{ID: a.Behind, Ours: a.Ours}, nil
	case "repeat":
		begun.Repeat, begun.News.Stop = true, append([]string(nil), a.Stop...)
		begun.Result = value[ledger.Result](results, a.Result, &err)
		if a.Record != nil && err == nil {
			begun.News.Resend, err = s.consider(ctx, *a.Record, ledger.Time(a.Now))
		}
		return begun, behind, err
	case "refused":
		begun.Result = value[ledger.Result](results, a.Result, &err)
		begun.Over, begun.After = a.Over, time.Duration(a.After)*time.Microsecond
		return begun, behind, err
	case "go":
		begun, err = s.goes(c, a)
		return begun, behind, err
	}
	return begun, behind, fmt.Errorf("the database answers %q, which this version of smshook doesn't know", a.Answer)
}

// goes is the answer to a call whose message is to be sent.
func (s *Store) goes(c ledger.Call, a beginAnswer) (begun ledger.Begun, err error) {
	begun = ledger.Begun{
		Go:      true,
		Over:    a.Over,
		After:   time.Duration(a.After) * time.Microsecond,
		FirstAt: ledger.Time(a.FirstAt),
		Lost:    a.Lost,
	}
	m := ledger.NewMessage(c)
	m.ReceivedAt, m.Sending, m.Charged, m.Lost = ledger.Time(a.ReceivedAt), true, true, a.Lost
	m.Attempts = readAttempts(a.Attempts, &err)
	begun.Tried = m.CopyAttempts()
	if a.Dead {
		begun.Tried = m.TakeOver()
	}
	if !reported(m) {
		s.hints.put(m, a.Version)
	}
	return begun, err
}

// reported reports whether an instance has named the message. Then receipts may have come, and what follows from them needs the contents.
func reported(m ledger.Message) bool {
	for _, a := range m.Attempts {
		if len(a.Parts) > 0 {
			return true
		}
	}
	return false
}

// consider says that a message that was accepted is to be sent again if receipts have made that necessary.
func (s *Store) consider(ctx context.Context, r record, now ledger.Time) (*ledger.Resend, error) {
	var resend *ledger.Resend
	_, err := s.changeFrom(ctx, r, now, func(m *ledger.Message, now ledger.Time, _ hidden) (t ledger.Transition) {
		var news ledger.News
		t.Changed = m.Consider(now, &news)
		resend = news.Resend
		return t
	})
	return resend, err
}
