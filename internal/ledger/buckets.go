package ledger

import (
	"slices"
	"time"
)

// bounds are where the buckets of durations begin, but for the first one, which is below all of them: ten to a decade, the Renard series R10
// (ISO 3), from 0.1 s to 80,000 s. The stores keep buckets: a bound can't change.
var bounds = func() (list [buckets - 1]time.Duration) {
	i := 0
	for decade := time.Millisecond; decade <= 100*time.Second; decade *= 10 {
		for _, n := range []time.Duration{100, 125, 160, 200, 250, 315, 400, 500, 630, 800} {
			list[i] = n * decade
			i++
		}
	}
	return list
}()

// buckets is how many buckets there are.
const buckets = 61

// Bucket returns the bucket of a duration, from 0 (less than 0.1 s, and less than nothing) to 60 (80,000 s and longer).
func Bucket(took time.Duration) int8 {
	i, found := slices.BinarySearch(bounds[:], took)
	if found {
		i++
	}
	return int8(i)
}

// Buckets has how many durations there are of each bucket.
type Buckets [buckets]int

// Add adds n durations to a bucket; n may be negative. A bucket that there isn't is ignored.
func (b *Buckets) Add(bucket int8, n int) {
	if bucket >= 0 && int(bucket) < len(b) {
		b[bucket] += n
	}
}

// Median returns the duration below which half of them are; -1 if there are none. Inside a bucket they are taken for evenly spread: so it may be off by
// as much as a bucket is wide, which is 28 %, and by all of it below 0.1 s. Where durations are many and spread as those of messages are, it is off
// by about 1 %. What took 80,000 s or longer counts as 80,000 s.
func (b *Buckets) Median() time.Duration {
	all := 0
	for _, n := range b {
		all += n
	}
	below, half := 0.0, float64(all)/2
	for i, n := range b {
		if n > 0 && below+float64(n) >= half {
			from, to := bucketBounds(i)
			return from + time.Duration((half-below)/float64(n)*float64(to-from))
		}
		below += float64(n)
	}
	return -1
}

func bucketBounds(i int) (from, to time.Duration) {
	if i > 0 {
		from = bounds[i-1]
	}
	if i == len(bounds) {
		return from, from
	}
	return from, bounds[i]
}
