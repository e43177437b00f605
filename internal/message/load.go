package message

import (
	"errors"
	"hash/maphash"
	"io/fs"

	"golang.org/x/text/language"

	"github.com/smshook/smshook/providers"
)

// Settings are what an operator decides about the texts.
type Settings struct {
	Template     Template     // for who has no text of their own; if it is the zero Template, there are the built-in texts
	Translations Translations // for some locales, above those of the folder
	Default      Locale       // of users who have told none, or one in which there is no text; may be the zero Locale
	App          string
	AppHash      AppHash
	Domain       Domain
}

// english is the language of users who have told none, unless the operator says otherwise.
var english = Locale{language.English}

// Load makes the texts. The folder, which may be nil, has a template for each of some locales, in files such as pt-BR.txt. The
// error holds a [providers.Problem] for each setting or file that can't be used; they name settings without their prefix.
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
	if !s.Template.isZero() {
		common := Translation{Template: s.Template, from: source{setting: messageSetting}}
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

// list returns all translations there are, sorted by locale.
func (s Settings) list(folder fs.FS) (Translations, error) {
	var files Translations
	var err error
	if folder != nil {
		files, err = readFolder(folder)
	}
	own := s.Translations.over(files)
	if !s.Template.isZero() {
		return own, err
	}
	return own.over(builtIn(s.App != "").without(own)), err
}

func (s Settings) text(t Translation) text {
	return text{t.Locale, t.Template.fill(s.App).end(s.AppHash, s.Domain)}
}

// defaultTag is the language of the fallback. It is none where the operator's text for all is the fallback.
func (s Settings) defaultTag() language.Tag {
	if s.Default == (Locale{}) && s.Template.isZero() {
		return english.tag
	}
	return s.Default.tag
}
