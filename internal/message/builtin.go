package message

import (
	_ "embed"
	"strings"
)

//go:embed builtin.tsv
var builtInTable string

// builtIn returns the texts that apply while the operator has none: those that name the app, or those that don't.
func builtIn(named bool) Translations {
	var list Translations
	for line := range strings.Lines(builtInTable) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		locale, text := fields[0], fields[1]
		if named {
			text = fields[2]
		}
		list = append(list, Translation{
			Locale:   must[Locale](locale),
			Template: must[Template](text),
			from:     source{messageSetting, "the built-in text for " + locale},
			builtIn:  true,
		})
	}
	return list
}

// must parses what a test has parsed before.
func must[T any, P interface {
	*T
	UnmarshalText([]byte) error
}](text string) T {
	var value T
	if err := P(&value).UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return value
}
