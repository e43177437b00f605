package ledgertest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

// messages returns what a query asks for.
func (d *desk) messages(q ledger.Query) []ledger.Message {
	page, err := d.Messages(d.Context(), q)
	require.NoError(d, err)
	return page
}

// ids returns the IDs of the messages that a query asks for.
func (d *desk) ids(q ledger.Query) (ids []string) {
	for _, m := range d.messages(q) {
		ids = append(ids, m.ID)
	}
	return ids
}

func history(d *desk) {
	at := func(after time.Duration) ledger.Time { return ledger.At(d.clock.Now()).Add(after) }
	want := ledger.Message{
		ID: "1", Number: "+4477*****123", Country: "GB", Range: "b3f0", ReceivedAt: at(0), AskedAt: at(-40 * time.Millisecond), AnsweredAt: at(3 * time.Second),
		Life: time.Minute, Charged: true, Proven: true, Kind: ledger.PhoneChange, Segments: 2, Result: ledger.Accepted, Instance: "b",
		Attempts: []ledger.Attempt{
			{Instance: "a", Channel: "another", BegunAt: at(0), EndedAt: at(time.Second), State: ledger.AttemptFailed, Kind: providers.Channel, Code: "131026"},
			{Instance: "b", Channel: "sms", BegunAt: at(time.Second), EndedAt: at(3 * time.Second), State: ledger.AttemptAccepted, Code: "7", Parts: []ledger.Part{
				{State: providers.StateRead, At: at(10 * time.Second)}, {State: providers.StateDelivered, At: at(11 * time.Second)},
			}},
		},
	}
	c := d.call("1", func(c *ledger.Call) {
		c.Range, c.AskedAt, c.Proven, c.Kind, c.Message.Segments = want.Range, want.AskedAt, true, want.Kind, 2
	})
	require.True(d, d.begin(c).Go)
	a, b := want.Attempts[0], want.Attempts[1]
	b.Code, b.Parts = "", []ledger.Part{{ID: "p1"}, {ID: "p2"}}
	for _, each := range []ledger.Attempt{a, b} {
		require.NoError(d, d.Attempt(d.Context(), "1", ledger.Attempt{Instance: each.Instance, Channel: each.Channel, BegunAt: each.BegunAt}))
	}
	require.Equal(d, ledger.Sending, d.state("1"))
	d.clock.Move(3 * time.Second)
	d.end(ledger.Ended{ID: "1", Result: ledger.Accepted, Instance: "b", Attempts: []ledger.Attempt{a, b}})
	require.Equal(d, ledger.StateAccepted, d.state("1"))
	for _, step := range []struct {
		after time.Duration
		part  string
		state providers.State
		code  string
		want  ledger.State
	}{
		{6 * time.Second, "p1", providers.StateSent, "", ledger.StateAccepted},
		{time.Second, "p1", providers.StateDelivered, "7", ledger.StateAccepted},
		{time.Second, "p2", providers.StateDelivered, "", ledger.Delivered},
		{time.Second, "p1", providers.StateRead, "", ledger.Delivered},
	} {
		d.clock.Move(step.after)
		_, err := d.Receipt(d.Context(), "b", "", providers.Receipt{ID: step.part, State: step.state, Code: step.code})
		require.NoError(d, err)
		require.Equal(d, step.want, d.state("1"))
	}
	got := d.messages(ledger.Query{})
	for i := range want.Attempts[1].Parts { // the clock stands at 12 s now
		want.Attempts[1].Parts[i].At = want.ReceivedAt.Add(time.Duration(10+i) * time.Second)
	}
	require.Equal(d, []ledger.Message{want}, got)
	require.Equal(d, "sms", got[0].Channel())
	require.Equal(d, 11*time.Second, got[0].DeliveredAt().Sub(got[0].ReceivedAt))
}

// state returns how far a message is.
func (d *desk) state(id string) ledger.State {
	page := d.messages(ledger.Query{ID: id})
	require.Len(d, page, 1)
	return page[0].State(ledger.At(d.clock.Now()))
}

func foundBy(d *desk) {
	start := ledger.At(d.clock.Now())
	other := func(c *ledger.Call) {
		c.Flow, c.Country, c.Kind = ledger.Flow{User: "another", Number: "33612345678"}, "FR", ledger.OTP
	}
	d.send(d.call("delivered"), "a", "SM1")
	d.report("a", "", "SM1", providers.StateDelivered, 0)
	d.clock.Move(2 * time.Second)
	d.send(d.call("sent", other), "b", "SM1")
	d.report("b", "", "SM1", providers.StateSent, 0)
	d.clock.Move(2 * time.Second)
	d.send(d.call("undelivered", mfa, func(c *ledger.Call) { c.Kind = ledger.MFA }), "b", "SM2")
	d.report("b", "", "SM2", providers.StateUndelivered, providers.Recipient)
	d.clock.Move(2 * time.Second)
	d.fail(d.call("failed", other), d.failed("a", providers.Account))
	d.clock.Move(2 * time.Second)
	require.True(d, d.begin(d.call("sending")).Go)
	waiting, err := d.Begin(d.short(), d.call("waits"))
	require.Error(d, err, "%v", waiting)

	for name, tt := range map[string]struct {
		query ledger.Query
		want  []string
	}{
		"all":             {ledger.Query{}, []string{"waits", "sending", "failed", "undelivered", "sent", "delivered"}},
		"ID":              {ledger.Query{ID: "sent"}, []string{"sent"}},
		"no such ID":      {ledger.Query{ID: "SM1"}, nil},
		"name":            {ledger.Query{Names: []ledger.Name{{Instance: "a", ID: "SM1"}}}, []string{"delivered"}},
		"one of names":    {ledger.Query{Names: []ledger.Name{{Instance: "a", ID: "SM2"}, {Instance: "b", ID: "SM2"}}}, []string{"undelivered"}},
		"no such name":    {ledger.Query{Names: []ledger.Name{{Instance: "c", ID: "SM1"}}}, nil},
		"number":          {ledger.Query{Number: "33612345678"}, []string{"failed", "sent"}},
		"masked number":   {ledger.Query{Number: "+4477*****123"}, nil},
		"user":            {ledger.Query{User: "another"}, []string{"failed", "sent"}},
		"country":         {ledger.Query{Country: "GB"}, []string{"waits", "sending", "undelivered", "delivered"}},
		"instance":        {ledger.Query{Instance: "b"}, []string{"undelivered", "sent"}},
		"kind":            {ledger.Query{Kind: ledger.MFA}, []string{"undelivered"}},
		"state":           {ledger.Query{State: ledger.Delivered}, []string{"delivered"}},
		"queued":          {ledger.Query{State: ledger.Queued}, []string{"waits"}},
		"not expired":     {ledger.Query{State: ledger.Expired}, nil},
		"sending":         {ledger.Query{State: ledger.Sending}, []string{"sending"}},
		"sent":            {ledger.Query{State: ledger.Sent}, []string{"sent"}},
		"undelivered":     {ledger.Query{State: ledger.Undelivered}, []string{"undelivered"}},
		"failed":          {ledger.Query{State: ledger.StateFailed}, []string{"failed"}},
		"since":           {ledger.Query{Since: start.Add(4 * time.Second)}, []string{"waits", "sending", "failed", "undelivered"}},
		"until":           {ledger.Query{Until: start.Add(4 * time.Second)}, []string{"sent", "delivered"}},
		"several":         {ledger.Query{Country: "GB", Instance: "b", Since: start, Limit: 10}, []string{"undelivered"}},
		"ID and country":  {ledger.Query{ID: "sent", Country: "GB"}, nil},
		"hostile country": {ledger.Query{Country: "' or true --"}, nil},
		"NUL in an ID":    {ledger.Query{ID: "sent\x00"}, nil},
		"NUL elsewhere":   {ledger.Query{Instance: "b\x00"}, nil},
		"backslash":       {ledger.Query{Rule: `\' or true --`}, nil},
	} {
		require.Equal(d, tt.want, d.ids(tt.query), name)
	}
	d.counted()
	d.clock.Move(time.Minute)
	d.counted()
	require.Equal(d, []string{"waits"}, d.ids(ledger.Query{State: ledger.Expired}))
	require.Empty(d, d.ids(ledger.Query{State: ledger.Queued}))
}

func pages(d *desk) {
	for i := range 7 {
		d.send(d.call(fmt.Sprint(i), func(c *ledger.Call) { c.Flow.User = fmt.Sprint(i) }), "a")
		if i%2 == 0 { // two at the same time
			d.clock.Move(time.Millisecond)
		}
	}
	var all [][]string
	q := ledger.Query{Limit: 3}
	for {
		page := d.messages(q)
		if len(page) == 0 {
			break
		}
		var ids []string
		for _, m := range page {
			ids = append(ids, m.ID)
		}
		all, q.Before = append(all, ids), page[len(page)-1].Place()
	}
	require.Equal(d, [][]string{{"6", "5", "4"}, {"3", "2", "1"}, {"0"}}, all)
}

func refusedOnRecord(d *desk) {
	one := limits(1, time.Hour)
	d.send(d.call("1", one), "a")
	d.clock.Move(2 * time.Second)
	require.Equal(d, ledger.TooMany, d.begin(d.call("2", one, otherFlow)).Result)
	d.clock.Move(2 * time.Second)
	require.True(d, d.begin(d.call("3", one, otherFlow, func(c *ledger.Call) { c.Observe = true })).Go)
	d.clock.Move(2 * time.Second)
	listed := d.call("4", func(c *ledger.Call) { c.Flow.User, c.Why = "4", "of about 4 codes, 0 were used" })
	require.NoError(d, d.Refuse(d.Context(), listed, ledger.BadNumber, policy.BlockedCountry.String()))
	require.NoError(d, d.Refuse(d.Context(), listed, ledger.BadNumber, policy.BlockedCountry.String()))
	require.NoError(d, d.Refuse(d.Context(), d.call("1"), ledger.BadNumber, ""), "it was sent before")

	page := d.messages(ledger.Query{State: ledger.Refused})
	require.Len(d, page, 2)
	want := ledger.NewMessage(listed)
	want.Result, want.Rule, want.Why = ledger.BadNumber, "blocked_countries", listed.Why
	require.Equal(d, want, page[0])
	require.Equal(d, []string{"2", "limit_phone"}, []string{page[1].ID, page[1].Rule})
	require.Equal(d, []string{"3", "2"}, d.ids(ledger.Query{Rule: "limit_phone"}), "the rule that only observed is on record too")
	require.Equal(d, []string{"4"}, d.ids(ledger.Query{Rule: "blocked_countries"}))
	require.Equal(d, []string{"1"}, d.ids(ledger.Query{State: ledger.StateAccepted}))
	d.counted()
}
