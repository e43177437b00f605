package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"

	"github.com/smshook/smshook/internal/phone"
)

// The rules that are rate limits, in the order in which they are looked at and printed. A new one needs a field of [Limits], a row
// of the table below and a setting of the program. Tests name whatever else is missing.
const (
	PerPhone = firstLimit + Rule(iota)
	PerUser
	PerIP
	PerPrefix
	PerCountry
	InTotal
	InAll
)

// Limits are the rate limits. Each counts the messages that have one thing in common.
type Limits struct {
	Phone   Limit // one number; a proven number has two counts, one for its own account and one for all others
	User    Limit // one account, over all numbers, proven or not
	IP      Limit // one IPv4 address, or one /64 of IPv6
	Prefix  Limit // the 10,000 numbers that differ only in their last four digits
	Country Limit // one country, or one calling code where the country is unknown
	Total   Limit // all messages but those to proven numbers
	All     Limit // all messages
}

// rateLimit is a row of the table of limits, rateLimits.
type rateLimit struct {
	setting  string // without its prefix and in lower case
	counts   string // what has one count, in English
	unproven bool   // it doesn't count messages to proven numbers
	limit    func(*Limits) *Limit
	// Exactly one of key and source is set. It returns which count a message belongs to. If ok is false, the message isn't
	// counted.
	key    func(message) (key uint64, ok bool)
	source func(netip.Addr) (key uint64, ok bool)
}

// rateLimits is the table of all limits. The index is the rule, counted from firstLimit.
var rateLimits = [...]rateLimit{
	PerPhone - firstLimit: {
		setting: "limit_phone", counts: "one number", limit: func(l *Limits) *Limit { return &l.Phone }, key: phoneKey,
	},
	PerUser - firstLimit: {
		setting: "limit_user", counts: "one account", limit: func(l *Limits) *Limit { return &l.User }, key: userKey,
	},
	PerIP - firstLimit: {
		setting: "limit_ip", counts: "one IP address", unproven: true, limit: func(l *Limits) *Limit { return &l.IP }, source: source,
	},
	PerPrefix - firstLimit: {
		setting: "limit_prefix", counts: "one prefix", unproven: true, limit: func(l *Limits) *Limit { return &l.Prefix }, key: prefixKey,
	},
	PerCountry - firstLimit: {
		setting: "limit_country", counts: "one country", unproven: true, limit: func(l *Limits) *Limit { return &l.Country }, key: countryKey,
	},
	InTotal - firstLimit: {
		setting: "limit_total", counts: "all messages but those to confirmed numbers", unproven: true,
		limit: func(l *Limits) *Limit { return &l.Total }, key: oneKey,
	},
	InAll - firstLimit: {
		setting: "limit_all", counts: "all messages", limit: func(l *Limits) *Limit { return &l.All }, key: oneKey,
	},
}

// Limited is a rule that is a rate limit, and its limit.
type Limited struct {
	Rule  Rule
	Limit Limit
}

// List returns all limits in the order of the rules, also those that are off.
func (l Limits) List() []Limited {
	list := make([]Limited, 0, len(rateLimits))
	for i, row := range rateLimits {
		list = append(list, Limited{firstLimit + Rule(i), *row.limit(&l)})
	}
	return list
}

// With returns the limits with another limit for the rule of that name. They are unchanged if there is no such rule, or if no setting could
// have that value.
func (l Limits) With(rule string, limit Limit) Limits {
	if limit != (Limit{}) && (limit.Most < 1 || limit.Most > maxMost || limit.Per < minPer || limit.Per > maxPer) {
		return l
	}
	for _, row := range rateLimits {
		if row.setting == rule {
			*row.limit(&l) = limit
		}
	}
	return l
}

// Uncounted returns the limits that are on, but don't count messages from this address. Such limits count public addresses only.
func (l Limits) Uncounted(ip netip.Addr) []Rule {
	var rules []Rule
	for i, row := range rateLimits {
		if row.source == nil || !row.limit(&l).on() {
			continue
		}
		if _, ok := row.source(ip); !ok {
			rules = append(rules, firstLimit+Rule(i))
		}
	}
	return rules
}

// Own returns what the limits count of one account or one number alone, without the limits: charges that nobody else has. Either may be empty. The
// error says what is wrong with the number, and doesn't quote it.
func Own(user, number string) ([]Charge, error) {
	var charges []Charge
	if number != "" {
		n, err := phone.Parse(number)
		if err != nil {
			return nil, err
		}
		of := func(proven bool) Charge {
			key, _ := phoneKey(message{digits: digits(n), proven: proven})
			return Charge{Rule: PerPhone, Key: key}
		}
		charges = append(charges, of(false), of(true))
	}
	if key, ok := userKey(message{user: user}); ok {
		charges = append(charges, Charge{Rule: PerUser, Key: key})
	}
	return charges, nil
}

// message is what keys are made of. It has no address: a key of an address is made by the field source of a rateLimit.
type message struct {
	number  phone.Number
	digits  uint64 // of the number
	country string // of the number; empty if it is unknown, or if no list needed it
	user    string
	proven  bool
}

// ownNumber is a bit in the key of a number: it separates the messages that the number's own account asks for. No number is so
// large that it has this bit itself.
const ownNumber = 1 << 63

func phoneKey(m message) (uint64, bool) {
	if m.proven {
		return m.digits | ownNumber, true
	}
	return m.digits, true
}

// userKey returns an account as an integer, the same in every process. Auth chooses the ids of accounts, so a part of a hash is
// enough to tell them apart. ok is false if the account is unknown.
func userKey(m message) (key uint64, ok bool) {
	if m.user == "" {
		return 0, false
	}
	sum := sha256.Sum256([]byte(m.user))
	return binary.BigEndian.Uint64(sum[:]), true
}

func prefixKey(m message) (uint64, bool) { return m.digits / 10_000, true }

// countryKey returns a country, or a calling code where the country is unknown, as an integer. A country's integer, made of its
// two letters, is larger than any calling code.
func countryKey(m message) (uint64, bool) {
	country := m.country
	if country == "" {
		country = m.number.Country()
	}
	if len(country) != 2 {
		return uint64(m.number.CallingCode()), true
	}
	return uint64(country[0])<<8 | uint64(country[1]), true
}

// oneKey is the key of limits that count everything together.
func oneKey(message) (uint64, bool) { return 0, true }

// digits returns the number as an integer. No two numbers give the same integer: the first digit is never 0, and 15 digits fit.
func digits(n phone.Number) uint64 {
	value := uint64(0)
	for _, digit := range n.E164().Reveal()[len("+"):] {
		value = value*10 + uint64(digit-'0')
	}
	return value
}
