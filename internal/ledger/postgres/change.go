package postgres

import (
	"context"
	"errors"
	"slices"

	"github.com/smshook/smshook/internal/ledger"
)

// maxRounds is how often a change is computed anew because the row has changed in the meantime. Each round, somebody else's change was
// stored, and no message has so many at once.
const maxRounds = 100

var errContended = errors.New("postgres: too many changes of one message at once")

// hidden are names that belong to another message, hashed.
type hidden []string

// change computes a transition. It may be called more than once, and must not keep what it found before.
type change func(m *ledger.Message, now ledger.Time, taken hidden) ledger.Transition

// saved is what came with a change that was stored.
type saved struct {
	found bool
	early []receipt // that have waited for the names of the message
	stop  []string
}

type save struct {
	ID        string    `json:"id"`
	Version   int       `json:"version"`
	Sending   bool      `json:"sending"`
	Left      bool      `json:"left"`
	Resending bool      `json:"resending"`
	State     string    `json:"state"`
	Kind      string    `json:"kind"`
	Use       string    `json:"use"`
	UsedAt    int64     `json:"used_at"`
	Delivered int64     `json:"delivered_at"`
	Result    string    `json:"result"`
	Instance  string    `json:"instance"`
	Attempts  []attempt `json:"attempts"`
	Names     []int64   `json:"names"`
	Ended     bool      `json:"ended"`
	Answered  bool      `json:"answered"`
	Wiped     bool      `json:"wiped"`
}

type saveAnswer struct {
	Answer  string    `json:"answer"` // saved, gone, conflict, taken
	Version int       `json:"version"`
	Early   []receipt `json:"early"`
	Stop    []string  `json:"stop"`
	Taken   []int64   `json:"taken"`
	Record  *record   `json:"record"`
	Now     int64     `json:"now"`
}

// change changes a record: the one that is remembered, or else the one that the database has.
func (s *Store) change(ctx context.Context, id string, c change) (saved, error) {
	if known, ok := s.hints.get(id); ok {
		return s.store(ctx, known.message, known.version, s.now(), c)
	}
	r, now, err := s.load(ctx, id)
	if err != nil || r == nil {
		return saved{}, err
	}
	return s.changeFrom(ctx, *r, now, c)
}

// changeFrom changes a record that was just read.
func (s *Store) changeFrom(ctx context.Context, r record, now ledger.Time, c change) (saved, error) {
	m, err := s.message(r)
	if err != nil {
		return saved{}, err
	}
	return s.store(ctx, m, r.Version, now, c)
}

// store stores a changed record, as soon as nobody else changes it.
func (s *Store) store(ctx context.Context, m ledger.Message, version int, now ledger.Time, c change) (saved, error) {
	var taken hidden
	for range maxRounds {
		t := c(&m, now, taken)
		if !t.Changed {
			return saved{found: true}, nil
		}
		q := save{
			ID:        m.ID,
			Version:   version,
			Sending:   m.Sending,
			Left:      m.Left,
			Resending: m.Resending,
			State:     string(m.State(0)),
			Kind:      m.Kind.String(),
			Use:       m.Use.String(),
			UsedAt:    int64(m.UsedAt),
			Delivered: int64(m.DeliveredAt()),
			Result:    m.Result.String(),
			Instance:  m.Instance,
			Attempts:  writeAttempts(m.Attempts),
			Names:     []int64{},
			Ended:     t.Ended,
			Answered:  t.Answered,
			Wiped:     t.Wiped,
		}
		for _, n := range t.Names {
			q.Names = append(q.Names, number(n.ID))
		}
		var a saveAnswer
		if err := s.ask(ctx, "save", q, &a); err != nil {
			s.hints.drop(m.ID) // whether it was stored is not known
			return saved{}, err
		}
		if a.Answer == "saved" {
			if m.Sending && !t.Ended && !reported(m) {
				s.hints.put(m, a.Version)
			} else {
				s.hints.drop(m.ID)
			}
			return saved{true, a.Early, a.Stop}, nil
		}
		s.hints.drop(m.ID)
		if a.Record == nil { // deleted in the meantime
			return saved{}, nil
		}
		for _, key := range a.Taken {
			taken = append(taken, text(key))
		}
		var err error
		if m, err = s.message(*a.Record); err != nil {
			return saved{}, err
		}
		version, now = a.Record.Version, ledger.Time(a.Now)
	}
	return saved{}, errContended
}

type loadAnswer struct {
	Now    int64   `json:"now"`
	Record *record `json:"record"`
}

// load returns the row of a message, nil if there is none, and the time by the database's clock.
func (s *Store) load(ctx context.Context, id string) (*record, ledger.Time, error) {
	if _, err := s.hasher(ctx); err != nil {
		return nil, 0, err
	}
	var a loadAnswer
	err := s.ask(ctx, "message", map[string]string{"id": id}, &a)
	return a.Record, ledger.Time(a.Now), err
}

// Message is described at [ledger.Store]. In the place of the instances' names for the message are hashes.
func (s *Store) Message(ctx context.Context, id string) (ledger.Message, bool, error) {
	r, _, err := s.load(ctx, id)
	if err != nil || r == nil {
		return ledger.Message{}, false, err
	}
	m, err := s.message(*r)
	return m, err == nil, err
}

// Attempt is described at [ledger.Store].
func (s *Store) Attempt(ctx context.Context, id string, a ledger.Attempt) error {
	var stopped error
	_, err := s.change(ctx, id, func(m *ledger.Message, _ ledger.Time, _ hidden) ledger.Transition {
		stopped = m.Start(a)
		return ledger.Transition{Changed: stopped == nil}
	})
	if err != nil {
		return err
	}
	return stopped
}

// hide returns an attempt as the record has it: with hashed names, without those that belong to another message.
func (h hasher) hide(a ledger.Attempt, taken hidden) ledger.Attempt {
	a = h.hideNames(a)
	a.Parts = slices.DeleteFunc(a.Parts, func(p ledger.Part) bool { return slices.Contains(taken, p.ID) })
	return a
}

// End is described at [ledger.Store].
func (s *Store) End(ctx context.Context, e ledger.Ended) (result ledger.Result, news ledger.News, err error) {
	h, err := s.hasher(ctx)
	if err != nil {
		return e.Result, news, err
	}
	result = e.Result
	done, err := s.change(ctx, e.ID, func(m *ledger.Message, now ledger.Time, taken hidden) (t ledger.Transition) {
		ended := e
		ended.Attempts = make([]ledger.Attempt, 0, len(e.Attempts))
		for _, a := range e.Attempts {
			ended.Attempts = append(ended.Attempts, h.hide(a, taken))
		}
		result, t, news = m.End(ended, now)
		return t
	})
	if err != nil {
		return e.Result, ledger.News{}, err
	}
	err = s.after(ctx, e.ID, done, &news)
	return result, news, err
}

// Late is described at [ledger.Store].
func (s *Store) Late(ctx context.Context, id string, a ledger.Attempt) (accepted bool, news ledger.News, err error) {
	h, err := s.hasher(ctx)
	if err != nil {
		return false, news, err
	}
	done, err := s.change(ctx, id, func(m *ledger.Message, now ledger.Time, taken hidden) (t ledger.Transition) {
		accepted, t, news = m.Late(h.hide(a, taken), now)
		return t
	})
	if err != nil || !done.found {
		return false, ledger.News{}, err
	}
	err = s.after(ctx, id, done, &news)
	return accepted, news, err
}
