package phone

import (
	"slices"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/smshook/smshook/providers"
)

// Readings returns the numbers that a network may take this one for, itself first. There are others only if its country isn't
// known to use the number as it is written: then those without a trunk prefix (+44 07…, +7 8…) or zeros before it, and of each of
// these and of the number itself the beginnings that the country is known to use. For networks read a number digit by digit, and
// may ignore what comes after its end.
//
// If there is only one, as for nearly all, that takes some 20 µs, else up to 100. Of most numbers there are four at most, and some
// dozen where numbers have no fixed length.
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

// national is the number without its calling code.
func (n Number) national() string {
	return n.e164.Reveal()[len("+")+len(strconv.Itoa(n.callingCode)):]
}

func numberOf(callingCode int, national string) Number {
	return Number{providers.NewSecret("+" + strconv.Itoa(callingCode) + national), callingCode}
}

// withoutTrunk drops the trunk prefixes that libphonenumber forgives, however often there is one.
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

// withoutZeros returns a national number, and what is left of it without its first zero, the first two, and so on.
func withoutZeros(national string) []string {
	list := []string{national}
	for strings.HasPrefix(national, "0") {
		national = national[1:]
		list = append(list, national)
	}
	return list
}

// known returns the beginnings of a national number that the country is known to use as numbers, the longest first.
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
		// The length is asked first, since that is a tenth of the work. One for local calls only may be another country's that has
		// the same calling code.
		length := phonenumbers.IsPossibleNumberWithReason(number)
		if (length == phonenumbers.IS_POSSIBLE || length == phonenumbers.IS_POSSIBLE_LOCAL_ONLY) && phonenumbers.IsValidNumber(number) {
			list = append(list, national)
		}
	}
	return list
}
