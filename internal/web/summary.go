package web

import (
	"cmp"
	"slices"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

// window is a time that is looked at.
type window struct {
	Name string
	Long time.Duration
	Step time.Duration // of the chart
}

var windows = []window{
	{"hour", time.Hour, time.Minute},
	{"day", 24 * time.Hour, 15 * time.Minute},
	{"week", 7 * 24 * time.Hour, 2 * time.Hour},
}

// windowOf returns the window of a name, or the first one.
func windowOf(name string) window {
	for _, w := range windows {
		if w.Name == name {
			return w
		}
	}
	return windows[0]
}

// queries ask for the window that ends now, for the chart and for the rest. It begins with a whole step.
func (w window) queries(now time.Time) (chart, rest ledger.CountQuery) {
	until := now.Truncate(w.Step).Add(w.Step)
	chart = ledger.CountQuery{Since: ledger.At(until.Add(-w.Long)), Until: ledger.At(until), Step: w.Step}
	rest = chart
	rest.Step, rest.By, rest.Times = 0, ledger.ByCountry|ledger.ByInstance|ledger.ByRule, true
	return chart, rest
}

// totals are how many messages came to what, and what share that is.
type totals struct{ ledger.Totals }

// share is a part of a whole. It is unknown where the whole is 0.
type share struct{ Part, Whole int }

// Sent is how many of the messages that were tried were accepted.
func (t totals) Sent() share { return share{t.Accepted, t.Accepted + t.Failed} }

// OnPhones is how many of the messages with a receipt were delivered.
func (t totals) OnPhones() share { return share{t.Delivered, t.Reported} }

// Conversion is how many of the codes whose use is known were used. A code that a newer one replaced doesn't count.
func (t totals) Conversion() share { return share{t.Used, t.Known()} }

// percent is the share in percent; -1 if it is unknown.
func (s share) percent() float64 {
	if s.Whole == 0 {
		return -1
	}
	return 100 * float64(s.Part) / float64(s.Whole)
}

// row is the totals of one group.
type row struct {
	Key, Second string
	totals
}

// by groups counts, the largest group first.
func by(counts []ledger.Count, key func(ledger.Count) (first, second string, ok bool)) []row {
	rows := map[[2]string]*row{}
	for _, c := range counts {
		first, second, ok := key(c)
		if !ok {
			continue
		}
		r := rows[[2]string{first, second}]
		if r == nil {
			r = &row{Key: first, Second: second}
			rows[[2]string{first, second}] = r
		}
		r.Add(c)
	}
	list := make([]row, 0, len(rows))
	for _, r := range rows {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Second, b.Second))
	})
	return list
}

func byCountry(counts []ledger.Count) []row {
	return by(counts, func(c ledger.Count) (string, string, bool) { return c.Country, "", true })
}

func byRule(counts []ledger.Count) []row {
	return by(counts, func(c ledger.Count) (string, string, bool) { return c.Rule, "", c.Rule != "" })
}

// byRoute leaves out what no instance was asked for.
func byRoute(counts []ledger.Count) []row {
	return by(counts, func(c ledger.Count) (string, string, bool) { return c.Country, c.Instance, c.Instance != "" })
}

func total(counts []ledger.Count) (t totals) {
	for _, c := range counts {
		t.Add(c)
	}
	return t
}

// speeds are durations of the newest messages of a window.
type speeds []time.Duration

// at returns a quantile, from 0 to 1; 0 if there are none.
func (s speeds) at(quantile float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	slices.Sort(s)
	return s[min(int(quantile*float64(len(s))), len(s)-1)]
}

// sample is what the newest messages of a window say about answers and attempts. Counts know nothing of these.
type sample struct {
	Size      int
	Answers   speeds            // from a call to its answer
	Instances map[string]*tries // by instance
}

// tries are the attempts of one instance.
type tries struct {
	All, Failed int // failed for a reason that isn't the destination
	Times       speeds
	Codes       map[string]int // of the failures
}

// ofDestination are the kinds of failures that say nothing about the instance.
var ofDestination = []string{"recipient", "rejected", "channel"}

func sampleOf(messages []ledger.Message) sample {
	s := sample{Size: len(messages), Instances: map[string]*tries{}}
	for i := range messages {
		m := &messages[i]
		if m.AnsweredAt > m.ReceivedAt {
			s.Answers = append(s.Answers, m.AnsweredAt.Sub(m.ReceivedAt))
		}
		for _, a := range m.Attempts {
			s.try(a)
		}
	}
	return s
}

func (s sample) try(a ledger.Attempt) {
	t := s.Instances[a.Instance]
	if t == nil {
		t = &tries{Codes: map[string]int{}}
		s.Instances[a.Instance] = t
	}
	if a.State == ledger.Pending {
		return
	}
	t.All++
	if a.EndedAt > a.BegunAt {
		t.Times = append(t.Times, a.EndedAt.Sub(a.BegunAt))
	}
	if a.State == ledger.AttemptFailed && !slices.Contains(ofDestination, a.Kind.String()) {
		t.Failed++
		t.Codes[cmp.Or(a.Code, a.Kind.String())]++
	}
}

// mostCommon is the code that most failures had.
func (t *tries) mostCommon() string {
	best := ""
	for code, n := range t.Codes {
		if best == "" || n > t.Codes[best] || n == t.Codes[best] && code < best {
			best = code
		}
	}
	return best
}

// sortBy puts the rows with the largest number first.
func sortBy(rows []row, number func(row) int) {
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(number(b), number(a)) })
}
