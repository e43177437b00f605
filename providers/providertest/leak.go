package providertest

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/smshook/smshook/providers"
)

// Message returns the message that the suite sends. Its text has characters that every encoding writes differently.
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

// written returns the ways in which a carrier, or the net/http beneath it, writes a text.
func written(text string) []string {
	quoted, _ := json.Marshal(text) // a string always marshals
	return []string{
		text,
		url.QueryEscape(text),
		url.PathEscape(text),
		strings.Trim(string(quoted), `"`),
		html.EscapeString(text),
		base64.StdEncoding.EncodeToString([]byte(text)),
	}
}

// Echoes returns what a carrier could say of the message that [Message] returns, each an answer's text of its own, as an
// error's text may be cut after the first few.
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
	}
	echoes = append(echoes, written(m.To.Reveal())...)
	echoes = append(echoes, written(m.Text.Reveal())...)
	echoes = append(echoes, written(m.Code.Reveal())...)
	for _, secret := range secrets {
		echoes = append(echoes, written(secret)...)
	}
	return echoes
}

var separators = regexp.MustCompile(`[\s().\-/+]`)

// AssertClean fails the test if an error text tells anything that Echoes can say.
func AssertClean(t testing.TB, text string, secrets ...string) {
	t.Helper()
	m := Message()
	var forbidden []string
	for _, secret := range append([]string{m.To.Reveal(), m.Text.Reveal(), m.Code.Reveal()}, secrets...) {
		forbidden = append(forbidden, written(secret)...)
	}
	for _, form := range forbidden {
		if strings.Contains(text, form) {
			t.Errorf("%q holds %q", text, form)
		}
	}
	digits := separators.ReplaceAllString(text, "")
	for _, part := range []string{"7700900123", m.Code.Reveal()} {
		if strings.Contains(digits, part) {
			t.Errorf("%q holds the digits %s", text, part)
		}
	}
	if !utf8.ValidString(text) {
		t.Errorf("%q isn't UTF-8", text)
	}
}
