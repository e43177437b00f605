package postgres

import (
	"context"
	"sync"

	"github.com/smshook/smshook/internal/ledger"
)

// accounts are what calls have said of their users' codes. The next sweep judges the messages before these calls.
type accounts struct {
	mu     sync.Mutex
	byUser map[int64]account
}

type account struct {
	ledger.Account
	number int64 // hashed
	asked  ledger.Time
}

// maxAccounts is how many users wait for the next sweep. Above it, the messages of more are judged by their next call.
const maxAccounts = 1 << 10

func (a *accounts) add(h hasher, c ledger.Call) {
	if c.Account == (ledger.Account{}) || c.AskedAt == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byUser == nil {
		a.byUser = map[int64]account{}
	}
	user := h.hash("user", c.Flow.User)
	if _, known := a.byUser[user]; known || len(a.byUser) < maxAccounts {
		number := h.hash("number", c.Account.Number)
		c.Account.Number = ""
		a.byUser[user] = account{c.Account, number, c.AskedAt}
	}
}

func (a *accounts) take() map[int64]account {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.byUser
	a.byUser = nil
	return taken
}

// lateEvery is how many sweeps pass until messages are looked at again that were taken to be unused.
const lateEvery = 60

// settle has the database judge what it can know from Auth's tables, and reports whether messages are left of which it isn't known yet what
// becomes of their codes. Off says why it can't; then what calls say has to do.
func (s *Store) settle(ctx context.Context) (judged []ledger.Message, more bool, off string, err error) {
	var a struct {
		Off    string   `json:"off"`
		Judged []record `json:"judged"`
		More   bool     `json:"more"`
	}
	late := s.sweeps.Add(1)%lateEvery == 0
	if err := s.ask(ctx, "settle", map[string]bool{"late": late}, &a); err != nil {
		return nil, false, "", err
	}
	for _, r := range a.Judged {
		m, err := s.message(r)
		if err != nil {
			return judged, false, "", err
		}
		judged = append(judged, m.Shown())
	}
	return judged, a.More, a.Off, nil
}

// judge judges the messages before the calls since the last sweep.
func (s *Store) judge(ctx context.Context) (judged []ledger.Message, err error) {
	accounts := s.accounts.take()
	if len(accounts) == 0 {
		return nil, nil
	}
	var q struct {
		Users []int64 `json:"users"`
	}
	for user := range accounts {
		q.Users = append(q.Users, user)
	}
	var rows []struct {
		User      int64  `json:"user"`
		NumberKey int64  `json:"number_key"`
		Record    record `json:"record"`
	}
	if err := s.ask(ctx, "undecided", q, &rows); err != nil {
		return nil, err
	}
	now := s.now()
	for _, row := range rows {
		a := accounts[row.User]
		if row.Record.AskedAt >= int64(a.asked) {
			continue
		}
		var after *ledger.Message
		_, err := s.changeFrom(ctx, row.Record, now, func(m *ledger.Message, _ ledger.Time, _ hidden) (t ledger.Transition) {
			after = nil
			if t.Changed = m.Judge(a.Account, row.NumberKey == a.number, now); t.Changed && m.Use != ledger.Undecided {
				shown := m.Shown()
				after = &shown
			}
			return t
		})
		if err != nil {
			return judged, err
		}
		if after != nil {
			judged = append(judged, *after)
		}
	}
	return judged, nil
}

// judgeAll is the judging part of a sweep.
func (s *Store) judgeAll(ctx context.Context) (judged []ledger.Message, more bool, err error) {
	judged, more, off, err := s.settle(ctx)
	if err != nil {
		return judged, false, err
	}
	s.noteSettling(off)
	if off == "" {
		s.accounts.take() // the database knows better
		return judged, more, nil
	}
	judged, err = s.judge(ctx)
	return judged, false, err
}

// noteSettling tells the operator when it changes whether the database can judge messages.
func (s *Store) noteSettling(off string) {
	s.mu.Lock()
	changed := s.settling == nil || *s.settling != off
	s.settling = &off
	s.mu.Unlock()
	if changed && s.settings.Settling != nil {
		s.settings.Settling(off)
	}
}
