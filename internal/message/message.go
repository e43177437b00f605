// Package message writes the text that a phone gets, in its user's language, and counts what it takes to send it.
package message

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	"golang.org/x/text/language"

	"github.com/smshook/smshook/providers"
)

// Texts are the texts of all languages. They never change, and may be used concurrently.
type Texts struct {
	list     []text // sorted by locale
	fallback *text  // for who has told no language, or one in which there is no text
	matcher  language.Matcher
	choices  choices
	warnings []providers.Problem
}

// text is a text in which only the code is missing.
type text struct {
	locale Locale
	pieces pieces
}

// Text is a text ready to be sent.
type Text struct {
	Text     providers.Secret // it holds the code
	Unicode  bool             // it doesn't fit GSM-7
	Segments int
}

// Render writes the text for one code, in the language that is nearest to a user's locale: a BCP 47 tag, which may be empty,
// unknown or nonsense.
func (t *Texts) Render(locale string, code providers.Secret) Text {
	return t.choose(locale).render(code)
}

func (x *text) render(code providers.Secret) Text {
	written := x.pieces.with(code.Reveal())
	unicode, segments := Count(written)
	return Text{providers.NewSecret(written), unicode, segments}
}

// everybody is what stands for all locales that have no text of their own, as in the routes.
const everybody = "*"

// Sample is how the text of one locale looks. The locale * is for everybody else.
type Sample struct {
	Locale string
	Text   Text
}

// Samples writes the text of every locale for one code, sorted by locale, that of everybody else last.
func (t *Texts) Samples(code providers.Secret) []Sample {
	var list []Sample
	for i := range t.list {
		list = append(list, Sample{t.list[i].locale.String(), t.list[i].render(code)})
	}
	return append(list, Sample{everybody, t.fallback.render(code)})
}

// Warnings says what an operator may want to mend, each with the setting, without its prefix, that is to blame.
func (t *Texts) Warnings() []providers.Problem { return t.warnings }

// maxTag is the longest locale that is looked at, in bytes: the most that BCP 47 needs is 35 (RFC 5646 §4.4.1).
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
	place.Store(&choice{strings.Clone(locale), chosen}) // not the body that the locale may be a part of
	return chosen
}

// nearest finds the text that a reader of a language understands, by CLDR's data: en-GB reads en, zh-TW reads zh-Hant, but
// zh-Hans doesn't do for zh-TW.
func (t *Texts) nearest(tag language.Tag) (*text, bool) {
	_, at, confidence := t.matcher.Match(tag)
	if confidence < language.High {
		return nil, false
	}
	return &t.list[at], true
}

// choices remembers which text a locale has got, since matching takes fifty times as long. Users choose their locale, so
// there are as many places as there will ever be: a locale takes the place of another, and users can't tell whose, because
// the seed is random.
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
