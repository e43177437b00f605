// Package phone knows numbers: their shape, their calling code, their country and their type. It alone uses libphonenumber's
// tables.
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

// Number is a telephone number in international form. Printed, it is masked.
type Number struct {
	e164        providers.Secret
	callingCode int
}

// A number has 7 to 15 digits: E.164 allows 15, and nobody has fewer than 7 with the calling code.
const (
	minDigits = 7
	maxDigits = 15
)

// Parse takes a number in international form, with or without its plus, and nothing but ASCII digits: no spaces, letters
// or extensions. The calling code must exist; whether the number does is not asked, since Auth has taken it already and
// every table of numbers ages. An error doesn't quote the number.
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

// National returns the number without its plus and its calling code, as it stands: a trunk prefix is neither added nor taken away.
func (n Number) National() providers.Secret {
	return providers.NewSecret(strings.TrimPrefix(n.e164.Reveal(), "+"+strconv.Itoa(n.callingCode)))
}

// CallingCode returns the country's calling code, such as 44.
func (n Number) CallingCode() int { return n.callingCode }

// parsed is the number as libphonenumber has it. That takes some 12 µs.
func (n Number) parsed() (*phonenumbers.PhoneNumber, error) {
	return phonenumbers.Parse(n.e164.Reveal(), "")
}

// Masked shows enough of a number to recognise it in a log, and not enough to call it: "+4477*****123".
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

// NoCountry says why a code is not that of a country, as Country writes it, and what to write; it is empty if the code is one.
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

// IsCallingCode reports whether some country's numbers start with a code.
func IsCallingCode(code int) bool { return callingCodes()[code] }

// callingCodeOf looks the calling code up by its one to three digits; 0 if there is none. No code is the start of another.
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
