package message

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// Template is a text with the placeholders {{ .Code }} and {{ .App }}, as in Auth's own SMS template.
type Template struct{ parts []part }

// part is a piece of text, or the name of a placeholder.
type part struct{ text, placeholder string }

const (
	codePlaceholder = ".Code"
	appPlaceholder  = ".App"
)

// UnmarshalText parses a template. It must contain {{ .Code }}.
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
		return errors.New("has no {{ .Code }}: no user could sign in with it")
	}
	*t = parsed
	return nil
}

func (t Template) isZero() bool { return t.parts == nil }

func (t Template) has(placeholder string) bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return p.placeholder == placeholder })
}

// words returns the text without its placeholders.
func (t Template) words() string {
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.text)
	}
	return b.String()
}

// fill replaces the placeholder of the app's name, and returns the pieces between the codes.
func (t Template) fill(app string) pieces {
	var filled pieces
	var b strings.Builder
	for _, p := range t.parts {
		switch p.placeholder {
		case codePlaceholder:
			filled = append(filled, b.String())
			b.Reset()
		case appPlaceholder:
			b.WriteString(app)
		default:
			b.WriteString(p.text)
		}
	}
	return append(filled, b.String())
}

// pieces is a text, split where the code is inserted.
type pieces []string

func (p pieces) with(code string) string { return strings.Join(p, code) }
