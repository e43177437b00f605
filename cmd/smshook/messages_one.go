package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

var errNoMessage = errors.New("there is no such message in the store: it may be older than SMSHOOK_KEEP")

// one shows what happened to one message.
func (l *listing) one(ctx context.Context, _ string) error {
	page, err := l.history.Messages(ctx, l.query)
	if err != nil {
		return err
	}
	if len(page) == 0 {
		return errNoMessage
	}
	_, err = fmt.Fprint(l.stdout, way(&page[0], ledger.At(time.Now())))
	return err
}

// event is something that happened to a message.
type event struct {
	at   ledger.Time
	text string
}

// way is a message on one screen: what it is, and what happened to it.
func way(m *ledger.Message, now ledger.Time) string {
	proven := "not proven to be the user's"
	if m.Proven {
		proven = "proven to be the user's"
	}
	head := []string{
		fmt.Sprintf("message   %s", m.ID),
		fmt.Sprintf("number    %s, %s, %s", dash(m.Number), cmp.Or(m.Country, "no country"), proven),
		fmt.Sprintf("kind      %s, %d segments, valid until %s",
			cmp.Or(m.Kind.String(), "not known yet"), m.Segments, m.ExpiresAt().Time().UTC().Format(clockLayout)),
		fmt.Sprintf("state     %s%s", m.State(now), because(m, now)),
		fmt.Sprintf("code      %s", cmp.Or(m.Use.String(), "not known yet whether it was used")),
	}
	var lines []string
	for _, e := range events(m) {
		at := e.at.Time().UTC().Format("2006-01-02 15:04:05.000")
		lines = append(lines, fmt.Sprintf("%s  %+9.3fs  %s", at, e.at.Sub(m.ReceivedAt).Seconds(), e.text))
	}
	return strings.Join(head, "\n") + "\n\n" + strings.Join(lines, "\n") + "\n"
}

func because(m *ledger.Message, now ledger.Time) string {
	switch {
	case m.State(now) == ledger.Refused && m.Why != "":
		return ": " + reason(m) + ", " + m.Why
	case m.State(now) == ledger.Refused:
		return ": " + reason(m)
	case m.Rule != "":
		return ", observed by " + m.Rule
	}
	return ""
}

// events are what happened to a message, in order.
func events(m *ledger.Message) []event {
	list := []event{{m.ReceivedAt, "received"}}
	for _, a := range m.Attempts {
		name := a.Instance
		if a.Channel != "" {
			name += " (" + a.Channel + ")"
		}
		list = append(list, event{a.BegunAt, name + " is asked"})
		code := ""
		if a.Code != "" {
			code = ", code " + a.Code
		}
		switch {
		case a.EndedAt == 0:
		case a.State == ledger.AttemptAccepted:
			list = append(list, event{a.EndedAt, name + " accepts"})
		default:
			list = append(list, event{a.EndedAt, name + " fails: " + a.Kind.String() + code})
		}
		for i, p := range a.Parts {
			if p.At == 0 {
				continue
			}
			part := ""
			if len(a.Parts) > 1 {
				part = fmt.Sprintf(" of part %d", i+1)
			}
			text := name + " reports" + part + ": " + p.State.String()
			if p.State.Failed() {
				text += ", " + a.Kind.String() + code
			}
			list = append(list, event{p.At, text})
		}
	}
	if m.AnsweredAt != 0 {
		list = append(list, event{m.AnsweredAt, "the caller is told that it was sent"})
	}
	if m.UsedAt != 0 {
		list = append(list, event{m.UsedAt, "the code is used"})
	}
	slices.SortStableFunc(list, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	return list
}
