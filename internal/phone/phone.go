// Package phone reads telephone numbers, and finds their calling code, country and type. Only this package uses libphonenumber.
package phone

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/nyaruka/phonenumbers"

	"github.com/smshook/smshook/providers"
)

// Number is a telephone number in international form. Every way of printing masks it.
type Number struct {
	e164        providers.Secret
	callingCode int
}

// A number has 7 to 15 digits: E.164 allows 15, and no country has numbers with fewer than 7, calling code included.
const (
	minDigits = 7
	maxDigits = 15
)

// Parse reads a number in international form, with or without its plus. All other characters must be ASCII digits. The calling code
// must exist. Parse doesn't check whether the number exists: Auth has accepted it already, and every table of numbers goes out of
// date. An error doesn't quote the number.
func Parse(s string) (Number, error) {
	digits := strings.TrimPrefix(s, "+")
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return Number{}, errors.New("contains something other than digits")
		}
	}
	switch {
	case len(digits) < minDigits:
		return Number{}, fmt.Errorf("has %d digits, too few for a number with its calling code", len(digits))
	case len(digits) > maxDigits:
		return Number{}, fmt.Errorf("has %d digits, too many", len(digits))
	case digits[0] == '0':
		return Number{}, errors.New("starts with 0: it is not in international form")
	}
	code := callingCodeOf(digits)
	if code == 0 {
		return Number{}, errors.New("starts with no country's calling code")
	}
	return Number{providers.NewSecret("+" + digits), code}, nil
}

// E164 returns the number with its plus.
func (n Number) E164() providers.Secret { return n.e164 }

// National returns the number without its plus and its calling code. A trunk prefix is neither added nor removed.
func (n Number) National() providers.Secret {
	return providers.NewSecret(strings.TrimPrefix(n.e164.Reveal(), "+"+strconv.Itoa(n.callingCode)))
}

// CallingCode returns the country's calling code, such as 44.
func (n Number) CallingCode() int { return n.callingCode }

// parsed returns the number in libphonenumber's form. It takes some 12 µs.
func (n Number) parsed() (*phonenumbers.PhoneNumber, error) {
	return phonenumbers.Parse(n.e164.Reveal(), "")
}

// Masked returns the number with its middle hidden, to be recognised in a log but not called: "+4477*****123".
func (n Number) Masked() string {
	digits := strings.TrimPrefix(n.e164.Reveal(), "+")
	const tail = 3
	const hidden = 4 // at least
	if len(digits) < tail+hidden {
		return ""
	}
	head := min(4, len(digits)-tail-hidden)
	return "+" + digits[:head] + strings.Repeat("*", len(digits)-head-tail) + digits[len(digits)-tail:]
}

// Format prints the number masked, whatever the verb.
func (n Number) Format(f fmt.State, _ rune) { io.WriteString(f, n.Masked()) }

// NoCountry says why a code is not a country's ISO code, and what to write instead. It is empty if the code is one that Country returns.
func NoCountry(code string) string {
	switch {
	case phonenumbers.GetSupportedRegions()[code]:
		return ""
	case code == "UK":
		return "UK is not the ISO code of Great Britain, want GB"
	case code == "EL":
		return "EL is not the ISO code of Greece, want GR"
	}
	return "want a country's ISO code in capitals, such as GB"
}

// IsCallingCode reports whether a calling code exists.
func IsCallingCode(code int) bool { return callingCodes()[code] }

// callingCodeOf returns the calling code with which digits start: one to three of them; 0 if there is none. No calling code starts with
// another one.
func callingCodeOf(digits string) int {
	code := 0
	for _, digit := range digits[:3] {
		code = code*10 + int(digit-'0')
		if IsCallingCode(code) {
			return code
		}
	}
	return 0
}

var callingCodes = sync.OnceValue(func() map[int]bool {
	codes := make(map[int]bool)
	for code := range phonenumbers.GetSupportedCallingCodes() {
		if code > 0 && len(strconv.Itoa(code)) <= 3 {
			codes[code] = true
		}
	}
	return codes
})
