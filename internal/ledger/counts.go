package ledger

import (
	"context"
	"slices"
	"time"
)

// CountQuery says which messages are counted, and what tells them apart. The zero value of a field means any, or nothing.
type CountQuery struct {
	Since, Until Time // received at or after, and before
	// Messages are told apart by the step in which they were received, of which the first begins with Since. It is 0, for one step, or at least a
	// second, in whole microseconds. Counts are only kept for steps that are whole multiples of a [Span] and begin with one of its steps: others are
	// slow.
	Step     time.Duration
	By       Dimensions
	Times    bool   // there are also counts of MeasureDelivery and MeasureUse
	Country  string // ISO 3166-1
	Instance string // that accepted the message, or may have
	Kind     Kind
	Rule     string
	State    State // as of now
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
	if i < 0 {
		return 0, false
	}
	return 1 << i, true
}

// Count is how many messages of one group there are.
type Count struct {
	Group
	Messages int
	Segments int // of all these messages; of MeasureMessages alone
}

// Group is what the messages of a [Count] have in common. What isn't asked for is empty.
type Group struct {
	At       Time   // when the step begins
	Country  string // ISO 3166-1
	Instance string // that accepted them, or may have; of those that failed, the last that tried
	Channel  string
	Kind     Kind
	Rule     string
	State    State
	Use      Use // of MeasureMessages alone
	Measure  Measure
	Bucket   int8 // of how long they took, as [Bucket] returns it; of MeasureMessages it is 0
}

// Value returns what the group has in one dimension.
func (g Group) Value(d Dimensions) string {
	switch d {
	case ByCountry:
		return g.Country
	case ByInstance:
		return g.Instance
	case ByChannel:
		return g.Channel
	case ByKind:
		return g.Kind.String()
	}
	return g.Rule
}

// only returns the group without the dimensions that aren't asked for.
func (g Group) only(by Dimensions) Group {
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
	return g
}

// Measure is what a Count says of messages.
type Measure int8

// The measures.
const (
	MeasureMessages Measure = iota // how many there are
	MeasureDelivery                // how many took as long as the bucket says from the call to the phone
	MeasureUse                     // how many took as long as the bucket says from the call until their code was entered
)

// Facts are what counts tell of a message.
type Facts struct {
	Country, Instance, Channel string
	Kind                       Kind
	Rule                       string
	State                      State
	Use                        Use
	Segments                   uint8
	DeliveryBucket, UseBucket  int8 // of how long these took; -1: not known
}

// Facts returns what counts tell of the message.
func (m *Message) Facts(now Time) Facts {
	f := Facts{
		Country: m.Country, Instance: m.Instance, Channel: m.Channel(), Kind: m.Kind, Rule: m.Rule, State: m.State(now), Use: m.Use,
		Segments: m.Segments, DeliveryBucket: -1, UseBucket: -1,
	}
	if f.State == StateFailed && len(m.Attempts) > 0 {
		f.Instance = m.Attempts[len(m.Attempts)-1].Instance
	}
	if at := m.DeliveredAt(); at != 0 {
		f.DeliveryBucket = Bucket(at.Sub(m.ReceivedAt))
	}
	if m.Use == Used && m.UsedAt != 0 {
		f.UseBucket = Bucket(m.UsedAt.Sub(m.AskedAt))
	}
	return f
}

// Counter counts the messages of a query. It must not be used concurrently.
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
	if f.DeliveryBucket >= 0 {
		g.Measure, g.Bucket = MeasureDelivery, f.DeliveryBucket
		c.AddCount(Count{g, n, 0})
	}
	if f.UseBucket >= 0 {
		g.Measure, g.Bucket = MeasureUse, f.UseBucket
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
	g = g.only(c.query.By)
	count := c.groups[g]
	if count == nil {
		count = &Count{Group: g}
		c.groups[g] = count
	}
	count.Messages += n.Messages
	count.Segments += n.Segments
}

// Counts returns the counts, in no order. Groups without messages are left out.
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
