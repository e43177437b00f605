// Package message writes the text that a phone gets, and counts what it takes to send it.
package message

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/smshook/smshook/providers"
)

// Template is a text with the placeholders {{ .Code }} and {{ .App }}, as in Auth's own SMS template. The zero value is the
// built-in text.
type Template struct{ parts []part }

// part is a piece of text, or the name of a placeholder.
type part struct{ text, placeholder string }

const (
	codePlaceholder = ".Code"
	appPlaceholder  = ".App"
)

// UnmarshalText parses a template. It must hold the code.
func (t *Template) UnmarshalText(text []byte) error {
	if !utf8.Valid(text) {
		return errors.New("is not UTF-8")
	}
	var parsed Template
	rest := string(text)
	for {
		before, after, found := strings.Cut(rest, "{{")
		parsed.parts = append(parsed.parts, part{text: before})
		if !found {
			break
		}
		name, after, found := strings.Cut(after, "}}")
		if !found {
			return errors.New("has a {{ without its }}")
		}
		name = strings.TrimSpace(name)
		if name != codePlaceholder && name != appPlaceholder {
			return errors.New("has a placeholder other than {{ .Code }} and {{ .App }}")
		}
		parsed.parts = append(parsed.parts, part{placeholder: name})
		rest = after
	}
	if !parsed.has(codePlaceholder) {
		return errors.New("has no {{ .Code }}: nobody could sign in with it")
	}
	*t = parsed
	return nil
}

func (t Template) has(placeholder string) bool {
	for _, p := range t.parts {
		if p.placeholder == placeholder {
			return true
		}
	}
	return false
}

// NeedsApp reports whether the text names the app.
func (t Template) NeedsApp() bool { return t.has(appPlaceholder) }

// Text is a text ready to be sent.
type Text struct {
	Text     providers.Secret // it holds the code
	Unicode  bool             // it doesn't fit GSM-7
	Segments int
}

// Render writes the text for one code. The app's name may be empty if the template doesn't need it.
func (t Template) Render(app string, code providers.Secret) Text {
	if t.parts == nil {
		t = builtIn(app)
	}
	var b strings.Builder
	for _, p := range t.parts {
		switch p.placeholder {
		case codePlaceholder:
			b.WriteString(code.Reveal())
		case appPlaceholder:
			b.WriteString(app)
		default:
			b.WriteString(p.text)
		}
	}
	unicode, segments := Count(b.String())
	return Text{providers.NewSecret(b.String()), unicode, segments}
}

func builtIn(app string) Template {
	if app == "" {
		return Template{[]part{{text: "Your code is "}, {placeholder: codePlaceholder}}}
	}
	return Template{[]part{{text: "Your "}, {placeholder: appPlaceholder}, {text: " code is "}, {placeholder: codePlaceholder}}}
}
