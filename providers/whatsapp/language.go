package whatsapp

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Translations are the languages in which there is a template.
type Translations []translation

// translation is a template in one language. All translations of a template have one name, so an entry of LANGUAGES has
// one of its own only where a translation had to be made anew.
type translation struct{ language, template string }

// language is how WhatsApp writes one, https://developers.facebook.com/docs/whatsapp/api/messages/message-templates: en,
// fil, pt_BR.
var language = regexp.MustCompile(`^[a-z]{2,3}(_[A-Z]{2})?$`)

const wantLanguage = "want a language as WhatsApp writes it, such as en or pt_BR"

// UnmarshalText reads a list such as "de,pt_BR,es=code_es".
func (l *Translations) UnmarshalText(text []byte) error {
	var list Translations
	for i, entry := range strings.Split(string(text), ",") {
		code, template, named := strings.Cut(strings.TrimSpace(entry), "=")
		if !language.MatchString(code) {
			return fmt.Errorf("entry %d: %s", i+1, wantLanguage)
		}
		if named && !isTemplate(template) {
			return fmt.Errorf("entry %d: want a template's name behind the =: letters, digits and underscores", i+1)
		}
		if slices.ContainsFunc(list, func(t translation) bool { return t.language == code }) {
			return errors.New("want each language once")
		}
		list = append(list, translation{code, template})
	}
	*l = list
	return nil
}

// rename reports whether l has another template for a language.
func (l Translations) rename(language, template string) bool {
	return slices.ContainsFunc(l, func(t translation) bool {
		return t.language == language && t.template != "" && t.template != template
	})
}

// after returns l behind the given translation, whose template is also that of every language without one.
func (l Translations) after(language, template string) Translations {
	list := Translations{{language, template}}
	for _, t := range l {
		if t.template == "" {
			t.template = template
		}
		list = append(list, t)
	}
	return list
}

// nearest returns the translation for a user's locale: the same language and region, else the language without a region,
// else the language of another region. Where several are as near, and where none is, it is the first.
func (l Translations) nearest(locale string) translation {
	language, region := split(locale)
	nearest, best := l[0], 0
	for _, t := range l {
		if rank := t.rank(language, region); rank > best {
			nearest, best = t, rank
		}
	}
	return nearest
}

func (t translation) rank(language, region string) int {
	ours, of := split(t.language)
	switch {
	case ours != language:
		return 0
	case of == region:
		return 3
	case of == "":
		return 2
	default:
		return 1
	}
}

// split returns the language and the region of a tag such as pt-BR, pt_BR or zh-Hant-TW.
func split(tag string) (language, region string) {
	parts := strings.FieldsFunc(tag, func(r rune) bool { return r == '-' || r == '_' })
	if len(parts) == 0 {
		return "", ""
	}
	for _, part := range parts[1:] {
		if len(part) == 1 {
			break // extensions, such as -u-ca-buddhist
		}
		if len(part) == 2 {
			return strings.ToLower(parts[0]), strings.ToUpper(part)
		}
	}
	return strings.ToLower(parts[0]), ""
}
