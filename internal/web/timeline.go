package web

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/smshook/smshook/internal/ledger"
)

// event is one thing that happened to a message.
type event struct {
	At     ledger.Time
	Title  string
	Detail string
	Tone   string // as toneOf
}

// after says how long after the call it happened.
func (e event) after(m *ledger.Message) string {
	if e.At == m.ReceivedAt {
		return ""
	}
	if e.At < m.ReceivedAt {
		return "−" + took(m.ReceivedAt.Sub(e.At))
	}
	return "+" + took(e.At.Sub(m.ReceivedAt))
}

// timeline is what happened to a message, in the order of time.
func timeline(m *ledger.Message, now ledger.Time) []event {
	list := []event{{At: m.ReceivedAt, Title: "The call was received", Detail: received(m), Tone: "none"}}
	if m.Lost != "" {
		list = append(list, event{m.ReceivedAt, "The user asked again", m.Lost + " seemed to have lost the message before: it is tried last", "none"})
	}
	if m.Result == ledger.JustSent || m.Rule != "" || m.Result == ledger.BadNumber && len(m.Attempts) == 0 {
		list = append(list, refusal(m))
	}
	for i := range m.Attempts {
		list = append(list, attemptEvents(&m.Attempts[i])...)
	}
	if m.AnsweredAt != 0 {
		list = append(list, event{m.AnsweredAt, "The caller was told that it was accepted", "", "info"})
	}
	if m.UsedAt != 0 {
		list = append(list, event{m.UsedAt, "The code was used", "by the clock of the caller", "good"})
	}
	if end := m.ExpiresAt(); end <= now && m.UsedAt == 0 && len(m.Attempts) > 0 {
		list = append(list, event{end, "The code expired", expired(m), toneOfUse(m.Use)})
	}
	slices.SortStableFunc(list, func(a, b event) int { return cmp.Compare(a.At, b.At) })
	return list
}

func received(m *ledger.Message) string {
	words := "for a " + kindWords[m.Kind.String()]
	if m.Proven {
		words += ", to a number that the account has proved to be its own"
	}
	if m.AskedAt != 0 && m.ReceivedAt > m.AskedAt {
		words += fmt.Sprintf(", %s after it was made by the caller's clock", took(m.ReceivedAt.Sub(m.AskedAt)))
	}
	return words
}

func refusal(m *ledger.Message) event {
	switch {
	case m.Result == ledger.JustSent:
		return event{m.ReceivedAt, "Not sent: another message of the user had just been accepted", "its code is the valid one", "warn"}
	case m.Rule == "":
		return event{m.ReceivedAt, "Refused: the number can't get messages", "", "warn"}
	case m.Result == ledger.TooMany || m.Result == ledger.BadNumber && len(m.Attempts) == 0:
		return event{m.ReceivedAt, "Refused by " + m.Rule, "", "warn"}
	}
	return event{m.ReceivedAt, m.Rule + " would have refused it", "it only observes", "warn"}
}

func expired(m *ledger.Message) string {
	switch m.Use {
	case ledger.Unused:
		return "nobody used it"
	case ledger.Replaced:
		return "a newer code had taken its place"
	}
	return "after " + took(m.Life)
}

func attemptEvents(a *ledger.Attempt) []event {
	list := []event{{a.BegunAt, a.Instance + " was asked", "by " + cmp.Or(a.Channel, "sms"), "none"}}
	switch {
	case a.State == ledger.AttemptAccepted:
		list = append(list, event{cmp.Or(a.EndedAt, a.BegunAt), a.Instance + " accepted it", answeredIn(a), "info"})
	case a.State == ledger.AttemptFailed && (a.EndedAt != 0 || len(a.Parts) == 0):
		list = append(list, event{cmp.Or(a.EndedAt, a.BegunAt), a.Instance + " failed: " + a.Kind.String(), failure(a), "bad"})
	}
	for i, part := range a.Parts {
		if part.At == 0 {
			continue
		}
		title := a.Instance + " reports: " + part.State.String()
		if len(a.Parts) > 1 {
			title += fmt.Sprintf(", part %d of %d", i+1, len(a.Parts))
		}
		e := event{part.At, title, "", "info"}
		switch {
		case part.State.Delivered():
			e.Tone = "good"
		case part.State.Failed():
			e.Tone, e.Detail = "bad", failure(a)
		}
		list = append(list, e)
	}
	return list
}

func answeredIn(a *ledger.Attempt) string {
	if a.EndedAt <= a.BegunAt {
		return ""
	}
	return "it answered in " + took(a.EndedAt.Sub(a.BegunAt))
}

// kindAdvice says what a failure means for the operator.
var kindAdvice = map[string]string{
	"temporary": "the provider may work again soon",
	"account":   "an operator must look at the account",
	"rejected":  "the provider refuses this message",
	"channel":   "the person can't be reached on this channel",
	"recipient": "nobody will reach this number",
	"unknown":   "it may have been sent",
}

func failure(a *ledger.Attempt) string {
	words := kindAdvice[a.Kind.String()]
	if a.Code != "" {
		words = "code " + a.Code + "; " + words
	}
	if a.EndedAt > a.BegunAt && a.State == ledger.AttemptFailed {
		words += "; it answered in " + took(a.EndedAt.Sub(a.BegunAt))
	}
	return words
}

// summaryOf says in one sentence what became of a message.
func summaryOf(m *ledger.Message, now ledger.Time) string {
	switch m.State(now) {
	case ledger.Refused:
		switch {
		case m.Result == ledger.JustSent:
			return "It was not sent, because the user had just got another code."
		case m.Rule != "":
			return "It was not sent: " + m.Rule + " refused it."
		}
		return "It was not sent: the number can't get messages."
	case ledger.StateFailed:
		return "No instance accepted it: the user was told that the code could not be sent."
	case ledger.Undelivered:
		return "It was accepted, but a receipt says that it was not delivered."
	case ledger.Delivered, ledger.Read:
		words := "It is on the phone"
		if at := m.DeliveredAt(); at > m.ReceivedAt {
			words += ", " + took(at.Sub(m.ReceivedAt)) + " after the call"
		}
		return words + use(m) + "."
	case ledger.StateAccepted, ledger.Sent:
		return m.Instance + " has it. No receipt says yet that it is on the phone" + use(m) + "."
	case ledger.Sending:
		return "It is being sent."
	case ledger.Expired:
		return "Its code expired before an instance was asked."
	}
	return "It waits."
}

func use(m *ledger.Message) string {
	switch m.Use {
	case ledger.Used:
		if m.UsedAt > m.ReceivedAt {
			return ", and the code was used after " + took(m.UsedAt.Sub(m.ReceivedAt))
		}
		return ", and the code was used"
	case ledger.Unused:
		return ", and nobody used the code"
	case ledger.Replaced:
		return ", and a newer code took its place"
	}
	return ""
}
