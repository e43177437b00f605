package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/receipt"
	"github.com/smshook/smshook/providers"
)

// Section has the settings of smshook itself, or of one provider.
type Section struct {
	Title    string
	Settings []Described
}

// Described describes one setting.
type Described struct {
	Name     string
	Default  string
	Help     string
	Required bool
	Secret   bool // the value must not be shown while it is typed
}

// Describe lists every setting: those of smshook itself first, then those of each provider.
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
			list = append(list, Described{s.Name, s.Default, s.Help, s.Required, isSecret(field.Type)})
		}
	}
	return list
}

func isSecret(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[providers.Secret](), reflect.TypeFor[hook.Secrets](), reflect.TypeFor[receipt.Secrets](), reflect.TypeFor[Store]():
		return true
	}
	return false
}

// Text describes the settings for a terminal.
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

// Markdown describes the settings in the tables of the README.
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
