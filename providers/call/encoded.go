package call

import (
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

var (
	// base64Run is what may be a text in Base64, of either alphabet.
	base64Run = regexp.MustCompile(`[A-Za-z0-9+/_-]{8,}`)
	// hexRun is what may be a text in hexadecimal digits, also with a mark between its bytes.
	hexRun = regexp.MustCompile(`[0-9A-Fa-f]{2}(?:[ :-]?[0-9A-Fa-f]{2}){3,}[0-9A-Fa-f]?`)

	standardAlphabet = strings.NewReplacer("-", "+", "_", "/")
	withoutMarks     = strings.NewReplacer(" ", "", ":", "", "-", "")
)

// maskEncoded takes out what tells a secret once it is decoded. The text may be part of a longer one, such as user:token in Base64,
// and stand behind other letters, so that it begins anywhere.
func (s scrubber) maskEncoded(text string) string {
	text = hexRun.ReplaceAllStringFunc(text, func(run string) string {
		digits := withoutMarks.Replace(run)
		for start := range min(2, len(digits)) {
			decoded, _ := hex.DecodeString(digits[start : start+(len(digits)-start)/2*2]) // pairs of digits always decode
			if s.tells(decoded) {
				return "[secret]"
			}
		}
		return run
	})
	return base64Run.ReplaceAllStringFunc(text, func(run string) string {
		digits := standardAlphabet.Replace(run)
		for start := range min(4, len(digits)) {
			if s.tells(decodeBase64(digits[start:])) {
				return "[secret]"
			}
		}
		return run
	})
}

// decodeBase64 leaves out the last digit if it can't be one of a text.
func decodeBase64(digits string) []byte {
	if len(digits)%4 == 1 {
		digits = digits[:len(digits)-1]
	}
	decoded, _ := base64.RawStdEncoding.DecodeString(digits) // digits of the alphabet always decode
	return decoded
}

// tells reports whether what was decoded holds a secret.
func (s scrubber) tells(decoded []byte) bool {
	text := plain(string(decoded))
	for _, secret := range s.secrets() {
		if found := plain(secret.Reveal()); len(found) >= 4 && strings.Contains(text, found) {
			return true
		}
	}
	return digitRun.ReplaceAllStringFunc(text, s.cleanDigits) != text
}

// reversed returns a text from its end to its beginning.
func reversed(text string) string {
	runes := []rune(text)
	slices.Reverse(runes)
	return string(runes)
}

// decimal returns the value of a decimal digit of any script, and whether r is one. Each script has its ten digits in a row, from
// zero to nine (https://www.unicode.org/reports/tr44/#General_Category_Values), and so has each range of the table.
func decimal(r rune) (value rune, ok bool) {
	if r <= unicode.MaxASCII || !unicode.Is(unicode.Nd, r) {
		return r - '0', '0' <= r && r <= '9'
	}
	for _, table := range unicode.Nd.R16 {
		if rune(table.Lo) <= r && r <= rune(table.Hi) {
			return (r - rune(table.Lo)) % 10, true
		}
	}
	for _, table := range unicode.Nd.R32 {
		if rune(table.Lo) <= r && r <= rune(table.Hi) {
			return (r - rune(table.Lo)) % 10, true
		}
	}
	return 0, false
}
