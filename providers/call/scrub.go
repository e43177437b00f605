package call

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/smshook/smshook/providers"
)

// maxText is how many bytes of a provider's text reach the log.
const maxText = 400

// maxSearched is how many bytes of a text are searched for secrets, beside the reach of the longest secret. It is more than
// maxText, because a text becomes shorter where secrets are masked.
const maxSearched = 4 * maxText

// How many bytes one byte of a secret may take in a text. One character may be written as &#x000034;, and a character of a
// secret has 1 to 4 bytes. Between two digits of a number up to 4 marks may stand, each written the same way.
const (
	spread       = 12
	digitsSpread = 50
)

// A scrubber masks the secrets of one call in a text, in every form in which providers repeat them. If in doubt it masks too
// much. Making a scrubber costs nothing, because most are never used.
type scrubber struct {
	message       providers.Message
	credentials   []providers.Secret
	authorization string // the header; its credentials are encoded, and are a secret too
}

func (s scrubber) secrets() []providers.Secret {
	m := s.message
	secrets := append([]providers.Secret{m.Text, m.To, providers.NewSecret(s.number()), m.Code}, s.credentials...)
	_, authorization, _ := strings.Cut(s.authorization, " ")
	return append(secrets, providers.NewSecret(authorization))
}

// number is the recipient's number without its plus.
func (s scrubber) number() string { return strings.TrimPrefix(s.message.To.Reveal(), "+") }

func (s scrubber) error(err error) error { return errors.New(s.clean(err.Error())) }

func (s scrubber) clean(text string) string { return s.newMask().clean(text) }

const escapedSecret = "[a text that repeats the message, escaped]"

// maxEscapes is how often an escaped text may have been escaped again: %2534 is %34, and that is 4.
const maxEscapes = 3

// clean returns text without secrets, and at most maxText bytes of it. Only the beginning of a long text is searched, because a
// search takes 2 µs a byte.
func (m mask) clean(text string) string {
	if text == "" {
		return ""
	}
	text = plain(text)
	searched, more := cut(text, maxSearched+m.reach())
	masked := m.apply(searched)
	decoded := masked
	for range maxEscapes {
		before := decoded
		if decoded = plain(unescape(before)); m.apply(decoded) != decoded {
			return escapedSecret
		}
		if decoded == before {
			break
		}
	}
	if more {
		// A secret that ends behind what was searched isn't found. But it begins in the last m.reach() bytes. What is masked in
		// the same way without these bytes doesn't come from them.
		shorter, _ := cut(searched, maxSearched)
		masked = commonPrefix(masked, m.apply(shorter))
	}
	masked, cutOff := cut(masked, maxText)
	if more || cutOff {
		masked += "…"
	}
	return masked
}

// reach is how many bytes the longest secret may take in a text.
func (s scrubber) reach() int {
	reach := digitsSpread * max(len(s.number()), len(s.message.Code.Reveal()))
	for _, secret := range s.secrets() {
		reach = max(reach, spread*len(secret.Reveal()))
	}
	return reach
}

// cut returns the first bytes of a text, without a broken character at their end, and whether there were more.
func cut(text string, most int) (first string, more bool) {
	if len(text) <= most {
		return text, false
	}
	return strings.ToValidUTF8(text[:most], ""), true
}

func commonPrefix(a, b string) string {
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	return strings.ToValidUTF8(a[:same], "")
}

// plain returns a text that can be searched, and that can't change the operator's terminal: valid UTF-8 in one line, without
// invisible characters, and with the digits 0 to 9 in place of those of other scripts.
func plain(text string) string {
	if printableASCII(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Cf, r): // such as a zero-width space between two letters
			return -1
		}
		if value, ok := decimal(r); ok {
			return '0' + value
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

func printableASCII(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// escape is one character in the notation of JSON, of a program, of a URL, or of HTML.
var escape = regexp.MustCompile(`\\u([0-9a-fA-F]{4})|(?:[\\0]x|%)([0-9a-fA-F]{2})|&#[xX]([0-9a-fA-F]{1,6});|&#([0-9]{1,7});`)

func unescape(text string) string {
	return escape.ReplaceAllStringFunc(text, func(found string) string {
		groups := escape.FindStringSubmatch(found)
		base, digits := 16, groups[1]+groups[2]+groups[3]
		if digits == "" {
			base, digits = 10, groups[4]
		}
		r, err := strconv.ParseInt(digits, base, 32)
		if err != nil {
			return found
		}
		return string(rune(r))
	})
}

// A mask is what a scrubber needs to search a text. Making one takes longer than searching a short text.
type mask struct {
	scrubber
	forms  *strings.Replacer
	wanted []string // the secrets that are looked for in what was decoded
}

func (s scrubber) newMask() mask {
	m := mask{scrubber: s}
	var pairs []string
	for _, secret := range s.secrets() {
		for _, form := range forms(secret.Reveal()) {
			pairs = append(pairs, plain(form), "[secret]")
		}
		if text := plain(secret.Reveal()); len(text) >= 4 { // shorter ones are found by chance
			m.wanted = append(m.wanted, text)
		}
	}
	m.forms = strings.NewReplacer(pairs...)
	return m
}

func (m mask) apply(text string) string {
	text = m.forms.Replace(text)
	text = digitRun.ReplaceAllStringFunc(text, m.cleanDigits)
	if code := plain(m.message.Code.Reveal()); strings.HasPrefix(code, "0") || strings.HasSuffix(code, "0") {
		text = float.ReplaceAllStringFunc(text, m.cleanFloat)
	}
	return m.maskEncoded(text)
}

// echoes reports whether a text holds a secret.
func (s scrubber) echoes(text string) bool { return s.newMask().apply(plain(text)) != text }

// telling is how many digits of a number identify it.
const telling = 6

// forms returns a text as it is written in URLs, JSON, HTML and headers, in Base64 and hexadecimal digits, and backwards.
func forms(text string) []string {
	if text == "" {
		return nil
	}
	quoted, _ := json.Marshal(text) // a string always marshals
	forms := []string{
		text,
		url.QueryEscape(text),
		url.PathEscape(text),
		string(quoted[1 : len(quoted)-1]),
		html.EscapeString(text),
		base64.RawStdEncoding.EncodeToString([]byte(text)),
		base64.RawURLEncoding.EncodeToString([]byte(text)),
		hex.EncodeToString([]byte(text)),
		strings.ToUpper(hex.EncodeToString([]byte(text))),
		reversed(text),
	}
	if _, err := hex.DecodeString(text); err == nil { // a token whose letters mean the same in both cases
		forms = append(forms, strings.ToUpper(text), strings.ToLower(text))
	}
	return forms
}

// digitRun is a number as people and machines write it: digits, and up to 4 characters between two of them that are no letters.
var digitRun = regexp.MustCompile(`\d(?:[^\pL\d]{0,4}\d)+`)

// cleanDigits masks one run of digits if it tells the code or the number. Providers repeat numbers without their plus, in
// groups, in national form, and without their last digits.
func (s scrubber) cleanDigits(run string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, run)
	for _, digits := range []string{digits, reversed(digits)} {
		switch {
		case s.tellsCode(digits):
			return "[code]"
		case s.tellsNumber(digits):
			return "[number]"
		}
	}
	return run
}

// float is a number as a program writes it that takes every number for a float: 28687.0, or 2.8687e+04.
var float = regexp.MustCompile(`\d+(?:\.\d+)?[eE]\+?\d{1,2}|\d+\.0+`)

// cleanFloat masks a float that is the code. It is only needed for a code with a zero at one of its ends, which the float's digits
// alone don't show.
func (s scrubber) cleanFloat(text string) string {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || value >= 1e15 || !s.tellsCode(strconv.FormatFloat(value, 'f', -1, 64)) {
		return text
	}
	return "[code]"
}

func (s scrubber) tellsCode(digits string) bool {
	code := plain(s.message.Code.Reveal())
	// A code that was read as a number has lost the zeros that it began with.
	bare := strings.TrimLeft(code, "0")
	return code != "" && strings.Contains(digits, code) || len(bare) >= 4 && digits == bare
}

func (s scrubber) tellsNumber(digits string) bool {
	number := s.number()
	if len(digits) < telling || len(number) < telling {
		return false
	}
	return strings.Contains(number, digits) || strings.Contains(digits, number[len(number)-telling:])
}
