package postgres

import (
	"fmt"
	"slices"
	"time"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

// record is a row of smshook.message as the functions of the schema return it. Enumerations are stored by name.
type record struct {
	ID         string    `json:"id"`
	Version    int       `json:"version"`
	Number     string    `json:"number"`
	Country    string    `json:"country"`
	Range      string    `json:"range"`
	ReceivedAt int64     `json:"received_at"`
	AskedAt    int64     `json:"asked_at"`
	AnsweredAt int64     `json:"answered_at"`
	Life       int64     `json:"life"`
	MFA        bool      `json:"mfa"`
	Sending    bool      `json:"sending"`
	Charged    bool      `json:"charged"`
	Left       bool      `json:"left"`
	Resending  bool      `json:"resending"`
	Proven     bool      `json:"proven"`
	Kind       string    `json:"kind"`
	Use        string    `json:"use"`
	UsedAt     int64     `json:"used_at"`
	Segments   uint8     `json:"segments"`
	Rule       string    `json:"rule"`
	Why        string    `json:"why"`
	Result     string    `json:"result"`
	Instance   string    `json:"instance"`
	Lost       string    `json:"lost"`
	Attempts   []attempt `json:"attempts"`
	Sealed     []byte    `json:"sealed"`
}

type attempt struct {
	Instance string `json:"instance"`
	Channel  string `json:"channel"`
	BegunAt  int64  `json:"begun_at"` // by the clock of the replica, as is EndedAt
	EndedAt  int64  `json:"ended_at,omitempty"`
	State    string `json:"state"`
	Kind     string `json:"kind"`
	Code     string `json:"code,omitempty"`
	Parts    []part `json:"parts,omitempty"`
}

type part struct {
	ID    string `json:"id"` // hashed
	State string `json:"state"`
	At    int64  `json:"at,omitempty"`
}

var (
	attemptStates = []string{ledger.Pending: "pending", ledger.AttemptFailed: "failed", ledger.AttemptAccepted: "accepted"}
	results       = names[ledger.Result](ledger.TooMany)
	kinds         = names[providers.Kind](providers.Recipient)
	states        = names[providers.State](providers.StateRead)
	messageKinds  = names[ledger.Kind](ledger.Other)
	uses          = names[ledger.Use](ledger.UseUnknown)
)

// names returns the names of an enumeration up to its last value.
func names[T interface {
	~int | ~int8
	String() string
}](last T) []string {
	var all []string
	for v := T(0); v <= last; v++ {
		all = append(all, v.String())
	}
	return all
}

// value returns the value of a name, or sets err: a newer version of smshook may have written a name that this one doesn't know.
func value[T ~int | ~int8](names []string, name string, err *error) T {
	i := slices.Index(names, name)
	if i < 0 {
		*err = fmt.Errorf("the database holds %q, which this version of smshook doesn't know", name)
	}
	return T(i)
}

// message returns the record as package ledger has it. The names of instances stay hashed.
func (s *Store) message(r record) (m ledger.Message, err error) {
	m = ledger.Message{
		ID:         r.ID,
		Number:     r.Number,
		Country:    r.Country,
		Range:      r.Range,
		ReceivedAt: ledger.Time(r.ReceivedAt),
		AskedAt:    ledger.Time(r.AskedAt),
		AnsweredAt: ledger.Time(r.AnsweredAt),
		Life:       time.Duration(r.Life) * time.Microsecond,
		Sending:    r.Sending,
		Charged:    r.Charged,
		Left:       r.Left,
		Resending:  r.Resending,
		MFA:        r.MFA,
		Proven:     r.Proven,
		Kind:       value[ledger.Kind](messageKinds, r.Kind, &err),
		Use:        value[ledger.Use](uses, r.Use, &err),
		UsedAt:     ledger.Time(r.UsedAt),
		Segments:   r.Segments,
		Rule:       r.Rule,
		Why:        r.Why,
		Result:     value[ledger.Result](results, r.Result, &err),
		Instance:   r.Instance,
		Lost:       r.Lost,
	}
	m.Attempts = readAttempts(r.Attempts, &err)
	if len(r.Sealed) > 0 {
		if contents, openErr := s.settings.Sealer.Open(r.ID, r.Sealed); openErr == nil { // else the key is gone: the message can't be sent again
			m.Contents = &contents
		}
	}
	return m, err
}

func readAttempts(rows []attempt, err *error) (attempts []ledger.Attempt) {
	for _, a := range rows {
		read := ledger.Attempt{
			Instance: a.Instance,
			Channel:  a.Channel,
			BegunAt:  ledger.Time(a.BegunAt),
			EndedAt:  ledger.Time(a.EndedAt),
			State:    value[ledger.AttemptState](attemptStates, a.State, err),
			Kind:     value[providers.Kind](kinds, a.Kind, err),
			Code:     a.Code,
		}
		for _, p := range a.Parts {
			read.Parts = append(read.Parts, ledger.Part{ID: p.ID, State: value[providers.State](states, p.State, err), At: ledger.Time(p.At)})
		}
		attempts = append(attempts, read)
	}
	return attempts
}

func writeAttempts(attempts []ledger.Attempt) []attempt {
	rows := make([]attempt, 0, len(attempts))
	for _, a := range attempts {
		row := attempt{
			Instance: a.Instance, Channel: a.Channel, BegunAt: int64(a.BegunAt), EndedAt: int64(a.EndedAt),
			State: attemptStates[a.State], Kind: a.Kind.String(), Code: a.Code,
		}
		for _, p := range a.Parts {
			row.Parts = append(row.Parts, part{p.ID, p.State.String(), int64(p.At)})
		}
		rows = append(rows, row)
	}
	return rows
}

// sealed returns the contents of a message, sealed; nothing if messages are never sent again.
func (s *Store) sealed(m providers.Message) []byte {
	if !s.settings.LateFallback {
		return nil
	}
	return s.settings.Sealer.Seal(m)
}
