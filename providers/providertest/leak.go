package providertest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/smshook/smshook/providers"
)

// Message returns the message that the suite sends. Its text has characters that each encoding writes in its own way.
func Message() providers.Message {
	return providers.Message{
		ID:       "msg-1",
		To:       providers.NewSecret("+447700900123"),
		National: providers.NewSecret("7700900123"),
		Locale:   "en",
		Text:     providers.NewSecret(`Ma & Pa's <shop>: "482913" is your code/clé`),
		Code:     providers.NewSecret("482913"),
		Unicode:  true,
		Segments: 1,
		Life:     5 * time.Minute,
	}
}

// written returns the ways in which a provider or net/http writes a text.
func written(text string) []string {
	quoted, _ := json.Marshal(text) // a string always marshals
	forms := []string{
		text,
		url.QueryEscape(text),
		url.PathEscape(text),
		strings.Trim(string(quoted), `"`),
		html.EscapeString(text),
		base64.StdEncoding.EncodeToString([]byte(text)),
		base64.RawURLEncoding.EncodeToString([]byte(text)),
		hex.EncodeToString([]byte(text)),
		strings.ToUpper(hex.EncodeToString([]byte(text))),
		backwards(text),
		backwards(base64.RawStdEncoding.EncodeToString([]byte(text))),
	}
	if _, err := hex.DecodeString(text); err == nil && strings.ToUpper(text) != text {
		forms = append(forms, strings.ToUpper(text))
	}
	return forms
}

func backwards(text string) string {
	runes := []rune(text)
	slices.Reverse(runes)
	return string(runes)
}

// escapedBytes returns the ways in which a program writes every byte of a text by its value.
func escapedBytes(text string) []string {
	var forms []string
	for _, before := range []string{"%25", `\x`, " 0x"} { // %25 is a percent sign that was escaped again
		var form strings.Builder
		for _, b := range []byte(text) {
			form.WriteString(before + hex.EncodeToString([]byte{b}))
		}
		forms = append(forms, form.String())
	}
	return forms
}

// inScripts returns a text with its digits in Arabic, Devanagari and full-width writing, and in one beyond 16 bits.
func inScripts(text string) []string {
	var forms []string
	for _, zero := range []rune{'\u0660', '\u0966', '\uff10', '\U0001d7ce'} {
		forms = append(forms, strings.Map(func(r rune) rune {
			if '0' <= r && r <= '9' {
				return zero + r - '0'
			}
			return r
		}, text))
	}
	return forms
}

// Echoes returns the ways in which a provider may repeat the message that [Message] returns. Each belongs into an answer of its own,
// because an error's text is cut.
func Echoes(secrets []string) []string {
	m := Message()
	echoes := []string{
		"447700900123",
		"+44 7700 900123",
		"+44 (0)7700 900123",
		"+44 (0) 7700-900-123",
		"0044 7700 900 123",
		"07700 900123",
		"07700900123",
		"7700.900.123",
		"07700 900123 400",
		"482 913",
		"482-913",
		"00482913",
		"482913.0",
		"4.82913e+05",
	}
	for _, within := range []string{national, "to=" + national, "x" + m.Code.Reveal(), "xy" + m.Code.Reveal() + "z"} {
		echoes = append(echoes, base64.StdEncoding.EncodeToString([]byte(within)), hex.EncodeToString([]byte(within)))
	}
	for _, digits := range []string{national, m.To.Reveal(), m.Code.Reveal()} {
		echoes = append(echoes, inScripts(digits)...)
	}
	echoes = append(echoes, escapedBytes(m.Code.Reveal())...) // of one secret only: each echo is eight calls
	echoes = append(echoes, written(m.To.Reveal())...)
	echoes = append(echoes, written(m.Text.Reveal())...)
	echoes = append(echoes, written(m.Code.Reveal())...)
	for _, secret := range secrets {
		echoes = append(echoes, written(secret)...)
	}
	return echoes
}

// national is the number of [Message] as people of its country write it.
const national = "07700900123"

var separators = regexp.MustCompile(`[\s().\-/+]`)

// AssertClean fails the test if a text holds any of [Echoes].
func AssertClean(t testing.TB, text string, secrets ...string) {
	t.Helper()
	m := Message()
	var forbidden []string
	for _, secret := range append([]string{m.To.Reveal(), national, m.Text.Reveal(), m.Code.Reveal()}, secrets...) {
		forbidden = append(forbidden, written(secret)...)
	}
	for _, form := range forbidden {
		if strings.Contains(text, form) {
			t.Errorf("%q holds %q", text, form)
		}
	}
	digits := separators.ReplaceAllString(text, "")
	for _, part := range []string{national[1:], m.Code.Reveal()} {
		for _, form := range slices.Concat(written(part), inScripts(part), escapedBytes(part)) {
			if strings.Contains(digits, form) || strings.Contains(text, form) {
				t.Errorf("%q holds the digits %s", text, form)
			}
		}
	}
	if !utf8.ValidString(text) {
		t.Errorf("%q isn't UTF-8", text)
	}
}
