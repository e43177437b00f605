package policy

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
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

// startingValues are the limits that the README recommends to begin with.
func startingValues(t testing.TB) Limits {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(readme), "<!-- starting values: tested by TestPumping in internal/policy -->")
	require.True(t, found)
	block, _, found := strings.Cut(rest, "<!-- starting values end -->")
	require.True(t, found)
	var limits Limits
	fields := map[string]*Limit{
		"PHONE": &limits.Phone, "IP": &limits.IP, "PREFIX": &limits.Prefix, "COUNTRY": &limits.Country, "TOTAL": &limits.Total,
	}
	for _, set := range regexp.MustCompile(`(?m)^SMSHOOK_LIMIT_(\w+)=(\S+)$`).FindAllStringSubmatch(block, -1) {
		require.Contains(t, fields, set[1])
		require.NoError(t, fields[set[1]].UnmarshalText([]byte(set[2])))
		delete(fields, set[1])
	}
	require.Empty(t, fields, "every limit has a starting value")
	return limits
}

const (
	duration = 2 * time.Hour
	users    = 2000
	newUsers = 800
	requests = 50_000
)

// block is where the mobile numbers of a country begin, and how many digits come after that.
type block struct {
	starts []string
	digits int
}

var (
	britain = block{[]string{"4474", "4475", "4477", "4478", "4479"}, 8}
	ireland = block{[]string{"35383", "35385", "35386", "35387", "35389"}, 7}
	malta   = block{[]string{"35677", "35679", "35699"}, 6} // 300 prefixes are the whole country

	// abroad is where the app has no users, and where a number may earn its owner something.
	abroad = []block{
		{[]string{"99450", "99470"}, 7}, {[]string{"99290", "99292"}, 7}, {[]string{"9477", "9471"}, 7}, {[]string{"62812", "62857"}, 8},
		{[]string{"8801", "8801"}, 9}, {[]string{"2348", "2347"}, 9}, {[]string{"25262", "25263"}, 7}, {[]string{"21620", "21650"}, 6},
		{[]string{"9639", "9639"}, 8}, {[]string{"21891", "21892"}, 7},
	}
)

// world makes up users and attackers, always the same ones.
type world struct{ *rand.Rand }

// number returns a number of a block; from a prefix, one of its 10,000.
func (w world) number(b block) string {
	return b.starts[w.IntN(len(b.starts))] + w.digits(b.digits)
}

func (w world) digits(n int) string {
	digits := make([]byte, n)
	for i := range digits {
		digits[i] = byte('0' + w.IntN(10))
	}
	return string(digits)
}

func (w world) prefixes(n int, blocks ...block) []string {
	var list []string
	for len(list) < n {
		number := w.number(blocks[len(list)%len(blocks)])
		if prefix := number[:len(number)-4]; !slices.Contains(list, prefix) {
			list = append(list, prefix)
		}
	}
	return list
}

func (w world) ip() netip.Addr {
	for {
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], w.Uint32())
		if Public(netip.AddrFrom4(ip)) {
			return netip.AddrFrom4(ip)
		}
	}
}

// person is a genuine user.
type person struct {
	number    string
	ip        netip.Addr
	confirmed bool
	inside    bool // an attacked prefix
	refused   bool // even once
	sent      bool // even once
}

// asks is one request; of an attacker, if it is of no person.
type asks struct {
	at     time.Duration
	number string
	ip     netip.Addr
	person *person
}

// people are the background: 800 new users and 1,200 who are known, of both one in ten in a prefix that is attacked, and one in
// ten behind one address of a mobile carrier. Seven of ten ask once, and the others again, up to four times, a minute to three
// after the last time.
func (w world) people(attacked []string) []asks {
	var list []asks
	carrier := w.ip()
	for i := range users {
		p := &person{confirmed: i >= newUsers, number: w.number(home(i)), ip: w.ip()}
		if i%10 == 0 {
			p.number = attacked[w.IntN(len(attacked))] + w.digits(4)
		}
		p.inside = slices.Contains(attacked, p.number[:len(p.number)-4])
		if w.IntN(10) == 0 {
			p.ip = carrier
		}
		at := time.Duration(w.Int64N(int64(duration)))
		for range 4 {
			list = append(list, asks{at, p.number, p.ip, p})
			if w.IntN(10) < 7 {
				break
			}
			at += time.Minute + time.Duration(w.Int64N(int64(2*time.Minute)))
		}
	}
	return list
}

// home is where the users of an app from Britain live.
func home(i int) block {
	switch i % 10 {
	case 8:
		return ireland
	case 9:
		return malta
	}
	return britain
}

// attack is how somebody tries to have messages sent to numbers that he earns on. All accounts are new.
type attack struct {
	name     string
	prefixes int
	blocks   []block
	ips      int // addresses, in turn; 0 if they are forged so that they can't be used
}

func (a attack) requests(w world, prefixes []string) []asks {
	ips := make([]netip.Addr, a.ips)
	for i := range ips {
		ips[i] = w.ip()
	}
	var list []asks
	for i := range requests {
		ip := netip.MustParseAddr("10.0.0.7")
		if a.ips > 0 {
			ip = ips[i%a.ips]
		}
		at := time.Duration(w.Int64N(int64(duration)))
		list = append(list, asks{at, prefixes[w.IntN(len(prefixes))] + w.digits(4), ip, nil})
	}
	return list
}

// tally is how many of a group there are, and how many of them were refused, even once.
type tally struct{ all, refused int }

func (n *tally) add(refused bool) {
	n.all++
	if refused {
		n.refused++
	}
}

func (n tally) percent() float64 { return 100 * float64(n.refused) / float64(max(n.all, 1)) }

func (n tally) String() string {
	return fmt.Sprintf("%6d, of whom refused even once %6d (%.2f %%)", n.all, n.refused, n.percent())
}

// figures are what became of it all.
type figures struct {
	attack                     tally // requests
	confirmed, outside, inside tally // people: new ones outside and inside the attacked prefixes
	noCode                     int   // new ones outside who got no code at all
	byRule, byRuleOfPeople     [rules]int
}

func (a attack) run(t testing.TB, p *Policy) figures {
	w := world{rand.New(rand.NewPCG(1, 2))}
	prefixes := w.prefixes(a.prefixes, a.blocks...)
	people := w.people(prefixes)
	all := slices.Concat(people, a.requests(w, prefixes))
	slices.SortStableFunc(all, func(x, y asks) int { return cmp.Compare(x.at, y.at) })

	confirmed := map[string]bool{}
	for _, r := range people {
		confirmed[r.number] = r.person.confirmed
	}
	var f figures
	start := time.Date(2026, 1, 1, 18, 0, 0, 0, time.UTC)
	for _, r := range all {
		number, err := phone.Parse(r.number)
		require.NoError(t, err)
		// Who asks for a code to a number that an account has confirmed asks for that account, whoever it is.
		v := p.Judge(Call{Number: number, IP: r.ip, Proven: confirmed[r.number], At: start.Add(r.at)})
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

func (f *figures) count(requests []asks) {
	var last *person
	for _, r := range requests { // as they were made up: those of one person together
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
	fmt.Fprintf(&b, "\nattack:                   %6d requests, of which let through %d (%.2f %%)\n", f.attack.all, f.attack.all-f.attack.refused, 100-f.attack.percent())
	fmt.Fprintf(&b, "confirmed users:          %v\n", f.confirmed)
	fmt.Fprintf(&b, "new, in other prefixes:   %v; without any code %d\n", f.outside, f.noCode)
	fmt.Fprintf(&b, "new, in attacked ones:    %v\n", f.inside)
	for rule := PerPhone; int(rule) < rules; rule++ {
		fmt.Fprintf(&b, "refused by %-14v %6d of the attack, %4d of users\n", rule, f.byRule[rule], f.byRuleOfPeople[rule])
	}
	return b.String()
}

// TestPumping has the README's starting values face 50,000 requests for numbers in 40 ranges, in two hours, while 2,000 genuine
// users go about their business. Run it with -v to see the figures.
func TestPumping(t *testing.T) {
	if providertest.RaceDetector {
		t.Skip("one goroutine does it all, and slowly")
	}
	limits := startingValues(t)
	t.Logf("limits: phone %v, ip %v, prefix %v, country %v, total %v", limits.Phone, limits.IP, limits.Prefix, limits.Country, limits.Total)
	for _, a := range []attack{
		{"where the users are, from 5000 addresses", 40, []block{britain}, 5000},
		{"in all countries of users, from 5000 addresses", 40, []block{britain, ireland, malta}, 5000},
		{"in ten countries abroad, from 500 addresses", 40, abroad, 500},
		{"abroad, with addresses that tell nothing", 40, abroad, 0},
		{"abroad, from one address", 40, abroad, 1},
	} {
		t.Run(a.name, func(t *testing.T) {
			f := a.run(t, New(Settings{Limits: limits}, NewMemory()))
			t.Log(f)
			require.Less(t, 100-f.attack.percent(), 1.0, "let through")
			require.Zero(t, f.confirmed.refused)
			require.Less(t, f.outside.percent(), 2.0)
			require.Equal(t, []int{requests, users - newUsers, newUsers}, []int{f.attack.all, f.confirmed.all, f.outside.all + f.inside.all})
			require.InDelta(t, newUsers/10, f.inside.all, 25)
		})
	}
	// What they can't do: an attack on a thousand ranges is stopped by the limits per country and in total, which stop new
	// users as well. Those who are known still get their codes, and the bill has an end.
	t.Run("in 1000 ranges where the users are", func(t *testing.T) {
		f := attack{"", 1000, []block{britain}, 5000}.run(t, New(Settings{Limits: limits}, NewMemory()))
		t.Log(f)
		require.Zero(t, f.confirmed.refused)
		require.LessOrEqual(t, f.attack.all-f.attack.refused, 3*limits.Total.Most, "two hours, and what may go at once")
	})
	// The test can fail: without the limits, all of it gets through.
	t.Run("without limits", func(t *testing.T) {
		f := attack{"", 40, []block{britain}, 5000}.run(t, New(Settings{}, NewMemory()))
		require.Zero(t, f.attack.refused)
	})
}
