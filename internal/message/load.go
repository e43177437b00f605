package message

import (
	"errors"
	"hash/maphash"
	"io/fs"

	"golang.org/x/text/language"

	"github.com/smshook/smshook/providers"
)

// Settings are the operator's settings of the texts. Only App is plain text: all others have been checked.
type Settings struct {
	Message       Template     // for locales without a text of their own; if it is the zero Template, the built-in texts are used
	Translations  Translations // for some locales; they replace those of the folder
	DefaultLocale Locale       // of users whose language is unknown or has no text; may be the zero Locale
	App           string
	AppHash       AppHash
	WebOTPDomain  Domain
}

// english is the language of users whose language is unknown, unless the operator sets another one.
var english = Locale{language.English}

// Load makes the texts. The folder has templates for some locales, in files such as pt-BR.txt; it may be nil. The error holds a
// [providers.Problem] for each setting or file that can't be used. Settings are named without their prefix.
func Load(s Settings, folder fs.FS) (*Texts, error) {
	list, err := s.list(folder)
	problems := []error{err}
	t := &Texts{choices: choices{seed: maphash.MakeSeed()}}
	var tags []language.Tag
	for _, one := range list {
		t.list = append(t.list, s.text(one))
		tags = append(tags, one.Locale.tag)
	}
	t.matcher = language.NewMatcher(tags)
	if !s.Message.isZero() {
		common := Translation{Template: s.Message, from: source{setting: messageSetting}}
		x := s.text(common)
		t.fallback = &x
		list = append(list, common)
	}
	if nearest, found := t.nearest(s.defaultTag()); found {
		t.fallback = nearest
	}
	if t.fallback == nil {
		problems = append(problems, providers.Problem{Setting: "DEFAULT_LOCALE", Want: "there is no text in this language"})
	}
	for _, one := range list {
		problems = append(problems, s.problem(one))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	t.warnings = s.warnings(list)
	return t, nil
}

// list returns all translations, sorted by locale.
func (s Settings) list(folder fs.FS) (Translations, error) {
	var files Translations
	var err error
	if folder != nil {
		files, err = readFolder(folder)
	}
	own := s.Translations.over(files)
	if !s.Message.isZero() {
		return own, err
	}
	return own.over(builtIn(s.App != "").without(own)), err
}

func (s Settings) text(t Translation) text {
	return text{t.Locale, t.Template.fill(s.App).autofill(s.AppHash, s.WebOTPDomain)}
}

// defaultTag returns the language of the fallback. It is the zero Tag if MESSAGE is the fallback.
func (s Settings) defaultTag() language.Tag {
	if s.DefaultLocale == (Locale{}) && s.Message.isZero() {
		return english.tag
	}
	return s.DefaultLocale.tag
}
