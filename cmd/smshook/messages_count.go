package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/smshook/smshook/internal/ledger"
)

// keys are what messages can be counted by.
var keys = map[string]func(*ledger.Message) string{
	"country":  func(m *ledger.Message) string { return m.Country },
	"instance": func(m *ledger.Message) string { return m.Instance },
	"channel":  func(m *ledger.Message) string { return m.Channel() },
	"kind":     func(m *ledger.Message) string { return m.Kind.String() },
}

// counted is what became of the messages of one group.
type counted struct {
	by                                      []string
	messages, sent, delivered, used, unused int
	untilDelivered, untilUsed               []int32 // ms
}

// conversion is the share of the codes that were used, of those of which it is known; -1 if that is none. A code that a newer one replaced says
// nothing.
func (c *counted) conversion() float64 {
	if c.used+c.unused == 0 {
		return -1
	}
	return float64(c.used) / float64(c.used+c.unused)
}

// middle returns the middle one; -1 if there is none.
func middle(ms []int32) float64 {
	if len(ms) == 0 {
		return -1
	}
	slices.Sort(ms)
	return float64(ms[len(ms)/2]) / 1000
}

func (c *counted) add(m *ledger.Message) {
	c.messages++
	if m.Result == ledger.Accepted {
		c.sent++
	}
	if at := m.DeliveredAt(); at != 0 {
		c.delivered++
		c.untilDelivered = append(c.untilDelivered, int32(at.Sub(m.ReceivedAt).Milliseconds()))
	}
	switch m.Use {
	case ledger.Used:
		c.used++
		if m.UsedAt != 0 {
			c.untilUsed = append(c.untilUsed, int32(m.UsedAt.Sub(m.AskedAt).Milliseconds()))
		}
	case ledger.Unused:
		c.unused++
	}
}

// count shows what became of messages, by some of their properties.
func (l *listing) count(ctx context.Context) error {
	names := strings.Split(l.by, ",")
	for _, name := range names {
		if keys[name] == nil {
			return fmt.Errorf("-by: want some of %s, with commas between", strings.Join(slices.Sorted(maps.Keys(keys)), ", "))
		}
	}
	groups := map[string]*counted{}
	err := l.each(ctx, l.limit, func(m *ledger.Message) error {
		var by []string
		for _, name := range names {
			by = append(by, keys[name](m))
		}
		key := strings.Join(by, "\x00")
		if groups[key] == nil {
			groups[key] = &counted{by: by}
		}
		groups[key].add(m)
		return nil
	})
	if err != nil {
		return err
	}
	list := slices.Collect(maps.Values(groups))
	slices.SortFunc(list, func(a, b *counted) int {
		return cmp.Or(cmp.Compare(b.messages, a.messages), slices.Compare(a.by, b.by))
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
		fmt.Fprintf(out, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\n", strings.Join(by, "\t"), c.messages, c.sent, c.delivered, c.used, c.unused,
			number(100*c.conversion(), "%.1f %%"), number(middle(c.untilDelivered), "%.1f s"), number(middle(c.untilUsed), "%.1f s"))
	}
	return out.Flush()
}

func number(n float64, format string) string {
	if n < 0 {
		return "-"
	}
	return fmt.Sprintf(format, n)
}

func (l *listing) countsAsJSON(names []string, list []*counted) error {
	out := json.NewEncoder(l.stdout)
	positive := func(n float64) *float64 {
		if n < 0 {
			return nil
		}
		return &n
	}
	for _, c := range list {
		row := map[string]any{
			"messages": c.messages, "sent": c.sent, "delivered": c.delivered, "used": c.used, "unused": c.unused, "conversion": positive(c.conversion()),
			"median_delivery_s": positive(middle(c.untilDelivered)), "median_use_s": positive(middle(c.untilUsed)),
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
