package policy

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers/providertest"
)

var fiveCountries = []block{britain, ireland, {[]string{"336", "337"}, 8}, {[]string{"346"}, 8}, {[]string{"316"}, 8}}

// sieges are the attacks, and how much of each may pass on its first and its second day, in per cent; 0: no goal.
var sieges = []struct {
	siege
	most    [2]float64
	alone   bool // the guard also has to do without limits
	printed bool // there is no goal
}{
	{siege: siege{name: "no attack"}, alone: true},
	{siege: siege{name: "a: 300 GB prefixes, 20 a day each", prefixes: 300, blocks: []block{britain}, perDay: 20, from: proxies(5000)}, most: [2]float64{30, 5}},
	{siege: siege{name: "b: 1,500 prefixes in 5 countries, 16 a day", prefixes: 1500, blocks: fiveCountries, perDay: 16, from: proxies(5000)}, most: [2]float64{30, 5}, alone: true},
	{siege: siege{name: "c: 40 prefixes, 25,000/h for 2 h", prefixes: 40, blocks: []block{britain}, perDay: 25_000 * 24 / 40, lasts: 2 * time.Hour, from: proxies(5000)}, most: [2]float64{2, 2}},
	{siege: siege{name: "d: all 300 prefixes of Malta, 40 a day", prefixes: 300, blocks: []block{malta}, perDay: 40, from: proxies(5000)}, most: [2]float64{30, 5}},
	{siege: siege{name: "e: 400 proven accounts, 720 a day each", accounts: 400, perDay: 720, from: proxies(5000)}, most: [2]float64{4, 1.5}},
	{siege: siege{name: "f: 1,000 prefixes, addresses in one /48", prefixes: 1000, blocks: fiveCountries, perDay: 20, from: oneSite}, most: [2]float64{2, 2}},
	{siege: siege{name: "k: 3,000 GB prefixes, 5 a day", prefixes: 3000, blocks: []block{britain}, perDay: 5, from: proxies(5000)}, printed: true},
	{siege: siege{name: "a, from addresses that no user has", prefixes: 300, blocks: []block{britain}, perDay: 20, from: own(5000)}, most: [2]float64{30, 5}},
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

// wholeGuard reports whether all of the simulation runs: .ci/run does that, and CI=true go test -run TestGuard -v ./internal/policy.
func wholeGuard() bool { return os.Getenv("CI") == "true" || os.Getenv("SOAK") != "" }

// besieged is the figures of one attack, as the README has them: of several runs the worst.
type besieged struct {
	mu                   sync.Mutex
	limits, unused, used [2]float64 // how much passes by day, in per cent: limits alone, none of the codes is used, 10 % are
	inside               [2]float64 // honest new users who are refused, in per cent: none of the codes is used, 10 % are
	outside, byLimit     float64    // the same outside of the attacked prefixes, and by the limits alone
}

func (b *besieged) note(through *[2]float64, f siegeFigures, inside, outside *float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for day := range through {
		through[day] = max(through[day], f.attack[day].through())
	}
	if inside != nil {
		*inside = max(*inside, f.inside.refused())
	}
	*outside = max(*outside, f.outside.refused())
}

// row is a row of the README's table.
func (b *besieged) row(name string) string {
	return fmt.Sprintf("| %s | %.1f / %.1f | %.1f / %.1f | %.1f / %.1f | %.1f / %.1f | %.2f | %.2f |\n", name, b.limits[0], b.limits[1], b.unused[0], b.unused[1], b.used[0], b.used[1],
		b.inside[0], b.inside[1], b.outside, b.byLimit)
}

// TestGuard simulates SMS pumping of 48 hours against the guard, together with the README's rate limits, after 24 hours without an
// attack. -v prints the figures. The README's table must have the worst of both seeds. Without CI=true, one seed runs.
//
// Half of the attackers' addresses are in networks of real users, and a part of these behind the same translators. Honest users whose code
// was not used ask again, half of them.
func TestGuard(t *testing.T) {
	providertest.Long(t)
	values := startingValues(t)
	worlds := []guardWorld{newGuardWorld(t, 1, warmUp+48*time.Hour)}
	if wholeGuard() {
		worlds = append(worlds, newGuardWorld(t, 2, warmUp+48*time.Hour))
	}
	rows := make([]besieged, len(sieges))
	t.Run("attacks", func(t *testing.T) { // side by side, until all are over
		for i, s := range sieges {
			for _, w := range worlds {
				t.Run(fmt.Sprintf("%s, seed %d", s.name, w.seed), func(t *testing.T) {
					t.Parallel()
					calls, inside := w.under(t, s.siege)
					row := &rows[i]
					check := func(used float64) siegeFigures {
						f := siegeRun{used: used, limits: values.limits, guard: true}.run(calls, inside)
						t.Logf("%3.0f %% of codes used: %v", 100*used, f)
						require.Zero(t, f.proven.all-f.proven.sent, "proven accounts on their own number are never refused")
						for day, most := range s.most {
							if most > 0 {
								require.LessOrEqual(t, f.attack[day].through(), most, "day %d", day+1)
							}
						}
						if !s.printed {
							require.LessOrEqual(t, f.outside.refused(), 0.6, "honest new users outside of the attacked prefixes")
						}
						return f
					}
					row.note(&row.used, check(0.1), &row.inside[1], &row.outside)
					if !wholeGuard() {
						return
					}
					row.note(&row.unused, check(0), &row.inside[0], &row.outside)
					limits := siegeRun{limits: values.limits}.run(calls, inside)
					t.Logf("limits alone:       %v", limits)
					row.note(&row.limits, limits, nil, &row.byLimit)
					if s.alone {
						f := siegeRun{guard: true}.run(calls, inside)
						t.Logf("the guard alone:    %v", f)
						require.LessOrEqual(t, f.outside.refused(), 0.2, "without limits")
					}
				})
			}
		}
	})
	if !wholeGuard() {
		return
	}
	t.Run("beside attacks", func(t *testing.T) { testBesideSieges(t, values, worlds) })
	table := "| 48 hours of | limits alone | guard | guard, 10 % of codes used | inside | outside | outside, limits alone |\n|---|---|---|---|---|---|---|\n"
	for i := range rows {
		table += rows[i].row(sieges[i].name)
	}
	require.Equal(t, table, strings.TrimSpace(marked(t, "../insight/README.md", "figures", "TestGuard"))+"\n", "the README has these figures")
}

// testBesideSieges simulates what is no attack, and what attacks leave.
func testBesideSieges(t *testing.T, values starting, worlds []guardWorld) {
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
	if !wholeGuard() {
		t.Skip("it computes for seconds: .ci/run runs it")
	}
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
