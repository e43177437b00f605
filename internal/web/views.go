package web

import (
	"strings"

	"github.com/a-h/templ"

	"github.com/smshook/smshook/internal/ledger"
)

// top returns the first rows.
func top(rows []row, most int) []row { return rows[:min(len(rows), most)] }

// refusedRanges groups messages by what a masked number begins with, the most refused first.
func refusedRanges(messages []ledger.Message) []row {
	var counts []ledger.Count
	for i := range messages {
		m := &messages[i]
		begin, _, _ := strings.Cut(m.Number, "*")
		if begin == "" {
			continue
		}
		counts = append(counts, ledger.Count{Group: ledger.Group{Instance: begin, Country: m.Country, Rule: m.Rule, State: m.State(nowTime()), Use: m.Use}, Messages: 1})
	}
	var refused []row
	for _, r := range by(counts, func(c ledger.Count) (string, string, bool) { return c.Instance, c.Country, true }) {
		if r.Refused > 0 {
			refused = append(refused, r)
		}
	}
	sortBy(refused, func(r row) int { return r.Refused })
	return top(refused, 12)
}

// refusedCountries are those where most was refused.
func refusedCountries(f figures) []row {
	rows := byCountry(f.Counts)
	sortBy(rows, func(r row) int { return r.Refused })
	return top(rows, 12)
}

func localeWords(locale string) string {
	if locale == "*" {
		return "all other languages"
	}
	return locale
}

func langOf(locale string) templ.Attributes {
	if locale == "*" {
		return templ.Attributes{}
	}
	return templ.Attributes{"lang": locale}
}

// guardWords say what the guard does, by its setting.
var guardWords = map[string]string{
	"off":     "off",
	"observe": "observes: it refuses nothing, and what it would have refused is counted",
	"enforce": "refuses messages to ranges of numbers, from addresses and by accounts whose codes go unused",
}
