package message

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/smshook/smshook/providers"
)

// Locale is a language, and maybe its script and the country where it is spoken. The zero Locale is none.
type Locale struct{ tag language.Tag }

// UnmarshalText reads a BCP 47 tag such as en, pt-BR or zh-Hant, also with underscores, in large or small letters. Its parts
// must be registered: a typo is no language.
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

// sameWriting reports whether who reads one can read the other: it is the same language in the same script.
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

// name is what the text is called in a list.
func (t Translation) name() string {
	if t.Locale == (Locale{}) {
		return everybody
	}
	return t.Locale.String()
}

// source is where a text comes from: a setting, and which text it is if that stands for several.
type source struct{ setting, text string }

const (
	messageSetting = "MESSAGE"
	folderSetting  = "MESSAGES_DIR"
)

// problem is one with the text.
func (s source) problem(want string) providers.Problem {
	if s.text != "" {
		want = s.text + ": " + want
	}
	return providers.Problem{Setting: s.setting, Want: want}
}

// Translations are the templates that an operator has made for some locales.
type Translations []Translation

// Add reads a template. Its locale is what the name of its setting ends with: PT_BR for that of MESSAGE_PT_BR. No value is no
// template.
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

// over returns l and those of the others whose locale l hasn't, sorted by locale.
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

// without returns those of l that aren't in a language that another list has.
func (l Translations) without(others Translations) Translations {
	return slices.DeleteFunc(slices.Clone(l), func(t Translation) bool {
		return slices.ContainsFunc(others, func(o Translation) bool { return o.Locale.sameWriting(t.Locale) })
	})
}
