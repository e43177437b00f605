package policy

import (
	"cmp"
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/phone"
)

// The world of the guard's simulation: honest users of twelve countries, all day long.

// land is a country of the users.
type land struct {
	block
	share    int          // of the users, in per cent
	networks [][3]byte    // where its users are: /24 of IPv4
	mobile   []netip.Addr // addresses that mobile networks share among their customers
	sites    [][6]byte    // /48 of IPv6
}

func lands(w world) []*land {
	list := []*land{
		{block: britain, share: 44}, {block: ireland, share: 9}, {block: malta, share: 2},
		{block: block{[]string{"4915", "4916", "4917"}, 9}, share: 12}, {block: block{[]string{"336", "337"}, 8}, share: 8},
		{block: block{[]string{"346"}, 8}, share: 6}, {block: block{[]string{"3932", "3933", "3934"}, 8}, share: 5},
		{block: block{[]string{"316"}, 8}, share: 4}, {block: block{[]string{"4850", "4851", "4860"}, 7}, share: 4},
		{block: block{[]string{"4670", "4672", "4673"}, 7}, share: 3}, {block: block{[]string{"35191", "35192", "35196"}, 7}, share: 2},
		{block: block{[]string{"3584", "35850"}, 8}, share: 1},
	}
	for _, l := range list {
		for range 60 * l.share {
			four := w.ip().As4()
			l.networks = append(l.networks, [3]byte(four[:3]))
		}
		for range 2 + l.share {
			l.mobile = append(l.mobile, w.ip())
		}
		for range 20 * l.share {
			l.sites = append(l.sites, [6]byte{0x2a, byte(w.IntN(32)), byte(w.IntN(256)), byte(w.IntN(256)), byte(w.IntN(256)), byte(w.IntN(256))})
		}
	}
	return list
}

// place returns the address of a user: three of ten are behind a mobile network's few addresses, two have IPv6, the others an address
// of their own in one of some hundred or thousand networks.
func (l *land) place(w world) netip.Addr {
	switch n := w.IntN(10); {
	case n < 3:
		return l.mobile[w.IntN(len(l.mobile))]
	case n < 5:
		var a [16]byte
		site := l.sites[w.IntN(len(l.sites))]
		copy(a[:], site[:])
		a[7], a[15] = byte(w.IntN(256)), 1
		return netip.AddrFrom16(a)
	}
	n := l.networks[w.IntN(len(l.networks))]
	return netip.AddrFrom4([4]byte{n[0], n[1], n[2], byte(w.IntN(256))})
}

func (w world) land(lands []*land) *land {
	n := w.IntN(100)
	for _, l := range lands {
		if n -= l.share; n < 0 {
			return l
		}
	}
	panic("the shares are less than 100 %")
}

// call is a request for a code, as the simulation of the guard knows it.
type call struct {
	at      time.Duration
	number  phone.Number
	digits  uint64
	country string
	account string
	ip      netip.Addr
	proven  bool
	attack  bool
	tries   int     // after refusals
	uses    float64 // 0 to 1, random: the code is used if that is less than the share of codes that are used
}

// honest returns requests at random times, so many an hour, those of users who ask again included. Six of ten are of users who have proven their number. Of those whose code was
// not used, half ask again. With a country, all of them are new users there.
func (w world) honest(t testing.TB, lands []*land, country string, from, to time.Duration, perHour float64) []call {
	var list []call
	for at := from; ; {
		at += time.Duration(w.ExpFloat64() * float64(time.Hour) / (0.9 * perHour)) // one request in ten follows another
		if at >= to {
			return byTime(list)
		}
		l := lands[0]
		if country == "" {
			l = w.land(lands)
		}
		c := call{at: at, ip: l.place(w), proven: country == "" && w.IntN(10) < 6, uses: w.Float64()}
		c.set(t, w.number(l.block))
		list = append(list, c)
		for c.uses >= 0.8 && w.IntN(2) == 0 {
			c.at += time.Minute + time.Duration(w.Int64N(int64(2*time.Minute)))
			c.uses = w.Float64()
			list = append(list, c)
		}
	}
}

// dead returns the requests of proven users whose phone gets nothing.
func (w world) dead(t testing.TB, lands []*land, users int) []call {
	var list []call
	for range users {
		l := w.land(lands)
		c := call{at: warmUp + time.Duration(w.Int64N(int64(24*time.Hour))), ip: l.place(w), proven: true, uses: 1}
		c.set(t, w.number(l.block))
		for range 8 {
			for range 3 {
				list = append(list, c)
				c.at += 2 * time.Minute
			}
			c.at += 54 * time.Minute
		}
	}
	return list
}

func (c *call) set(t testing.TB, number string) {
	n, err := phone.Parse(number)
	require.NoError(t, err)
	c.number, c.digits, c.account = n, digits(n), number
	c.country = countryOf(n)
}

// knownCountries are the countries of ranges of 100,000 numbers. Of the calling codes here, several countries share +44 alone, and it is
// divided no further than that: phone.Number.Country is the dearest part of the world.
// https://github.com/google/libphonenumber/blob/master/resources/PhoneNumberMetadata.xml (GG, IM, JE)
var knownCountries sync.Map

func countryOf(n phone.Number) string {
	key := digits(n) / 100_000
	if known, ok := knownCountries.Load(key); ok {
		return known.(string)
	}
	country := n.Country()
	knownCountries.Store(key, country)
	return country
}

// siege is an attack of 48 hours.
type siege struct {
	name     string
	prefixes int
	blocks   []block
	perDay   float64       // for each prefix
	lasts    time.Duration // from the start; 0: all the time
	from     func(w world, lands []*land) func() netip.Addr
	accounts int // proven ones, each with one number; instead of prefixes
}

// proxies returns addresses for an attack: half of them are in networks of real users.
func proxies(n int) func(w world, lands []*land) func() netip.Addr {
	return func(w world, lands []*land) func() netip.Addr {
		list := make([]netip.Addr, n)
		for i := range list {
			list[i] = w.ip()
			if i%2 == 0 {
				list[i] = w.land(lands).place(w)
			}
		}
		return func() netip.Addr { return list[w.IntN(n)] }
	}
}

// own returns addresses for an attack that no real user has.
func own(n int) func(w world, lands []*land) func() netip.Addr {
	return func(w world, _ []*land) func() netip.Addr {
		list := make([]netip.Addr, n)
		for i := range list {
			list[i] = w.ip()
		}
		return func() netip.Addr { return list[w.IntN(n)] }
	}
}

// oneSite returns addresses of one /48 of IPv6, another /64 each time.
func oneSite(w world, _ []*land) func() netip.Addr {
	return func() netip.Addr {
		a := [16]byte{0x2a, 0x0e, 1, 2, 3, 4, 15: 1}
		binary.BigEndian.PutUint16(a[6:], uint16(w.IntN(1<<16)))
		return netip.AddrFrom16(a)
	}
}

// calls returns the requests of an attack, and its prefixes.
func (s siege) calls(t testing.TB, w world, lands []*land, start time.Duration) ([]call, map[uint64]bool) {
	if s.prefixes == 0 && s.accounts == 0 {
		return nil, nil
	}
	lasts := cmp.Or(s.lasts, 48*time.Hour)
	from := s.from(w, lands)
	var list []call
	if s.accounts > 0 {
		for range s.accounts {
			var own call
			own.set(t, w.number(britain))
			for range int(s.perDay * lasts.Hours() / 24) {
				c := own
				c.at, c.ip, c.proven, c.attack, c.uses = start+time.Duration(w.Int64N(int64(lasts))), from(), true, true, w.Float64()
				list = append(list, c)
			}
		}
		return list, nil
	}
	prefixes := w.prefixes(s.prefixes, s.blocks...)
	inside := map[uint64]bool{}
	for _, p := range prefixes {
		for range int(math.Round(s.perDay * lasts.Hours() / 24)) {
			c := call{at: start + time.Duration(w.Int64N(int64(lasts))), ip: from(), attack: true, uses: w.Float64()}
			c.set(t, p+w.digits(4))
			inside[c.digits/10_000] = true
			list = append(list, c)
		}
	}
	return list, inside
}

func byTime(calls ...[]call) []call {
	all := slices.Concat(calls...)
	slices.SortStableFunc(all, func(a, b call) int { return cmp.Compare(a.at, b.at) })
	return all
}
