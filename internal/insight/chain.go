package insight

// chain is the codes of one number that are asked for within some minutes. It has one result: whether any of them was used.
type chain struct {
	subject   Subject
	places    places
	lane      bool
	first     int64
	due       int64
	extended  bool
	delivered bool // at least one code is unused, and not undelivered
	used      bool // scored as used
	unused    bool // scored as unused
}

const (
	chainLasts = 5 * minute
	chainKept  = 30 * minute // a code that is used late makes up for the bad score
)

func (c *chain) worth(now int64) float64 {
	if now > c.due+chainKept {
		return 0
	}
	return float64(c.due)
}

type due struct {
	key uint64
	at  int64
}
