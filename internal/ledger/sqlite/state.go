package sqlite

import (
	"encoding/json"
	"time"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

// state is a message as its row has it. What has a column of its own, and the contents, are not in it. The names are the file's: a
// field of the ledger may get another name, and these must stay. So must the numbers of results, states and kinds.
type state struct {
	Number     string        `json:"number,omitempty"` // masked
	Country    string        `json:"country,omitempty"`
	Range      string        `json:"range,omitempty"`
	AskedAt    ledger.Time   `json:"asked_at,omitempty"`
	AnsweredAt ledger.Time   `json:"answered_at,omitempty"`
	Life       time.Duration `json:"life,omitempty"` // in nanoseconds
	Sending    bool          `json:"sending,omitempty"`
	Charged    bool          `json:"charged,omitempty"`
	Left       bool          `json:"left,omitempty"`
	Resending  bool          `json:"resending,omitempty"`
	Proven     bool          `json:"proven,omitempty"`
	Kind       int           `json:"kind,omitempty"`
	Use        int           `json:"use,omitempty"`
	UsedAt     ledger.Time   `json:"used_at,omitempty"`
	Segments   uint8         `json:"segments,omitempty"`
	Rule       string        `json:"rule,omitempty"`
	Why        string        `json:"why,omitempty"`
	Result     int           `json:"result,omitempty"`
	Instance   string        `json:"instance,omitempty"`
	Lost       string        `json:"lost,omitempty"`
	Attempts   []attempt     `json:"attempts,omitempty"`
}

type attempt struct {
	Instance string      `json:"instance"`
	Channel  string      `json:"channel,omitempty"`
	BegunAt  ledger.Time `json:"begun_at,omitempty"`
	EndedAt  ledger.Time `json:"ended_at,omitempty"`
	State    int         `json:"state,omitempty"`
	Kind     int         `json:"kind,omitempty"`
	Code     string      `json:"code,omitempty"`
	Parts    []part      `json:"parts,omitempty"`
}

type part struct {
	ID    string      `json:"id"`
	State int         `json:"state,omitempty"`
	At    ledger.Time `json:"at,omitempty"`
}

// encode returns the state of a message as JSON.
func encode(m ledger.Message) (string, error) {
	s := state{
		Number: m.Number, Country: m.Country, Range: m.Range, AskedAt: m.AskedAt, AnsweredAt: m.AnsweredAt, Life: m.Life,
		Sending: m.Sending, Charged: m.Charged, Left: m.Left, Resending: m.Resending, Proven: m.Proven,
		Kind: int(m.Kind), Use: int(m.Use), UsedAt: m.UsedAt, Segments: m.Segments, Rule: m.Rule, Why: m.Why,
		Result: int(m.Result), Instance: m.Instance, Lost: m.Lost,
	}
	for _, a := range m.Attempts {
		n := attempt{a.Instance, a.Channel, a.BegunAt, a.EndedAt, int(a.State), int(a.Kind), a.Code, nil}
		for _, p := range a.Parts {
			n.Parts = append(n.Parts, part{p.ID, int(p.State), p.At})
		}
		s.Attempts = append(s.Attempts, n)
	}
	text, err := json.Marshal(s)
	return string(text), err
}

// valid reports whether all numbers are ones that have a name.
func (s state) valid() bool {
	within := func(n, most int) bool { return n >= 0 && n <= most }
	for _, a := range s.Attempts {
		if !within(a.State, int(ledger.AttemptAccepted)) || !within(a.Kind, int(providers.Recipient)) {
			return false
		}
		for _, p := range a.Parts {
			if !within(p.State, int(providers.StateRead)) {
				return false
			}
		}
	}
	return within(s.Result, int(ledger.TooMany)) && within(s.Kind, int(ledger.Other)) && within(s.Use, int(ledger.UseUnknown))
}

// decode returns the message of a row, without its contents.
func decode(id string, receivedAt ledger.Time, mfa bool, text string) (ledger.Message, error) {
	var s state
	if err := json.Unmarshal([]byte(text), &s); err != nil || !s.valid() {
		return ledger.Message{}, errCorrupt
	}
	m := ledger.Message{
		ID: id, Number: s.Number, Country: s.Country, Range: s.Range, ReceivedAt: receivedAt, AskedAt: s.AskedAt, AnsweredAt: s.AnsweredAt, Life: s.Life,
		Sending: s.Sending, Charged: s.Charged, Left: s.Left, Resending: s.Resending, MFA: mfa, Proven: s.Proven,
		Kind: ledger.Kind(s.Kind), Use: ledger.Use(s.Use), UsedAt: s.UsedAt, Segments: s.Segments, Rule: s.Rule, Why: s.Why,
		Result: ledger.Result(s.Result), Instance: s.Instance, Lost: s.Lost,
	}
	for _, n := range s.Attempts {
		a := ledger.Attempt{
			Instance: n.Instance, Channel: n.Channel, BegunAt: n.BegunAt, EndedAt: n.EndedAt,
			State: ledger.AttemptState(n.State), Kind: providers.Kind(n.Kind), Code: n.Code,
		}
		for _, p := range n.Parts {
			a.Parts = append(a.Parts, ledger.Part{ID: p.ID, State: providers.State(p.State), At: p.At})
		}
		m.Attempts = append(m.Attempts, a)
	}
	return m, nil
}
