package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/smshook/smshook/providers"
)

// Section is the settings of one part of the program.
type Section struct {
	Title    string
	Settings []Described
}

// Described is what there is to say about one setting.
type Described struct {
	Name     string
	Default  string
	Help     string
	Required bool
}

// Describe lists every setting: our own first, then each provider's.
func Describe(drivers []providers.Driver) []Section {
	sections := []Section{{"smshook", describe(Config{}, Prefix)}}
	for _, d := range drivers {
		settings, _ := d.New()
		prefix := strings.ToUpper(d.Name) + "_"
		described := describe(reflect.ValueOf(settings).Elem().Interface(), prefix)
		if len(described) > 0 {
			sections = append(sections, Section{d.Title, append(described, describe(common{}, prefix)...)})
		}
	}
	return sections
}

func describe(settings any, prefix string) []Described {
	var list []Described
	t := reflect.TypeOf(settings)
	for field := range t.Fields() {
		if s, ok := settingOf(field, prefix); ok {
			list = append(list, Described{s.Name, s.Default, s.Help, s.Required})
		}
	}
	return list
}

// Text writes the settings for a terminal.
func Text(sections []Section) string {
	var b strings.Builder
	for _, section := range sections {
		fmt.Fprintf(&b, "%s\n", section.Title)
		for _, s := range section.Settings {
			fmt.Fprintf(&b, "  %s%s\n      %s\n", s.Name, note(s), s.Help)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func note(s Described) string {
	switch {
	case s.Required:
		return " (required)"
	case s.Default != "":
		return " (" + s.Default + ")"
	}
	return ""
}

// Markdown writes the settings as the tables of the README.
func Markdown(sections []Section) string {
	var b strings.Builder
	for _, section := range sections {
		fmt.Fprintf(&b, "**%s**\n\n| variable | default | |\n|---|---|---|\n", section.Title)
		for _, s := range section.Settings {
			value := ""
			switch {
			case s.Required:
				value = "required"
			case s.Default != "":
				value = "`" + s.Default + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Name, value, s.Help)
		}
		b.WriteString("\n")
	}
	return b.String()
}
