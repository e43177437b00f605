package insight

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	three = []string{"a", "b", "c"}
	noon  = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
)

// TestOrderSimulation: three instances whose codes are used at 60, 75 and 80 %, and who change places after 6 hours. 600 messages an hour,
// whose results are known after a minute.
func TestOrderSimulation(t *testing.T) {
	const messages = 24 * 600
	rates := [2]map[string]float64{{"a": 0.6, "b": 0.75, "c": 0.8}, {"a": 0.8, "b": 0.6, "c": 0.75}}
	for seed := range uint64(5) {
		o := NewOrder(rand.NewPCG(seed, 1))
		users := rand.New(rand.NewPCG(seed, 2))
		type result struct {
			instance string
			used     bool
		}
		var waiting []result
		used, first := 0, map[string]int{}
		for i := range messages {
			now := noon.Add(time.Duration(i) * 6 * time.Second)
			if len(waiting) > 10 {
				o.Result("GB", waiting[0].instance, waiting[0].used, now)
				waiting = waiting[1:]
			}
			rate := rates[0]
			if i >= messages/4 {
				rate = rates[1]
			}
			name := o.Sort("GB", three, now)[0]
			first[name]++
			r := result{name, users.Float64() < rate[name]}
			if r.used {
				used++
			}
			waiting = append(waiting, r)
		}
		share := float64(used) / (0.8 * messages)
		t.Logf("seed %d: %.1f %% of the best order's conversions; first: %v", seed, 100*share, first)
		require.GreaterOrEqual(t, share, 0.95)
		for _, name := range three {
			require.GreaterOrEqual(t, first[name], messages*4/100)
		}
	}
}

func TestOrderWithFewResults(t *testing.T) {
	o := NewOrder(rand.NewPCG(1, 2))
	for range 29 {
		o.Result("GB", "a", false, noon)
		o.Result("GB", "b", true, noon)
		o.Result("GB", "c", true, noon)
	}
	first := map[string]int{}
	for range 1000 {
		first[o.Sort("GB", three, noon)[0]]++
	}
	require.InDelta(t, 900, first["a"], 30, "the operator's order, but for the least share")
	for range 10 {
		o.Result("GB", "a", false, noon)
		o.Result("GB", "b", true, noon)
		o.Result("GB", "c", true, noon)
	}
	clear(first)
	for range 1000 {
		order := o.Sort("GB", three, noon)
		first[order[0]]++
		slices.Sort(order)
		require.Equal(t, three, order)
	}
	require.InDelta(t, 50, first["a"], 30, "it has its least share")
	require.Equal(t, []string{"a"}, o.Sort("GB", []string{"a"}, noon))
}
