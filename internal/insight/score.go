package insight

import (
	"math"
	"time"
)

const (
	minute = int64(time.Minute)
	hour   = int64(time.Hour)
	day    = 24 * hour
	week   = 7 * day
)

// An attacker is taken to use a quarter of what real people use, at most.
const attackerUses = 0.25

var usedScore = -math.Log(1 / attackerUses)

// unusedScore is what an unused code says against a range, where real people use this share of their codes: the logarithm of how much
// more likely it is in an attack. https://en.wikipedia.org/wiki/Sequential_probability_ratio_test
func unusedScore(rate float64) float64 {
	return math.Log((1 - rate*attackerUses) / (1 - rate))
}

func score(rate float64, used bool) float64 {
	if used {
		return usedScore
	}
	return unusedScore(rate)
}

// rate is the share of codes that are used. Old ones count less and less.
type rate struct {
	Used, Due float64
}

func (r *rate) add(keep float64, used bool) {
	r.Used, r.Due = r.Used*keep, r.Due*keep+1
	if used {
		r.Used++
	}
}

// base is the share of their codes that real people of a country use. With no results it is 0.85, and with many unused ones it is
// so small that an unused code says next to nothing: then the provider has trouble, not the range.
func (r rate) base() float64 {
	return min(max((r.Used+3.4)/(r.Due+4), 0.02), 0.88)
}

// decay is how much is left after some time.
func decay(since, halfLife int64) float64 {
	if since <= 0 {
		return 1
	}
	return math.Exp2(-float64(since) / float64(halfLife))
}

func logit(p float64) float64 { return math.Log(p / (1 - p)) }

func clamp[T float64 | int64](x, least, most T) T { return min(max(x, least), most) }
