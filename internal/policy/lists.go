package policy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/smshook/smshook/internal/phone"
)

// Lists say which numbers get no message. They apply to every account and every number, also to proven ones and while the policy
// only observes. A number is blocked if any of its readings is: a network may ignore a trunk zero or extra digits, see
// [phone.Number.Readings].
type Lists struct {
	Countries        Countries // if it isn't empty, all others are refused, also numbers whose country is unknown
	BlockedCountries Countries
	BlockedPrefixes  Prefixes
	// BlockedTypes doesn't block a number whose type is unknown: tables of numbers go out of date, and numbers for tests are in
	// none of them. [phone.Valid] refuses such numbers.
	BlockedTypes Types
}

// Words describes each list that isn't empty in English, in the order of the rules.
func (l Lists) Words() []string {
	var words []string
	for _, list := range []struct{ what, entries string }{
		{"only in", l.Countries.String()},
		{"not in", l.BlockedCountries.String()},
		{"not with", l.BlockedPrefixes.String()},
		{"not of type", l.BlockedTypes.String()},
	} {
		if list.entries != "" {
			words = append(words, list.what+" "+list.entries)
		}
	}
	return words
}

// Digits returns what can be told of a number by its first digits alone, without plus. The lists refuse each number that begins with none of
// allowed, unless that is empty, and each that begins with one of blocked. They may refuse others too.
func (l Lists) Digits() (allowed, blocked []string) {
	codes := map[string]bool{}
	for country := range l.Countries {
		code, _ := phone.CallingCode(country)
		codes[strconv.Itoa(code)] = true
	}
	prefixes := map[string]bool{}
	for country := range l.BlockedCountries {
		if code, alone := phone.CallingCode(country); alone {
			prefixes[strconv.Itoa(code)] = true
		}
	}
	for _, prefix := range l.BlockedPrefixes {
		prefixes[strings.TrimPrefix(prefix, "+")] = true
	}
	return slices.Sorted(maps.Keys(codes)), slices.Sorted(maps.Keys(prefixes))
}

// countries reports whether the number's country matters.
func (l Lists) countries() bool { return len(l.Countries) > 0 || len(l.BlockedCountries) > 0 }

// refuse returns the rule that refuses a number, or None. The country is empty if it is unknown or doesn't matter.
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

// blocks returns the rule that blocks one reading of a number, or None.
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

// Types are types of numbers, by the names that [phone.Number.Type] uses.
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

// Prefixes are the first characters of numbers, with the plus.
type Prefixes []string

const maxDigits = 15 // of a number

// UnmarshalText reads a list such as "+4470, +882".
func (p *Prefixes) UnmarshalText(text []byte) error {
	list, err := unmarshal(text, func(entry string) (string, string) {
		digits := strings.TrimPrefix(entry, "+")
		if digits == "" || len(digits) > maxDigits || strings.Trim(digits, "0123456789") != "" {
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

// unmarshal reads a list with commas. An error gives the position of the wrong entry, counted from 1, and doesn't quote it.
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
