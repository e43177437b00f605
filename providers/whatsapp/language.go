package whatsapp

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// Translations are the languages in which there is a template.
type Translations []translation

// translation is a template in one language. All translations of a template usually have the same name, and then template is empty in
// an entry of LANGUAGES.
type translation struct{ language, template string }

// languageCode is how WhatsApp writes a language, https://developers.facebook.com/docs/whatsapp/api/messages/message-templates:
// en, fil, pt_BR.
var languageCode = regexp.MustCompile(`^[a-z]{2,3}(_[A-Z]{2})?$`)

// isLanguage reports whether a text can be a template's language. Its parts must be registered, to find typing errors.
func isLanguage(code string) bool {
	_, err := language.Parse(code)
	return err == nil && languageCode.MatchString(code)
}

const wantLanguage = "want a language as WhatsApp writes it, such as en or pt_BR"

// UnmarshalText reads a list such as "de,pt_BR,es=code_es".
func (l *Translations) UnmarshalText(text []byte) error {
	var list Translations
	for i, entry := range strings.Split(string(text), ",") {
		code, template, named := strings.Cut(strings.TrimSpace(entry), "=")
		if !isLanguage(code) {
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

// templates are all translations. They may be used concurrently.
type templates struct {
	list    Translations // the first is for all other languages
	matcher language.Matcher
}

// newTemplates returns the given template in its language, and its translations. A translation without a name has the same name.
func newTemplates(code, template string, others Translations) templates {
	t := templates{list: Translations{{code, template}}}
	for _, other := range others {
		if other.template == "" {
			other.template = template
		}
		t.list = append(t.list, other)
	}
	var tags []language.Tag
	for _, one := range t.list {
		tags = append(tags, language.Make(one.language))
	}
	t.matcher = language.NewMatcher(tags)
	return t
}

// nearest returns the translation that users of a locale understand, by CLDR's data, as for the texts of SMS: pt-AO gets pt_PT rather
// than pt_BR, and zh-Hant doesn't get zh_CN. The locale may be empty, unknown or invalid.
func (t templates) nearest(locale string) translation {
	_, at, confidence := t.matcher.Match(language.Make(locale))
	if confidence < language.High {
		return t.list[0]
	}
	return t.list[at]
}
