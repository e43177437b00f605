package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

// exported is a message as -json shows it. Times are in UTC.
type exported struct {
	ID          string            `json:"id"`
	CreatedAt   time.Time         `json:"created_at"`
	ExpiresAt   time.Time         `json:"expires_at"`
	Number      string            `json:"number"` // masked
	Country     string            `json:"country"`
	Instance    string            `json:"instance"`
	Channel     string            `json:"channel"`
	Kind        *string           `json:"kind"` // null: not known yet
	Proven      bool              `json:"proven"`
	Segments    int               `json:"segments"`
	State       ledger.State      `json:"state"`
	Result      string            `json:"result"`
	Rule        string            `json:"rule,omitempty"`
	Conversion  *string           `json:"conversion"` // null: not known yet
	DeliveredAt *time.Time        `json:"delivered_at"`
	UsedAt      *time.Time        `json:"used_at"`
	Attempts    []exportedAttempt `json:"attempts"`
}

type exportedAttempt struct {
	Instance string            `json:"instance"`
	Channel  string            `json:"channel"`
	BegunAt  *time.Time        `json:"begun_at"`
	EndedAt  *time.Time        `json:"ended_at"`
	State    string            `json:"state"`          // pending, failed, accepted
	Kind     string            `json:"kind,omitempty"` // of the failure
	Code     string            `json:"code,omitempty"` // the provider's
	Receipts []exportedReceipt `json:"receipts"`
}

type exportedReceipt struct {
	State string     `json:"state"`
	At    *time.Time `json:"at"`
}

var attemptStates = map[ledger.AttemptState]string{ledger.Pending: "pending", ledger.AttemptFailed: "failed", ledger.AttemptAccepted: "accepted"}

func export(m *ledger.Message, now ledger.Time) exported {
	e := exported{
		ID: m.ID, CreatedAt: m.ReceivedAt.Time().UTC(), ExpiresAt: m.ExpiresAt().Time().UTC(), Number: m.Number, Country: m.Country,
		Instance: m.Instance, Channel: m.Channel(), Kind: known(m.Kind.String()), Proven: m.Proven, Segments: int(m.Segments),
		State: m.State(now), Result: m.Result.String(), Rule: m.Rule, Conversion: known(m.Use.String()),
		DeliveredAt: utc(m.DeliveredAt()), UsedAt: utc(m.UsedAt), Attempts: []exportedAttempt{},
	}
	for _, a := range m.Attempts {
		x := exportedAttempt{
			Instance: a.Instance, Channel: a.Channel, BegunAt: utc(a.BegunAt), EndedAt: utc(a.EndedAt), State: attemptStates[a.State], Code: a.Code,
			Receipts: []exportedReceipt{},
		}
		if a.Over() {
			x.Kind = a.Kind.String()
		}
		for _, p := range a.Parts {
			if p.At != 0 {
				x.Receipts = append(x.Receipts, exportedReceipt{p.State.String(), utc(p.At)})
			}
		}
		e.Attempts = append(e.Attempts, x)
	}
	return e
}

func known(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func utc(t ledger.Time) *time.Time {
	if t == 0 {
		return nil
	}
	at := t.Time().UTC()
	return &at
}

func (l *listing) json(ctx context.Context) error {
	out, now := json.NewEncoder(l.stdout), ledger.At(time.Now())
	return l.each(ctx, l.limit, func(m *ledger.Message) error { return out.Encode(export(m, now)) })
}

func (l *listing) csv(ctx context.Context) error {
	out, now := csv.NewWriter(l.stdout), ledger.At(time.Now())
	_ = out.Write([]string{"id", "created_at", "number", "country", "instance", "channel", "kind", "proven", "segments", "state", "result",
		"rule", "conversion", "attempts", "delivered_after_s", "used_after_s"}) // Flush tells the error
	err := l.each(ctx, l.limit, func(m *ledger.Message) error {
		return out.Write([]string{m.ID, m.ReceivedAt.Time().UTC().Format(time.RFC3339Nano), m.Number, m.Country, m.Instance, m.Channel(), m.Kind.String(),
			strconv.FormatBool(m.Proven), strconv.Itoa(int(m.Segments)), string(m.State(now)), m.Result.String(), m.Rule, m.Use.String(),
			strconv.Itoa(len(m.Attempts)), seconds(m.DeliveredAt(), m.ReceivedAt), seconds(m.UsedAt, m.AskedAt)})
	})
	out.Flush()
	return errors.Join(err, out.Error())
}

// seconds is how long something took; empty if it never happened.
func seconds(at, from ledger.Time) string {
	if at == 0 {
		return ""
	}
	return strconv.FormatFloat(at.Sub(from).Seconds(), 'f', 3, 64)
}
