// Package spoken has what a user hears when a provider calls them: the code, in a sentence of their language.
package spoken

import (
	_ "embed"
	"fmt"
	"strings"

	"golang.org/x/text/language"

	"github.com/smshook/smshook/providers"
)

// Times is how often a provider says a speech. The first seconds of a call are often missed.
const Times = 2

// Ring is how many seconds the phone rings. The user has asked for the code, and has the phone at hand. Twilio advises a short time, so
// that the call ends before a voicemail answers (Timeout in https://www.twilio.com/docs/voice/api/call-resource).
const Ring = 20

//go:embed sentences.tsv
var table string

var (
	locales   []string // in the order of the table
	sentences []string
	matcher   language.Matcher
)

func init() {
	var tags []language.Tag
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		locale, sentence, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		locales, sentences = append(locales, locale), append(sentences, sentence)
		tags = append(tags, language.MustParse(locale))
	}
	matcher = language.NewMatcher(tags)
}

// Locales are the languages that are spoken, as BCP 47 tags. A provider has a voice for each of them.
func Locales() []string { return append([]string(nil), locales...) }

// Known reports whether a language is one that is spoken, or near enough to one. It is used to check a setting.
func Known(locale string) bool {
	_, known := nearest(locale)
	return known
}

// Of returns a message whose text is what is said, and whose locale is one of [Locales]: the user's language, or the nearest to it. If
// that isn't spoken, it is the language otherwise, and English if that isn't spoken either. A message without a code is said as it is.
func Of(m providers.Message, otherwise string) providers.Message {
	at, known := nearest(m.Locale)
	if !known {
		at, known = nearest(otherwise)
	}
	if !known {
		at, _ = nearest("en")
	}
	m.Locale = locales[at]
	if !m.Code.Empty() {
		m.Text = providers.NewSecret(fmt.Sprintf(sentences[at], apart(m.Code.Reveal())))
	}
	return m
}

// apart writes a comma between the characters, so that 482913 isn't read as one number, and so that there is a short pause after each.
// https://developer.vonage.com/en/voice/voice-api/ncco-reference#talk
func apart(code string) string { return strings.Join(strings.Split(code, ""), ", ") }

// maxTag is the longest locale that is read, in bytes: BCP 47 needs at most 35 (RFC 5646 §4.4.1).
const maxTag = 35

// nearest finds a language that the speakers of a locale understand, by CLDR's data. The locale may be empty, unknown or invalid.
func nearest(locale string) (at int, known bool) {
	if locale == "" || len(locale) > maxTag {
		return 0, false
	}
	_, at, confidence := matcher.Match(language.Make(locale))
	return at, confidence >= language.High
}
