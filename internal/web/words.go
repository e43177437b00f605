package web

import (
	"strings"
	"unicode/utf8"
)

// asset returns the address of an asset. path is what the addresses of the page begin with.
func asset(path, name string) string { return path + "assets/" + name + "?" + assetVersion }

func nonEmpty(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// initial is the first letter of a name, for a sign of it.
func initial(name string) string {
	r, _ := utf8.DecodeRuneInString(strings.TrimSpace(name))
	if r == utf8.RuneError {
		return "•"
	}
	return strings.ToUpper(string(r))
}

// name returns an ID as the name of an element. Scripts look elements up by their names, and a name must not end a selector.
func name(id string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return -1
	}, id)
}
