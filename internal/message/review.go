package message

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/smshook/smshook/providers"
)

const (
	// longestCode is as long as Auth's longest codes: they have 6 to 10 digits.
	longestCode = "1234567890"

	// maxSegments is the longest text: 918 characters of GSM-7, or 402 of UCS-2. Providers refuse longer texts. The lowest limits are
	// 1000 characters of GSM-7 (Vonage's Messages API) and 737 of UCS-2 (Plivo).
	maxSegments = 6

	// maxRetrieved is the longest text that the SMS Retriever API reads, in bytes. Its documentation doesn't name the encoding. Here
	// it applies to UTF-8 and to the encoding of SMS, in which one segment has as many bytes.
	maxRetrieved = 140
)

// problem returns an error if a text can't be sent.
func (s Settings) problem(t Translation) error {
	if t.Template.has(appPlaceholder) && s.App == "" {
		return t.from.problem("has {{ .App }}, and APP is missing")
	}
	if _, segments := s.longest(t); segments > maxSegments {
		return t.from.problem(fmt.Sprintf("takes %d segments with a code of 10 digits, want at most %d", segments, maxSegments))
	}
	return nil
}

func (s Settings) longest(t Translation) (text string, segments int) {
	text = s.text(t).pieces.with(longestCode)
	_, segments = Count(text)
	return text, segments
}

// warnings returns what the operator may want to correct.
func (s Settings) warnings(list Translations) []providers.Problem {
	var found []providers.Problem
	var long, unreadable []string
	for _, t := range list {
		text, segments := s.longest(t)
		switch {
		case segments > 1 && t.builtIn:
			long = append(long, t.Locale.String())
		case segments > 1:
			found = append(found, t.from.problem(fmt.Sprintf("takes %d segments with a code of 10 digits", segments)))
		}
		if segments > 1 || len(text) > maxRetrieved {
			unreadable = append(unreadable, t.name())
		}
		if strays := strays(t.Template.words()); len(strays) > 0 && !t.builtIn {
			found = append(found, t.from.problem(notInGSM(strays)))
		}
	}
	if len(long) > 0 {
		found = append(found, providers.Problem{Setting: "MESSAGE", Want: "is not set, and the built-in texts for " + strings.Join(long, ", ") +
			" take more than one segment with a code of 10 digits and the lines that are added"})
	}
	if len(unreadable) > 0 && s.AppHash != "" {
		found = append(found, providers.Problem{Setting: "APP_HASH", Want: "Android reads no text over 140 bytes, and the texts for " + strings.Join(unreadable, ", ") +
			" are longer with a code of 10 digits"})
	}
	if strays := strays(s.App); len(strays) > 0 {
		found = append(found, providers.Problem{Setting: "APP", Want: notInGSM(strays)})
	}
	return found
}

// strays returns the characters that make a text need UCS-2 though its script doesn't: punctuation, symbols and Latin letters that
// GSM-7 lacks, each once. A text in a script that GSM-7 lacks has none.
func strays(text string) []rune {
	var list []rune
	for _, r := range text {
		if septets(r) > 0 || slices.Contains(list, r) {
			continue
		}
		if unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r) {
			return nil
		}
		list = append(list, r)
	}
	return list
}

// notInGSM names characters by their number too, since some of them are invisible.
func notInGSM(list []rune) string {
	const enough = 3
	var names []string
	for _, r := range list[:min(len(list), enough)] {
		if unicode.IsPrint(r) {
			names = append(names, fmt.Sprintf("%c (%U)", r, r))
		} else {
			names = append(names, fmt.Sprintf("%U", r))
		}
	}
	if len(list) > enough {
		names = append(names, "…")
	}
	return "not in GSM-7, and a segment then has 70 characters and not 160: " + strings.Join(names, ", ")
}
