package insight

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Order learns for each country which instance's codes are used most, by Thompson sampling: each time, it draws a rate for each instance
// from what is known of it, and the highest is first. So the better one is tried more, and one of which little is known now and then.
// https://web.stanford.edu/~bvr/pubs/TS_Tutorial.pdf
//
// It may be used concurrently.
type Order struct {
	mu     sync.Mutex
	random *rand.Rand
	counts map[pair]*count
}

type pair struct{ country, instance string }

// count is the codes of an instance in a country that were used, and those that were not. Old ones count less and less.
type count struct {
	used, unused float64
	at           int64
}

const (
	orderHalfLife = 2 * hour
	orderLeast    = 30.0 // results of each instance; with fewer of them, the operator's order stands
	orderShare    = 0.05 // of messages that an instance is first for, at least, so that it can be seen to have become better
	maxPairs      = 1 << 13
)

// NewOrder returns an Order that knows nothing. The same source of random numbers gives the same orders.
func NewOrder(random rand.Source) *Order {
	return &Order{random: rand.New(random), counts: map[pair]*count{}}
}

// Result counts whether a message's code was used. Messages that were not delivered count as unused: that is the instance's fault.
func (o *Order) Result(country, instance string, used bool, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.counts[pair{country, instance}]
	if c == nil {
		if len(o.counts) >= maxPairs {
			return
		}
		c = &count{at: now.UnixNano()}
		o.counts[pair{country, instance}] = c
	}
	c.age(now.UnixNano())
	if used {
		c.used++
	} else {
		c.unused++
	}
}

func (c *count) age(now int64) {
	if since := now - c.at; since > 0 {
		left := decay(since, orderHalfLife)
		c.used, c.unused, c.at = c.used*left, c.unused*left, now
	}
}

// Sort returns the order in which a country's instances are to be tried. given is the operator's order.
func (o *Order) Sort(country string, given []string, now time.Time) []string {
	if len(given) < 2 {
		return given
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	at := now.UnixNano()
	drawn := map[string]float64{}
	for _, name := range given {
		c := o.counts[pair{country, name}]
		if c == nil {
			c = &count{at: at}
		}
		c.age(at)
		if c.used+c.unused < orderLeast {
			return o.explore(given)
		}
		drawn[name] = o.beta(c.used+1, c.unused+1)
	}
	sorted := slices.Clone(given)
	slices.SortStableFunc(sorted, func(a, b string) int {
		return cmp.Compare(drawn[b], drawn[a])
	})
	return o.explore(sorted)
}

// explore puts each instance first for its least share of messages.
func (o *Order) explore(order []string) []string {
	i := int(o.random.Float64() / orderShare)
	if i == 0 || i >= len(order) {
		return order
	}
	moved := slices.Clone(order)
	name := moved[i]
	copy(moved[1:], order[:i])
	moved[0] = name
	return moved
}

// beta draws from a Beta distribution: x/(x+y) with x and y of two Gamma distributions.
func (o *Order) beta(a, b float64) float64 {
	x, y := o.gamma(a), o.gamma(b)
	return x / (x + y)
}

// gamma draws from a Gamma distribution with a shape of at least 1. Marsaglia and Tsang, https://doi.org/10.1145/358407.358414
func (o *Order) gamma(shape float64) float64 {
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := o.random.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(o.random.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}
