package ledger

import (
	"context"
	"slices"
	"time"
)

// CountQuery says which messages are counted, and what tells them apart. The zero value of a field means any, or nothing.
type CountQuery struct {
	Since, Until Time          // received at or after, and before
	Step         time.Duration // they are told apart by the step in which they were received; a second at least, 0 is one step
	By           Dimensions
	Times        bool // it is also counted how long they took
	Country      string
	Instance     string // that accepted the message, or may have
	Kind         Kind
	Rule         string
	State        State
}

// Dimensions are what messages are told apart by, beside their State and Use.
type Dimensions uint8

// The dimensions.
const (
	ByCountry Dimensions = 1 << iota
	ByInstance
	ByChannel
	ByKind
	ByRule

	AllDimensions = ByCountry | ByInstance | ByChannel | ByKind | ByRule
)

var dimensionNames = []string{"country", "instance", "channel", "kind", "rule"}

// Names returns the names of the dimensions, which are also those of the stores' columns.
func (d Dimensions) Names() (names []string) {
	for i, name := range dimensionNames {
		if d&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// ParseDimension returns the dimension of a name.
func ParseDimension(name string) (d Dimensions, ok bool) {
	i := slices.Index(dimensionNames, name)
	return 1 << max(i, 0), i >= 0
}

// Count is how many messages of one group there are.
type Count struct {
	Group
	Messages int
	Segments int // of Measure Messages alone
}

// Group is what the messages of a [Count] have in common. What isn't asked for is empty.
type Group struct {
	At       Time // when the step begins
	Country  string
	Instance string // that accepted them, or may have; of those that failed, the last that tried
	Channel  string
	Kind     Kind
	Rule     string
	State    State
	Use      Use // of Measure Messages alone
	Measure  Measure
	Bucket   int8 // of how long they took, see [Bucket]; of Measure Messages it is 0
}

// Measure is what a Count says of messages.
type Measure int8

// The measures.
const (
	Messages   Measure = iota // how many there are
	ToDelivery                // how many of them took so long from the call to the phone
	ToUse                     // how many of them took so long from the call until their code was entered
)

// Facts are what counts tell of a message.
type Facts struct {
	Country, Instance, Channel string
	Kind                       Kind
	Rule                       string
	State                      State
	Use                        Use
	Segments                   uint8
	ToDelivery, ToUse          int8 // buckets; -1: not known
}

// Facts returns what counts tell of the message.
func (m *Message) Facts(now Time) Facts {
	f := Facts{
		Country: m.Country, Instance: m.Instance, Channel: m.Channel(), Kind: m.Kind, Rule: m.Rule, State: m.State(now), Use: m.Use,
		Segments: m.Segments, ToDelivery: -1, ToUse: -1,
	}
	if f.Instance == "" && len(m.Attempts) > 0 {
		f.Instance = m.Attempts[len(m.Attempts)-1].Instance
	}
	if at := m.DeliveredAt(); at != 0 {
		f.ToDelivery = Bucket(at.Sub(m.ReceivedAt))
	}
	if m.Use == Used && m.UsedAt != 0 {
		f.ToUse = Bucket(m.UsedAt.Sub(m.AskedAt))
	}
	return f
}

// Counter counts the messages of a query.
type Counter struct {
	query  CountQuery
	now    Time
	groups map[Group]*Count
}

// NewCounter returns a Counter. now is the time at which the messages have their states.
func NewCounter(q CountQuery, now Time) *Counter {
	return &Counter{query: q, now: now, groups: map[Group]*Count{}}
}

// Add counts a message, if the query asks for it.
func (c *Counter) Add(m *Message) { c.AddFacts(m.ReceivedAt, m.Facts(c.now), 1) }

// AddFacts counts n messages that were received at a time, if the query asks for them. n may be negative.
func (c *Counter) AddFacts(at Time, f Facts, n int) {
	if !c.query.asksFor(at, f) {
		return
	}
	g := Group{At: at, Country: f.Country, Instance: f.Instance, Channel: f.Channel, Kind: f.Kind, Rule: f.Rule, State: f.State, Use: f.Use}
	c.AddCount(Count{g, n, n * int(f.Segments)})
	if !c.query.Times {
		return
	}
	g.Use = Undecided
	if f.ToDelivery >= 0 {
		g.Measure, g.Bucket = ToDelivery, f.ToDelivery
		c.AddCount(Count{g, n, 0})
	}
	if f.ToUse >= 0 {
		g.Measure, g.Bucket = ToUse, f.ToUse
		c.AddCount(Count{g, n, 0})
	}
}

func (q CountQuery) asksFor(at Time, f Facts) bool {
	return at >= q.Since && (q.Until == 0 || at < q.Until) &&
		(q.Country == "" || f.Country == q.Country) &&
		(q.Instance == "" || f.Instance == q.Instance && f.State != StateFailed) &&
		(q.Kind == 0 || f.Kind == q.Kind) &&
		(q.Rule == "" || f.Rule == q.Rule) &&
		(q.State == "" || f.State == q.State)
}

// AddCount adds what was counted of messages that the query asks for: all of them were received in one of its steps.
func (c *Counter) AddCount(n Count) {
	g := n.Group
	if step := Time(c.query.Step / time.Microsecond); step > 0 {
		g.At = c.query.Since + (g.At-c.query.Since)/step*step
	} else {
		g.At = c.query.Since
	}
	by := c.query.By
	if by&ByCountry == 0 {
		g.Country = ""
	}
	if by&ByInstance == 0 {
		g.Instance = ""
	}
	if by&ByChannel == 0 {
		g.Channel = ""
	}
	if by&ByKind == 0 {
		g.Kind = 0
	}
	if by&ByRule == 0 {
		g.Rule = ""
	}
	count := c.groups[g]
	if count == nil {
		count = &Count{Group: g}
		c.groups[g] = count
	}
	count.Messages += n.Messages
	count.Segments += n.Segments
}

// Counts returns the counts, in no order.
func (c *Counter) Counts() []Count {
	list := make([]Count, 0, len(c.groups))
	for _, count := range c.groups {
		if count.Messages != 0 || count.Segments != 0 {
			list = append(list, *count)
		}
	}
	return list
}

// Count is described at [Ledger].
func (m *Memory) Count(_ context.Context, q CountQuery) ([]Count, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	counter := NewCounter(q, m.now())
	for _, records := range [][]*record{m.messages.byAge, m.messages.turnedAway} {
		for _, r := range slices.Backward(records) {
			if r.ReceivedAt < q.Since.Add(-outOfOrder) {
				break
			}
			counter.Add(&r.Message)
		}
	}
	return counter.Counts(), nil
}

// Count is described at [Ledger].
func (s *Shared) Count(ctx context.Context, q CountQuery) ([]Count, error) {
	if !s.Away() {
		counts, err := guarded(ctx, func(ctx context.Context) ([]Count, error) { return s.store.Count(ctx, q) })
		if err == nil || ctx.Err() != nil {
			return counts, err
		}
	}
	counts, _ := s.memory.Count(ctx, q)
	return counts, ErrAway
}
