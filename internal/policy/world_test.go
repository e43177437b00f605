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
	user   string // the account; if it is empty, the one that has the number, whoever asks: Auth's sign-in is so
	proven bool   // the number is the account's own; where no account is named, whether that has confirmed it
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
			list = append(list, asks{at: at, number: p.number, ip: p.ip, person: p})
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

// attack is how somebody tries to have messages sent to numbers that he earns on.
type attack struct {
	prefixes int // that are attacked, and in which users live too
	blocks   []block
	ips      int // addresses, in turn; 0 if they are forged so that they can't be used
	// aim returns what decides whom each request is for. Without it, it is any number of the prefixes, by an account that is new.
	aim func(w world, prefixes []string, people []asks) func() asks
}

func (a attack) requests(w world, prefixes []string, people []asks) []asks {
	ips := make([]netip.Addr, a.ips)
	for i := range ips {
		ips[i] = w.ip()
	}
	next := func() asks { return asks{number: prefixes[w.IntN(len(prefixes))] + w.digits(4)} }
	if a.aim != nil {
		next = a.aim(w, prefixes, people)
	}
	var list []asks
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

// accounts have each confirmed a number of their own, and ask for codes to it by signing in, or as a second factor. The
// number is proven either way.
func accounts(n int) func(world, []string, []asks) func() asks {
	return func(w world, prefixes []string, _ []asks) func() asks {
		var own []string
		for range n {
			own = append(own, prefixes[w.IntN(len(prefixes))]+w.digits(4))
		}
		return func() asks {
			number := own[w.IntN(n)]
			return asks{user: number, proven: true, number: number}
		}
	}
}

// challenges are second factors that strangers' accounts have enrolled: the numbers of users who are known. Auth asks for no
// proof before it sends the first code.
func challenges(strangers, victims int) func(world, []string, []asks) func() asks {
	return func(w world, _ []string, people []asks) func() asks {
		var numbers []string
		for _, r := range people {
			if r.person.confirmed && len(numbers) < victims && !slices.Contains(numbers, r.number) {
				numbers = append(numbers, r.number)
			}
		}
		return func() asks {
			return asks{user: "stranger " + strconv.Itoa(w.IntN(strangers)), number: numbers[w.IntN(len(numbers))]}
		}
	}
}

// respelled is n numbers of one range, with a trunk zero and digits too many, both of which some networks ignore.
func respelled(n int) func(world, []string, []asks) func() asks {
	return func(w world, prefixes []string, _ []asks) func() asks {
		var handsets []string
		for _, i := range w.Perm(10_000)[:n] {
			handsets = append(handsets, fmt.Sprintf("%s%04d", prefixes[0], i))
		}
		return func() asks {
			plain := handsets[w.IntN(n)]
			spelled := plain[:2] + strings.Repeat("0", w.IntN(2)) + plain[2:] // a calling code of two digits
			return asks{number: spelled + w.digits(w.IntN(15-len(spelled)+1))}
		}
	}
}
