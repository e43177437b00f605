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
	// base64Run is what may be a text in Base64, in the standard alphabet or the one for URLs.
	base64Run = regexp.MustCompile(`[A-Za-z0-9+/_-]{8,}`)
	// hexRun is what may be a text in hexadecimal digits, with or without a mark between its bytes.
	hexRun = regexp.MustCompile(`[0-9A-Fa-f]{2}(?:[ :-]?[0-9A-Fa-f]{2}){3,}[0-9A-Fa-f]?`)

	standardAlphabet = strings.NewReplacer("-", "+", "_", "/")
	withoutMarks     = strings.NewReplacer(" ", "", ":", "", "-", "")
)

// maskEncoded masks what holds a secret once it is decoded. The secret may be a part of what was encoded, such as the token in
// user:token. The encoded text may follow other letters without a gap, and therefore may begin at any of them. It may be written
// backwards.
func (m mask) maskEncoded(text string) string {
	text = hexRun.ReplaceAllStringFunc(text, func(run string) string {
		digits := withoutMarks.Replace(run)
		for start := range min(2, len(digits)) {
			decoded, _ := hex.DecodeString(digits[start : start+(len(digits)-start)/2*2]) // pairs of digits always decode
			if m.tells(decoded) {
				return "[secret]"
			}
		}
		return run
	})
	return base64Run.ReplaceAllStringFunc(text, func(run string) string {
		digits := standardAlphabet.Replace(run)
		for _, digits := range []string{digits, reversed(digits)} {
			for start := range min(4, len(digits)) {
				if m.tells(decodeBase64(digits[start:])) {
					return "[secret]"
				}
			}
		}
		return run
	})
}

// decodeBase64 leaves out a last digit that can't belong to a text.
func decodeBase64(digits string) []byte {
	if len(digits)%4 == 1 {
		digits = digits[:len(digits)-1]
	}
	decoded, _ := base64.RawStdEncoding.DecodeString(digits) // digits of the alphabet always decode
	return decoded
}

// tells reports whether what was decoded holds a secret.
func (m mask) tells(decoded []byte) bool {
	text := plain(string(decoded))
	holds := func(secret string) bool { return strings.Contains(text, secret) }
	return slices.ContainsFunc(m.wanted, holds) || digitRun.ReplaceAllStringFunc(text, m.cleanDigits) != text
}

// reversed returns the characters of a text in the opposite order.
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
