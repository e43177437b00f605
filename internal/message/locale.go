package message

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/smshook/smshook/providers"
)

// Locale is a language, optionally with a script and a country. The zero Locale stands for none.
type Locale struct{ tag language.Tag }

// UnmarshalText reads a BCP 47 tag such as en, pt-BR or zh-Hant. Underscores are allowed too, and upper or lower case. All parts must be
// registered, because a mistyped tag must not count as a language.
func (l *Locale) UnmarshalText(text []byte) error {
	tag, err := language.Parse(string(text))
	_, confidence := tag.Base()
	if err != nil || confidence != language.Exact || len(tag.Extensions()) > 0 {
		return errors.New("want a language such as en, pt-BR or zh-Hant")
	}
	l.tag = tag
	return nil
}

func (l Locale) String() string { return l.tag.String() }

// sameWriting reports whether both are the same language in the same script: a reader of one can read the other.
func (l Locale) sameWriting(o Locale) bool {
	ours, _ := l.tag.Base()
	theirs, _ := o.tag.Base()
	script, _ := l.tag.Script()
	otherScript, _ := o.tag.Script()
	return ours == theirs && script == otherScript
}

// Translation is the template for one locale.
type Translation struct {
	Locale   Locale
	Template Template

	from    source
	builtIn bool
}

// name returns the locale, or * for all others.
func (t Translation) name() string {
	if t.Locale == (Locale{}) {
		return allOthers
	}
	return t.Locale.String()
}

// source is where a text comes from: its setting, and which text of it if the setting has several.
type source struct{ setting, text string }

const (
	messageSetting = "MESSAGE"
	folderSetting  = "MESSAGES_DIR"
)

// problem returns a problem of the text.
func (s source) problem(want string) providers.Problem {
	if s.text != "" {
		want = s.text + ": " + want
	}
	return providers.Problem{Setting: s.setting, Want: want}
}

// Translations are templates for some locales.
type Translations []Translation

// Add reads a template. Its locale is the end of its setting's name: PT_BR for MESSAGE_PT_BR. An empty value adds no template.
func (l *Translations) Add(end, value string) error {
	t := Translation{from: source{setting: messageSetting + "_" + end}}
	if t.Locale.UnmarshalText([]byte(end)) != nil {
		return errors.New("want a language at the end of the name, such as EN or PT_BR")
	}
	if value == "" {
		return nil
	}
	if err := t.Template.UnmarshalText([]byte(value)); err != nil {
		return err
	}
	if other, taken := l.of(t.Locale); taken {
		return errors.New("is for the same language as " + other.from.setting)
	}
	*l = append(*l, t)
	return nil
}

func (l Translations) of(locale Locale) (Translation, bool) {
	at := slices.IndexFunc(l, func(t Translation) bool { return t.Locale == locale })
	if at < 0 {
		return Translation{}, false
	}
	return l[at], true
}

// over returns l, and of the others those whose locale is not in l, sorted by locale.
func (l Translations) over(others Translations) Translations {
	list := slices.Clone(l)
	for _, o := range others {
		if _, taken := l.of(o.Locale); !taken {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(a, b Translation) int { return strings.Compare(a.Locale.String(), b.Locale.String()) })
	return list
}

// without returns those of l whose language is not in the other list.
func (l Translations) without(others Translations) Translations {
	return slices.DeleteFunc(slices.Clone(l), func(t Translation) bool {
		return slices.ContainsFunc(others, func(o Translation) bool { return o.Locale.sameWriting(t.Locale) })
	})
}
