package web

import (
	"net/url"
	"time"

	"github.com/a-h/templ"

	"github.com/smshook/smshook/internal/ledger"
)

func nowTime() ledger.Time { return ledger.At(time.Now()) }

func pathOf(id string) string { return url.PathEscape(id) }

// lastTried is the instance that was asked last, of a message that none accepted.
func lastTried(m *ledger.Message) string {
	if len(m.Attempts) == 0 {
		return "–"
	}
	return m.Attempts[len(m.Attempts)-1].Instance
}

func answerTime(m *ledger.Message) string {
	if m.AnsweredAt == 0 {
		return "–"
	}
	return took(m.AnsweredAt.Sub(m.ReceivedAt))
}

func stateNames() (names []string) {
	for _, s := range ledger.States {
		names = append(names, string(s))
	}
	return names
}

func instanceNames(list []Instance) (names []string) {
	for _, i := range list {
		names = append(names, i.Name)
	}
	return names
}

// newest is the filter for its first page.
func (f filter) newest() filter {
	f.Before = ledger.Place{}
	return f
}

// rowsLive are the attributes of a list that shows new messages. An older page stays as it is.
func rowsLive(base string, l list) templ.Attributes {
	if l.Found != "" || l.Filter.Before != (ledger.Place{}) {
		return templ.Attributes{}
	}
	return templ.Attributes{"hx-get": base + "messages" + l.Filter.address(), "hx-trigger": "sse:changed", "hx-target": "#rows", "hx-swap": "innerHTML"}
}
