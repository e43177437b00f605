package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/smshook/smshook/internal/phone"
)

// Lists are who is never texted. They hold whatever the limits say, and for everybody. What is blocked is so in each of the forms
// in which a network may read the number: with a trunk zero or digits too many, it is no other number.
type Lists struct {
	Countries        Countries // if there are any, nobody else's: not even numbers whose country can't be told
	BlockedCountries Countries
	BlockedPrefixes  Prefixes
	// BlockedTypes is not for a number whose type can't be told: every table of numbers ages, and numbers for tests are in
	// none. Whoever wants to have those refused checks numbers for [phone.Valid].
	BlockedTypes Types
}

// countries reports whether the number's country matters.
func (l Lists) countries() bool { return len(l.Countries) > 0 || len(l.BlockedCountries) > 0 }

// refuse returns the rule that a number breaks. The country is empty if it can't be told, or doesn't matter.
func (l Lists) refuse(n phone.Number, country string) Rule {
	switch {
	case len(l.Countries) > 0 && !l.Countries[country]:
		return NotAllowed
	case l.BlockedCountries[country]:
		return BlockedCountry
	case len(l.BlockedCountries) == 0 && len(l.BlockedPrefixes) == 0 && len(l.BlockedTypes) == 0:
		return None
	}
	first := None
	for _, reading := range n.Readings() {
		if rule := l.blocks(reading); rule != None && (first == None || rule < first) {
			first = rule
		}
	}
	return first
}

// blocks returns the rule that blocks what a network may take a number for.
func (l Lists) blocks(n phone.Number) Rule {
	switch {
	case len(l.BlockedCountries) > 0 && l.BlockedCountries[n.Country()]:
		return BlockedCountry
	case len(l.BlockedPrefixes) > 0 && l.BlockedPrefixes.has(n.E164().Reveal()):
		return BlockedPrefix
	case len(l.BlockedTypes) > 0 && l.BlockedTypes[n.Type()]:
		return BlockedType
	}
	return None
}

// Countries are ISO 3166-1 codes.
type Countries map[string]bool

// UnmarshalText reads a list such as "GB, IE".
func (c *Countries) UnmarshalText(text []byte) error {
	list, err := unmarshal(text, func(entry string) (string, string) {
		return entry, phone.NoCountry(entry)
	})
	if err == nil {
		*c = list
	}
	return err
}

func (c Countries) String() string { return join(c) }

// Types are types of numbers, as [phone.Number.Type] names them.
type Types map[string]bool

// UnmarshalText reads a list such as "premium_rate, voip".
func (t *Types) UnmarshalText(text []byte) error {
	list, err := unmarshal(text, func(entry string) (string, string) {
		switch {
		case entry == "mobile" || entry == phone.FixedLineOrMobile:
			return "", "mobile phones are of this type"
		case entry == "unknown":
			return "", "numbers of no known type are refused by PHONE_CHECK=valid"
		case !phone.IsType(entry):
			return "", "want fixed_line, toll_free, premium_rate, shared_cost, voip, personal_number, pager, uan or voicemail"
		}
		return entry, ""
	})
	if err == nil {
		*t = list
	}
	return err
}

func (t Types) String() string { return join(t) }

// Prefixes are how numbers begin, with their plus.
type Prefixes []string

const mostDigits = 15 // of a number

// UnmarshalText reads a list such as "+4470, +882".
func (p *Prefixes) UnmarshalText(text []byte) error {
	list, err := unmarshal(text, func(entry string) (string, string) {
		digits := strings.TrimPrefix(entry, "+")
		if digits == "" || len(digits) > mostDigits || strings.Trim(digits, "0123456789") != "" {
			return "", "want the first digits of numbers with their calling code, such as +4470"
		}
		if digits[0] == '0' {
			return "", "want it with the calling code: no number starts with 0"
		}
		return "+" + digits, ""
	})
	if err == nil {
		*p = slices.Sorted(maps.Keys(list))
	}
	return err
}

func (p Prefixes) has(e164 string) bool {
	return slices.ContainsFunc(p, func(prefix string) bool { return strings.HasPrefix(e164, prefix) })
}

func (p Prefixes) String() string { return strings.Join(p, ", ") }

// unmarshal reads a list with commas. What is wrong with an entry is told with its place, and without the entry.
func unmarshal(text []byte, read func(entry string) (value, problem string)) (map[string]bool, error) {
	list := map[string]bool{}
	for i, entry := range strings.Split(string(text), ",") {
		value, problem := read(strings.TrimSpace(entry))
		if problem != "" {
			return nil, fmt.Errorf("entry %d: %s", i+1, problem)
		}
		list[value] = true
	}
	return list, nil
}

func join(list map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(list)), ", ") }
