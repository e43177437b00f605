package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers/providertest"
)

var fiveCountries = []block{britain, ireland, {[]string{"336", "337"}, 8}, {[]string{"346"}, 8}, {[]string{"316"}, 8}}

// sieges are the attacks, and how much of each may pass on its first and its second day, in per cent; 0: no goal.
var sieges = []struct {
	siege
	most [2]float64
}{
	{siege: siege{name: "no attack"}},
	{siege{name: "a: 300 GB prefixes, 20 a day each", prefixes: 300, blocks: []block{britain}, perDay: 20, from: proxies(5000)}, [2]float64{30, 5}},
	{siege{name: "b: 1,500 prefixes in 5 countries, 16 a day", prefixes: 1500, blocks: fiveCountries, perDay: 16, from: proxies(5000)}, [2]float64{30, 5}},
	{siege{name: "c: 40 prefixes, 25,000/h for 2 h", prefixes: 40, blocks: []block{britain}, perDay: 25_000 * 24 / 40, lasts: 2 * time.Hour, from: proxies(5000)}, [2]float64{2, 2}},
	{siege{name: "d: all 300 prefixes of Malta, 40 a day", prefixes: 300, blocks: []block{malta}, perDay: 40, from: proxies(5000)}, [2]float64{30, 5}},
	{siege{name: "e: 400 proven accounts, 720 a day each", accounts: 400, perDay: 720, from: proxies(5000)}, [2]float64{4, 1.5}},
	{siege{name: "f: 1,000 prefixes, addresses in one /48", prefixes: 1000, blocks: fiveCountries, perDay: 20, from: oneSite}, [2]float64{2, 2}},
	{siege: siege{name: "k: 3,000 GB prefixes, 5 a day", prefixes: 3000, blocks: []block{britain}, perDay: 5, from: proxies(5000)}},
}

// guardWorld is the honest users of a seed.
type guardWorld struct {
	seed   uint64
	lands  []*land
	honest []call
}

func newGuardWorld(t testing.TB, seed uint64, lasts time.Duration) guardWorld {
	w := world{rand.New(rand.NewPCG(seed, 2))}
	g := guardWorld{seed: seed, lands: lands(w)}
	g.honest = w.honest(t, g.lands, "", 0, lasts, 2000)
	return g
}

// under returns the calls of the honest users and of an attack, and the attacked prefixes.
func (g guardWorld) under(t testing.TB, s siege) ([]call, map[uint64]bool) {
	attack, inside := s.calls(t, world{rand.New(rand.NewPCG(g.seed, 3))}, g.lands, warmUp)
	return byTime(g.honest, attack), inside
}

// TestGuard simulates SMS pumping of 48 hours against the guard, together with the README's rate limits, after 24 hours without an
// attack. -v prints the figures.
//
// Half of the attackers' addresses are in networks of real users, and a part of these behind the same translators. Honest users whose code
// was not used ask again, half of them.
func TestGuard(t *testing.T) {
	providertest.Long(t)
	values := startingValues(t)
	worlds := []guardWorld{newGuardWorld(t, 1, warmUp+48*time.Hour), newGuardWorld(t, 2, warmUp+48*time.Hour)}
	for _, s := range sieges {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, w := range worlds {
				calls, inside := w.under(t, s.siege)
				if w.seed == 1 {
					t.Logf("limits alone:                   %v", siegeRun{limits: values.limits}.run(calls, inside))
				}
				for _, used := range []float64{0, 0.1} {
					f := siegeRun{used: used, limits: values.limits, guard: true}.run(calls, inside)
					t.Logf("seed %d, %4.0f %% of codes used:   %v", w.seed, 100*used, f)
					require.Zero(t, f.proven.all-f.proven.sent, "proven accounts on their own number are never refused")
					for day, most := range s.most {
						if most > 0 {
							require.LessOrEqual(t, f.attack[day].through(), most, "day %d", day+1)
						}
					}
					if !strings.HasPrefix(s.name, "k") { // which is no more than printed
						require.LessOrEqual(t, f.outside.refused(), 0.6, "honest new users outside of the attacked prefixes")
					}
				}
				if s.perDay == 0 || strings.HasPrefix(s.name, "b") {
					f := siegeRun{guard: true}.run(calls, inside)
					t.Logf("seed %d, the guard alone:         %v", w.seed, f)
					require.LessOrEqual(t, f.outside.refused(), 0.2, "without limits")
				}
			}
		})
	}
	t.Run("a provider has an outage of 3 hours", func(t *testing.T) {
		t.Parallel()
		for _, w := range worlds {
			for _, country := range []string{"GB", "IE", "MT"} {
				for _, receipts := range []bool{false, true} {
					f := siegeRun{guard: true, outage: trouble{country, warmUp, warmUp + 3*time.Hour, receipts}}.run(w.honest, nil)
					t.Logf("seed %d, %s, receipts %5v: %v", w.seed, country, receipts, f)
					most := 0.1
					if receipts {
						most = 0
					}
					require.LessOrEqual(t, f.outside.refused(), most)
					require.Zero(t, f.proven.all-f.proven.sent)
				}
			}
		}
	})
	t.Run("a campaign doubles the new users of a country", func(t *testing.T) {
		t.Parallel()
		for _, w := range worlds {
			more := world{rand.New(rand.NewPCG(w.seed, 4))}.honest(t, w.lands, "GB", warmUp+6*time.Hour, warmUp+18*time.Hour, 350)
			calls := byTime(w.honest, more)
			alone := siegeRun{guard: true}.run(calls, nil)
			t.Logf("seed %d, the guard alone:    %v", w.seed, alone)
			t.Logf("seed %d, limits alone:       %v", w.seed, siegeRun{limits: values.limits}.run(calls, nil))
			t.Logf("seed %d, guard and limits:   %v", w.seed, siegeRun{guard: true, limits: values.limits}.run(calls, nil))
			require.LessOrEqual(t, alone.outside.refused(), 0.05)
		}
	})
	t.Run("users whose phone is dead", func(t *testing.T) {
		t.Parallel()
		dead := world{rand.New(rand.NewPCG(1, 5))}.dead(t, worlds[0].lands, 100)
		f := siegeRun{guard: true, limits: values.limits}.run(byTime(worlds[0].honest, dead), nil)
		t.Logf("100 proven users ask 3 times in 6 minutes, and again each hour for 8 hours, and use no code: slowed %d of %d requests", f.slowed, len(dead))
		require.Zero(t, f.proven.all-f.proven.sent)
	})
	t.Run("memory for few ranges", func(t *testing.T) {
		t.Parallel()
		calls, inside := worlds[0].under(t, sieges[1].siege)
		for _, most := range []int{20_000, 5000, 1000} {
			t.Logf("a, with room for %5d of each: %v", most, siegeRun{guard: true, limits: values.limits, most: most}.run(calls, inside))
		}
	})
	t.Run("honest users try again after a refusal", func(t *testing.T) {
		t.Parallel()
		calls, inside := worlds[0].under(t, sieges[1].siege)
		f := siegeRun{guard: true, limits: values.limits, retries: 3}.run(calls, inside)
		t.Logf("a, inside, up to 3 times after 15 minutes each: %v", f)
	})
}

// TestGuardRecovers prints how many honest users are still refused in the week after an attack, by day.
func TestGuardRecovers(t *testing.T) {
	providertest.Long(t)
	w := newGuardWorld(t, 1, warmUp+9*24*time.Hour)
	calls, inside := w.under(t, sieges[1].siege)
	f := siegeRun{guard: true, limits: startingValues(t).limits}.run(calls, inside)
	days := make([]string, 0, 9)
	for _, day := range f.insideByDay {
		days = append(days, fmt.Sprintf("%.0f %% of %d", day.refused(), day.all))
	}
	t.Logf("a: honest new users refused inside the attacked prefixes, by day: %s", strings.Join(days, ", "))
	last := f.insideByDay[8]
	require.Less(t, last.refused(), f.insideByDay[0].refused()/2)
	require.True(t, slices.ContainsFunc(f.insideByDay[:], func(s share) bool { return s.all > 0 }))
}

// TestGuardWithoutLearning: the simulation can fail.
func TestGuardWithoutLearning(t *testing.T) {
	providertest.Long(t)
	w := newGuardWorld(t, 1, warmUp+48*time.Hour)
	calls, inside := w.under(t, sieges[6].siege)
	f := siegeRun{guard: true, deaf: true}.run(calls, inside)
	require.InDelta(t, 100, f.attack[0].through(), 0.001)
}
