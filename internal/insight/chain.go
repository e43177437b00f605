package insight

// chain is the codes that one number got within some minutes. It has one result: whether any of them was used.
type chain struct {
	origin
	country  string
	proven   bool
	first    int64 // when the first code was sent
	due      int64 // when the chain counts as unused
	extended bool  // once, since another code followed
	ended    bool  // a code of it is known to be unused
	used     bool  // counted as used
	unused   bool  // counted as unused
}

const (
	chainLasts = 5 * minute
	chainKept  = 30 * minute // a code that is used late makes up for the bad score
)

// worth: those that are due last.
func (c *chain) worth(now int64) float64 { return float64(max(0, c.due+chainKept-now)) }

// due is when a chain has to be looked at.
type due struct {
	key uint64
	at  int64
}
