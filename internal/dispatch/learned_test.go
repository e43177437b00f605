package dispatch

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/insight"
)

func TestLearnedOrder(t *testing.T) {
	d := dispatcher(Settings{Learned: insight.NewOrder(rand.NewPCG(1, 2))}, new(pigeon), new(pigeon), new(pigeon))
	number, err := d.settings.PhoneCheck.Parse("447400123456")
	require.NoError(t, err)
	first := func() map[string]int {
		counts := map[string]int{}
		for range 1000 {
			route := d.route(number, "")
			require.Len(t, route, 3)
			counts[route[0].Name]++
		}
		return counts
	}
	require.InDelta(t, 900, first()["a"], 40, "the operator's order, but for the least share of the others")
	for range 200 {
		d.settings.Learned.Result("GB", "a", false, time.Now())
		d.settings.Learned.Result("GB", "b", false, time.Now())
		d.settings.Learned.Result("GB", "c", true, time.Now())
	}
	require.InDelta(t, 900, first()["c"], 40)
	require.Equal(t, []string{"a", "b", "c"}, []string{d.Instances[0].Name, d.Instances[1].Name, d.Instances[2].Name}, "the settings' order is left alone")
}
