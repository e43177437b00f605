package message

import (
	_ "embed"
	"strings"
)

//go:embed builtin.tsv
var builtInTable string

// builtIn returns the texts that are used where the operator has set none. named selects the texts with the app's name.
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

// must parses a value that is known to be valid: a test parses the built-in texts. It panics on an invalid one.
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
