package providers

import "regexp"

// number is digits that can be a number with its calling code. A short code has fewer.
var number = regexp.MustCompile(`^[1-9][0-9]{9,14}$`)

// SendersOf returns how a caller may write the sender that an operator has set: as it stands there, and a number also with its plus. An empty
// one is none.
func SendersOf(from string) []string {
	switch {
	case from == "":
		return nil
	case number.MatchString(from):
		return []string{from, "+" + from}
	}
	return []string{from}
}
