package phone

import (
	"errors"

	"github.com/nyaruka/phonenumbers"
)

// Check is how much is asked of a number. The zero value is Shape.
type Check int

const (
	Shape    Check = iota // the form of a number and a calling code that exists, as Parse asks
	Possible              // and a length that its country has; that takes some 10 µs
	Valid                 // and a range that its country is known to use; some 20 µs
)

// UnmarshalText reads shape, possible or valid.
func (c *Check) UnmarshalText(text []byte) error {
	switch string(text) {
	case "shape":
		*c = Shape
	case "possible":
		*c = Possible
	case "valid":
		*c = Valid
	default:
		return errors.New("want shape, possible or valid")
	}
	return nil
}

func (c Check) String() string { return [...]string{"shape", "possible", "valid"}[c] }

var (
	errLength = errors.New("has a length that its country doesn't use")
	errForm   = errors.New("is not written as its country is called from abroad")
	errRange  = errors.New("is in no range that its country is known to use")
)

// Parse reads a number as the function Parse does, and checks it. An error doesn't quote the number.
//
// What is possible and valid is libphonenumber's word, which ages between two releases. Numbers in a form that their country
// has given up (Mexico's +52 1, eight digits in Ivory Coast) are neither, although Auth may have stored them; numbers for
// drama and for tests, and those of Benin before 2024, are possible and not valid.
func (c Check) Parse(s string) (Number, error) {
	n, err := Parse(s)
	if err != nil || c == Shape {
		return n, err
	}
	parsed, err := n.parsed()
	// The boolean IsPossibleNumber also takes numbers that can be called only from the next house.
	if err != nil || phonenumbers.IsPossibleNumberWithReason(parsed) != phonenumbers.IS_POSSIBLE {
		return Number{}, errLength
	}
	// libphonenumber forgives a trunk prefix, +44 (0)7…, and so would judge another number than the one that is sent to.
	if phonenumbers.Format(parsed, phonenumbers.E164) != n.e164.Reveal() {
		return Number{}, errForm
	}
	if c == Valid && !phonenumbers.IsValidNumber(parsed) {
		return Number{}, errRange
	}
	return n, nil
}
