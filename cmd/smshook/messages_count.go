package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

// outcome is what became of the messages of one group.
type outcome struct {
	by []string
	ledger.Totals
}

// conversion is the share of the codes that were used, of those of which it is known; -1 if that is none.
func (c *outcome) conversion() float64 {
	if c.Known() == 0 {
		return -1
	}
	return float64(c.Used) / float64(c.Known())
}

// showCounts shows what became of messages, by some of their properties.
func (l *listing) showCounts(ctx context.Context) error {
	names := strings.Split(l.by, ",")
	q := ledger.CountQuery{Since: l.query.Since, Until: l.query.Until, Times: true, Country: l.query.Country, Instance: l.query.Instance,
		Kind: l.query.Kind, Rule: l.query.Rule, State: l.query.State}
	var dimensions []ledger.Dimensions
	for _, name := range names {
		d, ok := ledger.ParseDimension(name)
		if !ok {
			return fmt.Errorf("-by: want some of %s, with commas between", strings.Join(ledger.AllDimensions.Names(), ", "))
		}
		dimensions = append(dimensions, d)
		q.By |= d
	}
	counts, err := l.askCounts(ctx, q)
	if err != nil {
		return err
	}
	groups := map[string]*outcome{}
	for _, n := range counts {
		var by []string
		for _, d := range dimensions {
			by = append(by, n.Value(d))
		}
		key := strings.Join(by, "\x00")
		if groups[key] == nil {
			groups[key] = &outcome{by: by}
		}
		groups[key].Add(n)
	}
	var list []*outcome
	for _, c := range groups {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *outcome) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), slices.Compare(a.by, b.by))
	})
	if l.asJSON {
		return l.countsAsJSON(names, list)
	}
	out := tabwriter.NewWriter(l.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "%s\tMESSAGES\tSENT\tDELIVERED\tUSED\tUNUSED\tCONVERSION\tMEDIAN DELIVERY\tMEDIAN USE\n",
		strings.ToUpper(strings.Join(names, "\t")))
	for _, c := range list {
		var by []string
		for _, value := range c.by {
			by = append(by, dash(value))
		}
		fmt.Fprintf(out, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\n", strings.Join(by, "\t"), c.Messages, c.Accepted, c.Delivered, c.Used, c.Unused,
			number(100*c.conversion(), "%.1f %%"), number(inSeconds(c.ToDelivery.Median()), "%.1f s"), number(inSeconds(c.ToUse.Median()), "%.1f s"))
	}
	return out.Flush()
}

// askCounts asks the store for counts. Kept counts don't know IDs, numbers and users, and have no limit; for these, messages are counted one by one.
func (l *listing) askCounts(ctx context.Context, q ledger.CountQuery) ([]ledger.Count, error) {
	if l.query.ID == "" && l.query.Names == nil && l.query.Number == "" && l.query.User == "" && l.limit == 0 {
		return l.history.Count(ctx, q)
	}
	counter := ledger.NewCounter(q, ledger.At(time.Now()))
	err := l.each(ctx, l.limit, func(m *ledger.Message) error {
		counter.Add(m)
		return nil
	})
	return counter.Counts(), err
}

// inSeconds returns a duration as a number of seconds; -1 if it is negative.
func inSeconds(d time.Duration) float64 {
	if d < 0 {
		return -1
	}
	return d.Seconds()
}

func number(n float64, format string) string {
	if n < 0 {
		return "-"
	}
	return fmt.Sprintf(format, n)
}

func (l *listing) countsAsJSON(names []string, list []*outcome) error {
	out := json.NewEncoder(l.stdout)
	positive := func(n float64) *float64 {
		if n < 0 {
			return nil
		}
		return &n
	}
	for _, c := range list {
		row := map[string]any{
			"messages": c.Messages, "sent": c.Accepted, "delivered": c.Delivered, "used": c.Used, "unused": c.Unused, "conversion": positive(c.conversion()),
			"median_delivery_s": positive(inSeconds(c.ToDelivery.Median())), "median_use_s": positive(inSeconds(c.ToUse.Median())),
		}
		for i, name := range names {
			row[name] = c.by[i]
		}
		if err := out.Encode(row); err != nil {
			return err
		}
	}
	return nil
}
