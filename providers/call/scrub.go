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

// A scrubber takes out of a text the secrets it was made for, in every form in which providers echo them. It rather takes
// out too much than too little. To make one costs nothing: most are never used.
type scrubber struct {
	message       providers.Message
	credentials   []providers.Secret
	authorization string // the header, whose credentials are a secret in a form of their own
}

func (s scrubber) secrets() []providers.Secret {
	m := s.message
	secrets := append([]providers.Secret{m.Text, m.To, providers.NewSecret(s.number()), m.Code}, s.credentials...)
	_, authorization, _ := strings.Cut(s.authorization, " ")
	return append(secrets, providers.NewSecret(authorization))
}

// number is the recipient's, without its plus.
func (s scrubber) number() string { return strings.TrimPrefix(s.message.To.Reveal(), "+") }

func (s scrubber) error(err error) error { return errors.New(s.clean(err.Error())) }

func (s scrubber) clean(text string) string {
	text = s.mask(plain(text))
	if decoded := plain(unescape(text)); s.mask(decoded) != decoded {
		return "[a text that repeats the message, escaped]"
	}
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// plain makes of a text one that can be searched, and that can't draw on the operator's terminal.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Cf, r): // zero-width and other marks between letters
			return -1
		}
		if value, ok := decimal(r); ok {
			return '0' + value
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

// escape is one character in the notation of JSON, of a URL, or of HTML.
var escape = regexp.MustCompile(`\\u([0-9a-fA-F]{4})|%([0-9a-fA-F]{2})|&#[xX]([0-9a-fA-F]{1,6});|&#([0-9]{1,7});`)

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

func (s scrubber) mask(text string) string {
	var pairs []string
	for _, secret := range s.secrets() {
		for _, form := range forms(secret.Reveal()) {
			pairs = append(pairs, plain(form), "[secret]")
		}
	}
	text = strings.NewReplacer(pairs...).Replace(text)
	text = digitRun.ReplaceAllStringFunc(text, s.cleanDigits)
	return s.maskEncoded(text)
}

// echoes reports whether a text holds what must be hidden.
func (s scrubber) echoes(text string) bool { return s.mask(plain(text)) != text }

// forms returns the ways in which a text is written in URLs, JSON, HTML and headers, encoded, and backwards.
func forms(text string) []string {
	if text == "" {
		return nil
	}
	quoted, _ := json.Marshal(text) // a string always marshals
	return []string{
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
}

// digitRun is a number as people and machines write it: digits with a few marks in between that are no letters.
var digitRun = regexp.MustCompile(`\d(?:[^\pL\d]{0,4}\d)+`)

// cleanDigits judges one run of digits: numbers come back without their plus, grouped, in national form, cut short.
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

func (s scrubber) tellsCode(digits string) bool {
	code := plain(s.message.Code.Reveal())
	// As a JSON number, a code loses the zeros that it begins with.
	bare := strings.TrimLeft(code, "0")
	return code != "" && strings.Contains(digits, code) || len(bare) >= 4 && digits == bare
}

func (s scrubber) tellsNumber(digits string) bool {
	const telling = 6 // so many digits of a number tell it apart
	number := s.number()
	if len(digits) < telling || len(number) < telling {
		return false
	}
	return strings.Contains(number, digits) || strings.Contains(digits, number[len(number)-telling:])
}
