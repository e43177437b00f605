package phone

import (
	"errors"

	"github.com/nyaruka/phonenumbers"
)

// Check is how a number is checked. The zero value is Shape.
type Check int

const (
	Shape    Check = iota // only digits, and a calling code that exists, as the function Parse checks
	Possible              // also a length that its country uses; this takes some 10 µs
	Valid                 // also a range that its country is known to use; this takes some 20 µs
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

// Parse reads a number as the function Parse does, and then checks it. An error doesn't quote the number.
//
// libphonenumber's tables decide what is possible and valid. They go out of date until the next release. Numbers in a form that their
// country no longer uses (Mexico's +52 1, eight digits in Ivory Coast) are neither possible nor valid, although Auth may have stored
// them. Numbers reserved for films and for tests, and those of Benin before 2024, are possible but not valid.
func (c Check) Parse(s string) (Number, error) {
	n, err := Parse(s)
	if err != nil || c == Shape {
		return n, err
	}
	parsed, err := n.parsed()
	// The function IsPossibleNumber would also accept local numbers, without an area code.
	if err != nil || phonenumbers.IsPossibleNumberWithReason(parsed) != phonenumbers.IS_POSSIBLE {
		return Number{}, errLength
	}
	// libphonenumber removes a trunk prefix, +44 (0)7…. The number that it checks is another one than the message goes to.
	if phonenumbers.Format(parsed, phonenumbers.E164) != n.e164.Reveal() {
		return Number{}, errForm
	}
	if c == Valid && !phonenumbers.IsValidNumber(parsed) {
		return Number{}, errRange
	}
	return n, nil
}
