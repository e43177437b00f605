package phone

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/require"
)

// All numbers of a range are of one country: what was found for one of them stands for the others.
func TestCountryOfARange(t *testing.T) {
	var shared []int
	for code := range phonenumbers.GetSupportedCallingCodes() {
		if len(phonenumbers.GetRegionCodesForCountryCode(code)) > 1 {
			shared = append(shared, code)
		}
	}
	require.Contains(t, shared, 1)
	for range 5_000 {
		digits := fmt.Sprintf("%d%0*d", shared[rand.IntN(len(shared))], 5+rand.IntN(5), rand.IntN(100_000))
		one, err := Parse(digits + fmt.Sprintf("%03d", rand.IntN(1000)))
		require.NoError(t, err)
		parsed, err := one.parsed()
		if err != nil {
			continue
		}
		other, err := Parse(digits + fmt.Sprintf("%03d", rand.IntN(1000)))
		require.NoError(t, err)
		other.Country()
		require.Equal(t, country(phonenumbers.GetRegionCodeForNumber(parsed)), one.Country(), "%s, after %s", one.E164().Reveal(), other.E164().Reveal())
	}
}

func TestCountriesAreBounded(t *testing.T) {
	for i := range 3 * maxRanges {
		n, err := Parse(fmt.Sprintf("1%07d000", i))
		require.NoError(t, err)
		n.Country()
		require.LessOrEqual(t, len(countries.byRange), maxRanges)
	}
}
