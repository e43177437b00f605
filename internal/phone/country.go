package phone

import (
	"cmp"
	"strconv"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// Country returns the ISO 3166-1 code of the number's country. It is empty if several countries share the calling code and the number
// is in no known range of any of them. For a shared calling code, Country takes some 20 µs, unless the range was asked for before.
func (n Number) Country() string {
	regions := phonenumbers.GetRegionCodesForCountryCode(n.callingCode)
	if len(regions) == 1 {
		return country(regions[0])
	}
	return countries.of(n)
}

// CallingCode returns the calling code of a country that Country can return, and whether no other country has it.
func CallingCode(country string) (code int, alone bool) {
	code = phonenumbers.GetCountryCodeForRegion(country)
	return code, len(phonenumbers.GetRegionCodesForCountryCode(code)) == 1
}

// Countries returns, for each calling code, what Country returns for all of its numbers: a country. It is the calling code itself if its numbers
// belong to none, and empty if several countries share it.
func Countries() map[string]string {
	all := map[string]string{}
	for code := range callingCodes() {
		text := strconv.Itoa(code)
		all[text] = ""
		if regions := phonenumbers.GetRegionCodesForCountryCode(code); len(regions) == 1 {
			all[text] = cmp.Or(country(regions[0]), text)
		}
	}
	return all
}

// country returns a region of libphonenumber, or nothing for the regions that stand for no country: those of +800, for example.
func country(region string) string {
	if region == "ZZ" || region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY {
		return ""
	}
	return region
}

// countries are the countries of the ranges that were asked for. A range is all numbers that differ in their last three digits.
// libphonenumber's tables never divide a range between countries: 400,000 pairs of numbers of all shared calling codes were compared.
var countries = rangeCountries{byRange: map[uint64]string{}}

type rangeCountries struct {
	mu      sync.Mutex
	byRange map[uint64]string
}

// maxRanges is how many ranges are remembered. When there are more, all are forgotten: that is rare, and needs no order.
const maxRanges = 1 << 13

func (c *rangeCountries) of(n Number) string {
	digits := n.e164.Reveal()[len("+"):]
	numberRange, _ := strconv.ParseUint(digits[:len(digits)-3], 10, 64) // of 4 to 12 digits
	numberRange = numberRange*16 + uint64(len(digits))
	c.mu.Lock()
	known, ok := c.byRange[numberRange]
	c.mu.Unlock()
	if ok {
		return known
	}
	found := ""
	if parsed, err := n.parsed(); err == nil {
		found = country(phonenumbers.GetRegionCodeForNumber(parsed))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.byRange) == maxRanges {
		clear(c.byRange)
	}
	c.byRange[numberRange] = found
	return found
}
