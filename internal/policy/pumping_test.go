package policy

import (
	"cmp"
	"encoding"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/providers/providertest"
)

// starting has the values that the README recommends to start with.
type starting struct {
	check  phone.Check
	limits Limits
}

func startingValues(t testing.TB) starting {
	block := marked(t, "README.md", "starting values", "TestPumping")
	var s starting
	fields := map[string]encoding.TextUnmarshaler{"PHONE_CHECK": &s.check}
	for _, row := range rateLimits {
		fields[strings.ToUpper(row.setting)] = row.limit(&s.limits)
	}
	for _, set := range regexp.MustCompile(`(?m)^SMSHOOK_(\w+)=(\S+)$`).FindAllStringSubmatch(block, -1) {
		require.Contains(t, fields, set[1])
		require.NoError(t, fields[set[1]].UnmarshalText([]byte(set[2])))
		delete(fields, set[1])
	}
	require.Empty(t, fields, "README, Who may be texted: every limit has a starting value, or SMSHOOK_…=off")
	return s
}

// marked returns a part of a README that is tested here.
func marked(t testing.TB, path, what, test string) string {
	readme, err := os.ReadFile(path)
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(readme), "<!-- "+what+": tested by "+test+" in internal/policy -->\n")
	require.True(t, found, what)
	part, _, found := strings.Cut(rest, "<!-- "+what+" end -->")
	require.True(t, found, what)
	return part
}

// tally counts the members of a group, and those of them that were refused at least once.
type tally struct{ all, refused int }

func (n *tally) add(refused bool) {
	n.all++
	if refused {
		n.refused++
	}
}

func (n tally) percent() float64 { return 100 * float64(n.refused) / float64(max(n.all, 1)) }

func (n tally) String() string {
	return fmt.Sprintf("%6d, of which refused at least once %6d (%.2f %%)", n.all, n.refused, n.percent())
}

// figures are the results of one simulation.
type figures struct {
	attack                     tally // requests
	confirmed, outside, inside tally // people: those who are known, and new ones outside and inside the attacked prefixes
	noCode                     int   // new ones outside who got no code
	byCheck                    int   // requests of the attack that PHONE_CHECK refuses
	byRule, byRuleOfPeople     map[Rule]int
	sent                       int // in the two hours, to people and to the attack
}

func (a attack) run(t testing.TB, s starting) figures {
	p := newJudge(Settings{Limits: s.limits})
	w := world{rand.New(rand.NewPCG(1, 2))}
	prefixes := w.prefixes(a.prefixes, a.blocks...)
	people := w.people(prefixes)
	all := slices.Concat(people, a.requests(w, prefixes, people))
	slices.SortStableFunc(all, func(x, y ask) int { return cmp.Compare(x.at, y.at) })

	confirmed := map[string]bool{}
	for _, r := range people {
		confirmed[r.number] = r.person.confirmed
	}
	f := figures{byRule: map[Rule]int{}, byRuleOfPeople: map[Rule]int{}}
	start := time.Date(2026, 1, 1, 18, 0, 0, 0, time.UTC)
	for _, r := range all {
		number, err := s.check.Parse(r.number)
		if err != nil {
			require.Nil(t, r.person)
			f.attack.add(true)
			f.byCheck++
			continue
		}
		if r.user == "" {
			r.user, r.proven = r.number, confirmed[r.number]
		}
		v := p.judge(start.Add(r.at), Subject{Number: number, User: r.user, IP: r.ip, Proven: r.proven})
		if v.Allow && r.at < duration {
			f.sent++
		}
		if r.person == nil {
			f.attack.add(!v.Allow)
			f.byRule[v.Rule]++
			continue
		}
		f.byRuleOfPeople[v.Rule]++
		r.person.sent = r.person.sent || v.Allow
		r.person.refused = r.person.refused || !v.Allow
	}
	f.count(people)
	return f
}

func (f *figures) count(requests []ask) {
	var last *person
	for _, r := range requests { // in the order in which they were made: those of one person are adjacent
		p := r.person
		if p == last {
			continue
		}
		last = p
		switch {
		case p.confirmed:
			f.confirmed.add(p.refused)
		case p.inside:
			f.inside.add(p.refused)
		default:
			f.outside.add(p.refused)
			if !p.sent {
				f.noCode++
			}
		}
	}
}

func (f figures) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nattack:                   %6d requests, of which allowed %d (%.2f %%)\n", f.attack.all, f.attack.all-f.attack.refused, 100-f.attack.percent())
	fmt.Fprintf(&b, "confirmed users:          %v\n", f.confirmed)
	fmt.Fprintf(&b, "new, in other prefixes:   %v; without a code %d\n", f.outside, f.noCode)
	fmt.Fprintf(&b, "new, in attacked ones:    %v\n", f.inside)
	fmt.Fprintf(&b, "refused by the check      %6d of the attack\n", f.byCheck)
	for _, l := range (Limits{}).List() {
		fmt.Fprintf(&b, "refused by %-14v %6d of the attack, %4d of users\n", l.Rule, f.byRule[l.Rule], f.byRuleOfPeople[l.Rule])
	}
	return b.String()
}

// row is a row of the README's table.
func (f figures) row(name string) string {
	return fmt.Sprintf("| %s | %d (%.2f %%) | %.1f %% | %.1f %% |\n", name, f.attack.all-f.attack.refused, 100-f.attack.percent(), f.confirmed.percent(), f.outside.percent())
}

// TestPumping simulates SMS pumping: attacks of 50,000 requests in two hours, beside 2,000 real users, with the README's starting values.
// -v prints the figures. The README's table must have the same.
func TestPumping(t *testing.T) {
	providertest.Long(t)
	values := startingValues(t)
	with := func(change func(*starting)) starting {
		changed := values
		change(&changed)
		return changed
	}
	var rows [14]string // of the README's table
	run := func(t *testing.T, row int, name string, a attack, s starting) figures {
		f := a.run(t, s)
		t.Logf("%s: %+v%v", name, s, f)
		require.Equal(t, []int{requests, users - newUsers, newUsers}, []int{f.attack.all, f.confirmed.all, f.outside.all + f.inside.all})
		rows[row] = f.row(name)
		return f
	}
	t.Run("attacks", func(t *testing.T) { // side by side, until all are over
		for row, tt := range []struct {
			name string
			attack
		}{
			{"for 40 ranges where your users are, from 5,000 addresses", attack{40, []block{britain}, 5000, nil}},
			{"for 40 ranges in three countries of your users, from 5,000 addresses", attack{40, []block{britain, ireland, malta}, 5000, nil}},
			{"for 40 ranges in ten countries abroad, from 500 addresses", attack{40, abroad, 500, nil}},
			{"the same, with private addresses", attack{40, abroad, 0, nil}},
			{"the same, from one address", attack{40, abroad, 1, nil}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				f := run(t, row, tt.name, tt.attack, values)
				require.Less(t, 100-f.attack.percent(), 1.0, "allowed")
				require.Zero(t, f.byCheck)
				require.Zero(t, f.confirmed.refused)
				require.Less(t, f.outside.percent(), 2.0)
				require.InDelta(t, newUsers/10, f.inside.all, 25)
			})
		}
		// What the values can't do: an attack on a thousand ranges is stopped by LIMIT_COUNTRY and LIMIT_TOTAL, which stop new
		// users too. Known users still get their codes.
		t.Run("in 1000 ranges where the users are", func(t *testing.T) {
			t.Parallel()
			f := run(t, 5, "for 1,000 ranges where your users are, from 5,000 addresses", attack{1000, []block{britain}, 5000, nil}, values)
			require.Zero(t, f.confirmed.refused)
			require.LessOrEqual(t, f.attack.all-f.attack.refused, 3*values.limits.Total.Most, "two hours, and the messages that are allowed at once")
		})
		// Some networks ignore a trunk zero and extra digits. For the limits, each such spelling is another number.
		for _, tt := range []struct {
			row, numbers int
			name         string
		}{{6, 10_000, "for one range, in many spellings"}, {8, 1, "for one phone, in many spellings"}} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				a := attack{40, []block{britain}, 5000, respelled(tt.numbers)}
				checked := run(t, tt.row, tt.name, a, values)
				shape := run(t, tt.row+1, "the same, with `PHONE_CHECK=shape`", a, with(func(s *starting) { s.check = phone.Shape }))
				require.LessOrEqual(t, 5*(checked.attack.all-checked.attack.refused), shape.attack.all-shape.attack.refused)
			})
		}
		// A second factor goes to any number that an account has enrolled. It is counted apart from the messages of the number's account.
		t.Run("challenges to users who are known", func(t *testing.T) {
			t.Parallel()
			f := run(t, 10, "second factors of other accounts, to the numbers of 200 known users", attack{40, []block{britain}, 5000, challenges(5000, 200)}, values)
			require.Zero(t, f.confirmed.refused)
		})
		// Only LIMIT_USER and LIMIT_ALL count messages to confirmed numbers over all numbers.
		t.Run("400 accounts, each with a number of its own", func(t *testing.T) {
			t.Parallel()
			a := attack{40, []block{britain}, 5000, accounts(400)}
			most := values.limits.All.Most * int(1+duration/values.limits.All.Per)
			require.LessOrEqual(t, run(t, 11, "400 accounts, each to the number it has confirmed", a, values).sent, most)
			account := run(t, 12, "the same, with `LIMIT_ALL=off`", a, with(func(s *starting) { s.limits.All = Limit{} }))
			require.Zero(t, account.confirmed.refused)
			open := run(t, 13, "the same, with `LIMIT_USER=off` too", a, with(func(s *starting) { s.limits.User, s.limits.All = Limit{}, Limit{} }))
			require.Greater(t, open.attack.all-open.attack.refused, 2*(account.attack.all-account.attack.refused))
		})
		// The test can fail: without the limits, all requests are allowed.
		t.Run("without limits", func(t *testing.T) {
			t.Parallel()
			f := attack{40, []block{britain}, 5000, nil}.run(t, starting{})
			require.Zero(t, f.attack.refused)
		})
	})
	table := "| 50,000 requests in two hours | sent | known users refused | new users refused |\n|---|---|---|---|\n" + strings.Join(rows[:], "")
	require.Equal(t, table, strings.TrimSpace(marked(t, "README.md", "figures", "TestPumping"))+"\n", "the README has these figures")
}
