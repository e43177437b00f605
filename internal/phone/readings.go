package phone

import (
	"slices"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/smshook/smshook/providers"
)

// Readings returns the numbers that a mobile network may connect this one to; the number itself is the first. A network reads a number
// digit by digit. It may skip a trunk prefix (+44 07…, +7 8…) or zeros at the start, and ignore extra digits at the end.
//
// A number that its country is known to use has no other readings. For all others, Readings tries the number without trunk prefixes and
// zeros. Of each form that results, and of the number itself, it adds the first digits if the country uses them as a number.
//
// Nearly all numbers have one reading, which takes some 20 µs. The others take up to 100 µs. Most of them have at most four readings,
// and some twelve where numbers have no fixed length.
func (n Number) Readings() []Number {
	readings := []Number{n}
	parsed, err := n.parsed()
	if err != nil {
		return readings
	}
	asWritten := phonenumbers.Format(parsed, phonenumbers.E164) == n.e164.Reveal()
	if asWritten && phonenumbers.IsValidNumber(parsed) {
		return readings
	}
	national := n.national()
	bare := national
	if !asWritten {
		bare = withoutTrunk(n.callingCode, national)
	}
	forms := []string{national}
	for _, form := range slices.Concat(withoutZeros(national), withoutZeros(bare)) {
		for _, form := range append([]string{form}, known(n.callingCode, form)...) {
			if form != "" && !slices.Contains(forms, form) {
				forms = append(forms, form)
				readings = append(readings, numberOf(n.callingCode, form))
			}
		}
	}
	return readings
}

// national returns the digits after the calling code.
func (n Number) national() string {
	return n.e164.Reveal()[len("+")+len(strconv.Itoa(n.callingCode)):]
}

func numberOf(callingCode int, national string) Number {
	return Number{providers.NewSecret("+" + strconv.Itoa(callingCode) + national), callingCode}
}

// withoutTrunk removes all trunk prefixes that libphonenumber knows, also repeated ones.
func withoutTrunk(callingCode int, national string) string {
	for range maxDigits {
		parsed, err := numberOf(callingCode, national).parsed()
		if err != nil {
			return national
		}
		bare := phonenumbers.GetNationalSignificantNumber(parsed)
		if len(bare) >= len(national) {
			return national
		}
		national = bare
	}
	return national
}

// withoutZeros returns a national number, and then the same number without its first zero, its first two zeros, and so on.
func withoutZeros(national string) []string {
	list := []string{national}
	for strings.HasPrefix(national, "0") {
		national = national[1:]
		list = append(list, national)
	}
	return list
}

// known returns the prefixes of a national number that its country is known to use as numbers, the longest first.
func known(callingCode int, national string) []string {
	var list []string
	for ; national != ""; national = national[:len(national)-1] {
		value, err := strconv.ParseUint(national, 10, 64)
		if err != nil {
			return nil
		}
		zeros := len(national) - len(strings.TrimLeft(national, "0"))
		number := &phonenumbers.PhoneNumber{
			CountryCode:          new(int32(callingCode)),
			NationalNumber:       new(value),
			ItalianLeadingZero:   new(zeros > 0),
			NumberOfLeadingZeros: new(int32(zeros)),
		}
		// The length is checked first, because this is ten times as fast. A length that is local in one country may be a whole number
		// in another country with the same calling code.
		length := phonenumbers.IsPossibleNumberWithReason(number)
		if (length == phonenumbers.IS_POSSIBLE || length == phonenumbers.IS_POSSIBLE_LOCAL_ONLY) && phonenumbers.IsValidNumber(number) {
			list = append(list, national)
		}
	}
	return list
}
