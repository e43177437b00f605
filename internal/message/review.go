package message

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/smshook/smshook/providers"
)

const (
	// longestCode is as long as Auth's codes can be made: 6 to 10 digits.
	longestCode = "1234567890"

	// maxSegments is how long a text may be: 918 characters of GSM-7, or 402. Providers refuse what is too long, and the least
	// that one takes is 1000 (Vonage's Messages API); of UCS-2, 737 (Plivo).
	maxSegments = 6

	// maxRetrieved is the longest text that the SMS Retriever API reads, in bytes. It doesn't say of which encoding: here it is
	// both of UTF-8 and of the one in the air, where a segment is as long.
	maxRetrieved = 140
)

// problem is what keeps a text from being sent.
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

// warnings are what an operator may want to mend.
func (s Settings) warnings(list Translations) []providers.Problem {
	var found []providers.Problem
	var crowded, unread []string
	for _, t := range list {
		text, segments := s.longest(t)
		switch {
		case segments > 1 && t.builtIn:
			crowded = append(crowded, t.Locale.String())
		case segments > 1:
			found = append(found, t.from.problem(fmt.Sprintf("takes %d segments with a code of 10 digits", segments)))
		}
		if segments > 1 || len(text) > maxRetrieved {
			unread = append(unread, t.name())
		}
		if strays := strays(t.Template.words()); len(strays) > 0 && !t.builtIn {
			found = append(found, t.from.problem(notInGSM(strays)))
		}
	}
	if len(crowded) > 0 {
		found = append(found, providers.Problem{Setting: "MESSAGE", Want: "is not set, and with what is added to them the built-in texts for " +
			strings.Join(crowded, ", ") + " take more than one segment with a code of 10 digits"})
	}
	if len(unread) > 0 && s.AppHash != "" {
		found = append(found, providers.Problem{Setting: "APP_HASH", Want: "Android reads no text over 140 bytes, and with a code of 10 digits those for " +
			strings.Join(unread, ", ") + " are longer"})
	}
	if strays := strays(s.App); len(strays) > 0 {
		found = append(found, providers.Problem{Setting: "APP", Want: notInGSM(strays)})
	}
	return found
}

// strays returns the characters that alone keep a text out of GSM-7, each once: marks, symbols, Latin letters. There are none
// if the text is in a script that GSM-7 hasn't got.
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

// notInGSM names characters, so that they are found also where they can't be seen.
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
	return "not in GSM-7, so that a segment holds 70 characters instead of 160: " + strings.Join(names, ", ")
}
