package ledger

// Query says which messages are asked for. The zero value of a field means any.
type Query struct {
	ID       string
	Names    []Name // of instances for the message: one of them
	Number   string // whole, without its "+"
	User     string
	State    State
	Country  string
	Instance string // that accepted the message, or may have
	Kind     Kind
	Rule     string
	Since    Time  // received at or after it
	Until    Time  // received before it
	Before   Place // the last message of the page before
	Limit    int   // 1 to [MaxPage]; 0 is MaxPage
}

// MaxPage is how many messages a page has at most.
const MaxPage = 1000

// Place is where a message stands among all, which are in the order of these two.
type Place struct {
	ReceivedAt Time
	ID         string
}

// Place returns where the message stands.
func (m *Message) Place() Place { return Place{m.ReceivedAt, m.ID} }

// before reports whether p is older than q. Nothing is before or after the zero Place.
func (p Place) before(q Place) bool {
	return p.ReceivedAt < q.ReceivedAt || p.ReceivedAt == q.ReceivedAt && p.ID < q.ID
}

// PageSize returns how many messages the page has at most.
func (q Query) PageSize() int {
	if q.Limit <= 0 || q.Limit > MaxPage {
		return MaxPage
	}
	return q.Limit
}
