package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/smshook/smshook/internal/app"
	"github.com/smshook/smshook/internal/ledger"
)

// listing is what `smshook messages` is asked to show.
type listing struct {
	*shell
	query                             ledger.Query
	number, state, kind, since, until string
	by                                string
	limit                             int
	asJSON, asCSV                     bool
	history                           app.History
	shown                             int
	told                              time.Time // when the progress was told last
}

func newListing(sh *shell, flags *flag.FlagSet) *listing {
	l := &listing{shell: sh}
	flags.StringVar(&l.number, "number", "", "only messages to this `PHONE`, whole")
	flags.StringVar(&l.query.User, "user", "", "only messages of the user with this `ID`")
	flags.StringVar(&l.state, "state", "", "only messages of this `STATE`: "+join(ledger.States))
	flags.StringVar(&l.query.Country, "country", "", "only messages to this `COUNTRY`, such as GB")
	flags.StringVar(&l.query.Instance, "instance", "", "only messages that this `INSTANCE` has accepted")
	flags.StringVar(&l.kind, "kind", "", "only messages of this `KIND`: "+strings.Join(ledger.KindNames(), ", "))
	flags.StringVar(&l.query.Rule, "rule", "", "only messages that this `RULE` has refused, or would have, such as limit_phone")
	flags.StringVar(&l.since, "since", "", "only messages received since this `TIME`, such as 24h, 2026-01-31 or 2026-01-31T12:00:00Z")
	flags.StringVar(&l.until, "until", "", "only messages received before this `TIME`")
	flags.IntVar(&l.limit, "limit", 0, "at most so many, `N`; if it is missing, 50 in a table, and else all")
	flags.BoolVar(&l.asJSON, "json", false, "one JSON object a line")
	flags.BoolVar(&l.asCSV, "csv", false, "a line of names, and one line a message; progress is told on stderr")
	flags.StringVar(&l.by, "by", "", "count the messages by `NAMES`, of "+strings.Join(ledger.AllDimensions.Names(), ", ")+", such as country,instance")
	return l
}

func join[T ~string](list []T) string {
	var texts []string
	for _, t := range list {
		texts = append(texts, string(t))
	}
	return strings.Join(texts, ", ")
}

// tableLimit is how many messages a table has if nothing else is asked for.
const tableLimit = 50

func (l *listing) run(ctx context.Context, id string) error {
	if err := l.read(id); err != nil {
		return err
	}
	store, err := l.store()
	if err != nil {
		return err
	}
	if l.history, err = app.OpenHistory(store); err != nil {
		return err
	}
	defer l.history.Close()
	switch {
	case l.by != "":
		return l.showCounts(ctx)
	case l.asCSV:
		return l.csv(ctx)
	case l.asJSON:
		return l.json(ctx)
	case id != "":
		return l.one(ctx, id)
	}
	return l.table(ctx)
}

// read reads the flags.
func (l *listing) read(id string) (err error) {
	if l.number != "" {
		number := typed(l.number)
		if !strings.HasPrefix(number, "+") || len(number) < 3 {
			return errors.New("-number: want a whole number such as +447700900123")
		}
		l.query.Number = number[1:]
	}
	if l.query.State = ledger.State(l.state); l.state != "" && !slices.Contains(ledger.States, l.query.State) {
		return fmt.Errorf("-state: want one of %s", join(ledger.States))
	}
	kind, ok := ledger.ParseKind(l.kind)
	if l.query.Kind = kind; !ok {
		return fmt.Errorf("-kind: want one of %s", strings.Join(ledger.KindNames(), ", "))
	}
	l.query.Country = strings.ToUpper(l.query.Country)
	now := time.Now()
	if l.query.Since, err = moment(l.since, now); err != nil {
		return fmt.Errorf("-since: %w", err)
	}
	if l.query.Until, err = moment(l.until, now); err != nil {
		return fmt.Errorf("-until: %w", err)
	}
	if l.limit < 0 {
		return errors.New("-limit: want a number of messages")
	}
	if l.asJSON && l.asCSV || l.by != "" && l.asCSV {
		return errors.New("want one of -json and -csv, and -by without -csv")
	}
	if instance, name, found := strings.Cut(id, ":"); found {
		l.query.Names = []ledger.Name{{Instance: instance, ID: name}}
	} else {
		l.query.ID = id
	}
	return nil
}

// moment reads a time, or how long ago it was.
func moment(text string, now time.Time) (ledger.Time, error) {
	if text == "" {
		return 0, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return ledger.At(now.Add(-ago)), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, time.UTC); err == nil {
			return ledger.At(at), nil
		}
	}
	return 0, errors.New("want how long ago, such as 24h or 30m, or a time in UTC, such as 2026-01-31 or 2026-01-31T12:00:00Z")
}

// each gives the messages to a function, the newest first, a page at a time.
func (l *listing) each(ctx context.Context, limit int, do func(*ledger.Message) error) error {
	q, left := l.query, limit
	for {
		q.Limit = ledger.MaxPage
		if limit > 0 {
			q.Limit = min(left, ledger.MaxPage)
		}
		page, err := l.history.Messages(ctx, q)
		if err != nil {
			return err
		}
		for i := range page {
			if err := do(&page[i]); err != nil {
				return err
			}
			l.shown++
		}
		if left -= len(page); len(page) < q.Limit || limit > 0 && left == 0 {
			return nil
		}
		q.Before = page[len(page)-1].Place()
		l.progress()
	}
}

// progress tells now and then how many messages were read.
func (l *listing) progress() {
	if l.told.IsZero() {
		l.told = time.Now()
	}
	if time.Since(l.told) >= time.Second {
		l.told = time.Now()
		fmt.Fprintf(l.stderr, "%d messages\n", l.shown)
	}
}

const clockLayout = "2006-01-02 15:04:05"

func (l *listing) table(ctx context.Context) error {
	limit := l.limit
	if limit == 0 {
		limit = tableLimit
	}
	out := tabwriter.NewWriter(l.stdout, 0, 0, 2, ' ', 0)
	now := ledger.At(time.Now())
	err := l.each(ctx, limit, func(m *ledger.Message) error {
		if l.shown == 0 {
			fmt.Fprintln(out, "RECEIVED (UTC)\tSTATE\tCODE\tNUMBER\tCOUNTRY\tINSTANCE\tKIND\tID")
		}
		state := string(m.State(now))
		if m.State(now) == ledger.Refused {
			state += " " + reason(m)
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", m.ReceivedAt.Time().UTC().Format(clockLayout),
			state, dash(m.Use.String()), dash(m.Number), dash(m.Country), dash(m.Instance), dash(m.Kind.String()), m.ID)
		return nil
	})
	if err == nil && l.shown == 0 {
		_, err = fmt.Fprintln(l.stdout, "No messages.")
	}
	return errors.Join(err, out.Flush())
}

// reason is why a message was refused.
func reason(m *ledger.Message) string {
	if m.Rule != "" {
		return m.Rule
	}
	return m.Result.String()
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
