package policy

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	duration = 2 * time.Hour
	users    = 2000
	newUsers = 800
	requests = 50_000
)

// block is the mobile numbers of a country: their first digits, and how many digits follow.
type block struct {
	starts []string
	digits int
}

var (
	britain = block{[]string{"4474", "4475", "4477", "4478", "4479"}, 8}
	ireland = block{[]string{"35383", "35385", "35386", "35387", "35389"}, 7}
	malta   = block{[]string{"35677", "35679", "35699"}, 6} // the whole country has 300 prefixes

	// abroad is countries in which the app has no users, and numbers may bring money to their owner.
	abroad = []block{
		{[]string{"99450", "99470"}, 7}, {[]string{"99290", "99292"}, 7}, {[]string{"9477", "9471"}, 7}, {[]string{"62812", "62857"}, 8},
		{[]string{"8801", "8801"}, 9}, {[]string{"2348", "2347"}, 9}, {[]string{"25262", "25263"}, 7}, {[]string{"21620", "21650"}, 6},
		{[]string{"9639", "9639"}, 8}, {[]string{"21891", "21892"}, 7},
	}
)

// world generates users and attackers, the same ones in each run.
type world struct{ *rand.Rand }

// number returns a random number of a block.
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

// person is a real user.
type person struct {
	number    string
	ip        netip.Addr
	confirmed bool
	inside    bool // in an attacked prefix
	refused   bool // at least once
	sent      bool // at least once
}

// ask is one request for a message.
type ask struct {
	at     time.Duration
	user   string // the account; if it is empty, the account that has the number, as when a user signs in
	proven bool   // the account has confirmed the number; only set if user is
	number string
	ip     netip.Addr
	person *person // nil if an attacker asks
}

// people returns the requests of 800 new users and 1,200 known ones. One in ten of them is in an attacked prefix, and one in ten has the
// same address of a mobile network. Seven of ten ask once. The others ask up to four times, one to three minutes after the time before.
func (w world) people(attacked []string) []ask {
	var list []ask
	network := w.ip()
	for i := range users {
		p := &person{confirmed: i >= newUsers, number: w.number(home(i)), ip: w.ip()}
		if i%10 == 0 {
			p.number = attacked[w.IntN(len(attacked))] + w.digits(4)
		}
		p.inside = slices.Contains(attacked, p.number[:len(p.number)-4])
		if w.IntN(10) == 0 {
			p.ip = network
		}
		at := time.Duration(w.Int64N(int64(duration)))
		for range 4 {
			list = append(list, ask{at: at, number: p.number, ip: p.ip, person: p})
			if w.IntN(10) < 7 {
				break
			}
			at += time.Minute + time.Duration(w.Int64N(int64(2*time.Minute)))
		}
	}
	return list
}

// home returns the country of a user: those of an app from Britain.
func home(i int) block {
	switch i % 10 {
	case 8:
		return ireland
	case 9:
		return malta
	}
	return britain
}

// attack is SMS pumping: requests for messages to numbers that bring money to the attacker.
type attack struct {
	prefixes int // number of attacked prefixes; real users have numbers in them too
	blocks   []block
	ips      int // number of the attacker's addresses; 0: all addresses are private
	// aim returns a function that chooses the number and the account of each request. Without it, each request is for a random number of
	// the prefixes, by a new account.
	aim func(w world, prefixes []string, people []ask) func() ask
}

func (a attack) requests(w world, prefixes []string, people []ask) []ask {
	ips := make([]netip.Addr, a.ips)
	for i := range ips {
		ips[i] = w.ip()
	}
	next := func() ask { return ask{number: prefixes[w.IntN(len(prefixes))] + w.digits(4)} }
	if a.aim != nil {
		next = a.aim(w, prefixes, people)
	}
	var list []ask
	for i := range requests {
		at := time.Duration(w.Int64N(int64(duration)))
		r := next()
		r.at, r.ip = at, netip.MustParseAddr("10.0.0.7")
		if a.ips > 0 {
			r.ip = ips[i%a.ips]
		}
		list = append(list, r)
	}
	return list
}

// accounts returns the aim of n accounts. Each has confirmed a number of its own, and asks for codes to it.
func accounts(n int) func(world, []string, []ask) func() ask {
	return func(w world, prefixes []string, _ []ask) func() ask {
		var own []string
		for range n {
			own = append(own, prefixes[w.IntN(len(prefixes))]+w.digits(4))
		}
		return func() ask {
			number := own[w.IntN(n)]
			return ask{user: number, proven: true, number: number}
		}
	}
}

// challenges returns the aim of accounts that have enrolled numbers of known users as second factors. Auth asks for no proof before it
// sends the first code.
func challenges(attackers, victims int) func(world, []string, []ask) func() ask {
	return func(w world, _ []string, people []ask) func() ask {
		var numbers []string
		for _, r := range people {
			if r.person.confirmed && len(numbers) < victims && !slices.Contains(numbers, r.number) {
				numbers = append(numbers, r.number)
			}
		}
		return func() ask {
			return ask{user: "attacker " + strconv.Itoa(w.IntN(attackers)), number: numbers[w.IntN(len(numbers))]}
		}
	}
}

// respelled returns the aim at n numbers of one range, in spellings with a trunk zero and extra digits. Some networks ignore both.
func respelled(n int) func(world, []string, []ask) func() ask {
	return func(w world, prefixes []string, _ []ask) func() ask {
		var handsets []string
		for _, i := range w.Perm(10_000)[:n] {
			handsets = append(handsets, fmt.Sprintf("%s%04d", prefixes[0], i))
		}
		return func() ask {
			plain := handsets[w.IntN(n)]
			spelled := plain[:2] + strings.Repeat("0", w.IntN(2)) + plain[2:] // a calling code of two digits
			return ask{number: spelled + w.digits(w.IntN(15-len(spelled)+1))}
		}
	}
}
