// Package message writes the text of a message in the user's language, and counts its segments.
package message

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	"golang.org/x/text/language"

	"github.com/smshook/smshook/providers"
)

// Texts holds the texts of all languages. It never changes, and may be used concurrently.
type Texts struct {
	list     []text // sorted by locale
	fallback *text  // for users whose language is unknown or has no text
	matcher  language.Matcher
	choices  choices
	warnings []providers.Problem
}

// text is a finished text without its code.
type text struct {
	locale Locale
	pieces pieces
}

// Text is a finished text.
type Text struct {
	Text     providers.Secret // a secret, because it contains the code
	Unicode  bool             // it needs UCS-2, because a character is not in GSM-7
	Segments int
}

// Render writes the text for one code in the language nearest to the user's locale. The locale is a BCP 47 tag. If it is empty,
// unknown or invalid, Render takes the text for all other users.
func (t *Texts) Render(locale string, code providers.Secret) Text {
	return t.choose(locale).render(code)
}

func (x *text) render(code providers.Secret) Text {
	return Written(providers.NewSecret(x.pieces.with(code.Reveal())))
}

// Written is a text as it stands.
func Written(text providers.Secret) Text {
	unicode, segments := Count(text.Reveal())
	return Text{text, unicode, segments}
}

// allOthers stands for all locales that have no text of their own, as in SMSHOOK_ROUTES.
const allOthers = "*"

// Sample is the text of one locale with an example code. The locale * stands for all others.
type Sample struct {
	Locale string
	Text   Text
}

// Samples writes the text of every locale for one code, sorted by locale; the text for all others is last.
func (t *Texts) Samples(code providers.Secret) []Sample {
	var list []Sample
	for i := range t.list {
		list = append(list, Sample{t.list[i].locale.String(), t.list[i].render(code)})
	}
	return append(list, Sample{allOthers, t.fallback.render(code)})
}

// Warnings returns what the operator may want to correct. Settings are named without their prefix.
func (t *Texts) Warnings() []providers.Problem { return t.warnings }

// maxTag is the longest locale that is read, in bytes: BCP 47 needs at most 35 (RFC 5646 §4.4.1).
const maxTag = 35

// choose finds the text for a user's locale.
func (t *Texts) choose(locale string) *text {
	if locale == "" || len(locale) > maxTag {
		return t.fallback
	}
	place := t.choices.place(locale)
	if known := place.Load(); known != nil && known.locale == locale {
		return known.text
	}
	chosen := t.fallback
	if nearest, found := t.nearest(language.Make(locale)); found {
		chosen = nearest
	}
	place.Store(&choice{strings.Clone(locale), chosen}) // the locale may be part of a whole request body, which the clone doesn't keep in memory
	return chosen
}

// nearest finds a text that readers of a language understand, by CLDR's data. Readers of en-GB understand en, and those of zh-TW
// understand zh-Hant, but not zh-Hans.
func (t *Texts) nearest(tag language.Tag) (*text, bool) {
	_, at, confidence := t.matcher.Match(tag)
	if confidence < language.High {
		return nil, false
	}
	return &t.list[at], true
}

// choices is a cache of the text for each locale, since matching takes fifty times as long. Users choose their locale, and therefore
// the number of places is fixed: a locale replaces another one in the same place. The seed is random, and users can't choose which
// locale they replace.
type choices struct {
	seed   maphash.Seed
	places [1024]atomic.Pointer[choice]
}

type choice struct {
	locale string
	text   *text
}

func (c *choices) place(locale string) *atomic.Pointer[choice] {
	return &c.places[maphash.String(c.seed, locale)%uint64(len(c.places))]
}
