package call

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"github.com/smshook/smshook/providers"
)

// maxText is how many bytes of a carrier's text reach the log.
const maxText = 400

// A scrubber takes out of a text the secrets it was made for, in every form in which carriers echo them. It rather takes
// out too much than too little.
type scrubber struct {
	secrets      []providers.Secret
	number, code providers.Secret
}

func newScrubber(m providers.Message, secrets []providers.Secret) scrubber {
	return scrubber{
		secrets: append([]providers.Secret{m.Text, m.To, m.Code}, secrets...),
		number:  m.To,
		code:    m.Code,
	}
}

func (s scrubber) error(err error) error { return errors.New(s.clean(err.Error())) }

func (s scrubber) clean(text string) string {
	text = strings.Map(printable, strings.ToValidUTF8(text, "")) // before anything is looked for: what this joins must be found
	var pairs []string
	for _, secret := range s.secrets {
		for _, form := range forms(secret.Reveal()) {
			pairs = append(pairs, strings.Map(printable, form), "[secret]")
		}
	}
	text = strings.NewReplacer(pairs...).Replace(text)
	text = digitRun.ReplaceAllStringFunc(text, s.cleanDigits)
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// printable makes a space of what could draw on the operator's terminal.
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}

// forms returns the ways in which a text is written in URLs, JSON, HTML and headers.
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
		base64.StdEncoding.EncodeToString([]byte(text)),
	}
}

// digitRun is a number as people and machines write it: digits with at most two separators in between.
var digitRun = regexp.MustCompile(`\d(?:[ ().\-/+\x{a0}\x{202f}]{0,2}\d)+`)

// cleanDigits judges one run of digits: numbers come back without their plus, grouped, in national form, cut short.
func (s scrubber) cleanDigits(run string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, run)
	number := strings.TrimPrefix(s.number.Reveal(), "+")
	if code := s.code.Reveal(); code != "" && strings.Contains(digits, code) {
		return "[code]"
	}
	const telling = 6 // so many digits of a number tell it apart
	if len(digits) < telling || len(number) < telling {
		return run
	}
	if strings.Contains(number, digits) || strings.Contains(digits, number[len(number)-telling:]) {
		return "[number]"
	}
	return run
}
