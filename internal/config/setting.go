package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/receipt"
	"github.com/smshook/smshook/providers"
)

// setting is a field of a settings struct, as its tags describe it.
type setting struct {
	Name, Default, Help string
	Required            bool
	tag                 reflect.StructTag
}

func settingOf(field reflect.StructField, prefix string) (setting, bool) {
	name, ok := field.Tag.Lookup("env")
	return setting{
		Name:     prefix + name,
		Default:  field.Tag.Get("default"),
		Help:     field.Tag.Get("help"),
		Required: field.Tag.Get("required") == "true",
		tag:      field.Tag,
	}, ok
}

// protects reports whether a setting is of a type that protects something: a secret, a list or a check of numbers, a rate limit. An empty value would
// end the protection without a warning. It is therefore an error. For all other types, an empty value counts as unset.
func (s setting) protects(field reflect.Value) bool {
	switch field.Interface().(type) {
	case providers.Secret, api.Keys, hook.Secrets, receipt.Secrets, Store, phone.Check, policy.Countries, policy.Prefixes, policy.Types, policy.Limit:
		return true
	}
	return false
}

// set parses a value into a field. Its errors never quote the value.
func (s setting) set(field reflect.Value, value string) error {
	if value == "" {
		value = s.Default
	}
	if value == "" {
		if s.Required {
			return problem(s.Name, "is missing: "+s.Help)
		}
		return nil
	}
	if choices := strings.Fields(s.tag.Get("oneof")); len(choices) > 0 && !slices.Contains(choices, value) {
		return problem(s.Name, "want one of "+strings.Join(choices, ", "))
	}
	switch target := field.Addr().Interface().(type) {
	case encoding.TextUnmarshaler: // its errors quote nothing either
		if err := target.UnmarshalText([]byte(value)); err != nil {
			return problem(s.Name, err.Error())
		}
	case *string:
		*target = value
	case *bool:
		parsed, err := strconv.ParseBool(value)
		if err != nil {
			return problem(s.Name, "want true or false")
		}
		*target = parsed
	case *int:
		return s.setInt(target, value)
	case *time.Duration:
		return s.setDuration(target, value)
	default:
		panic(fmt.Sprintf("config: %s is of type %s, which can't be a setting", s.Name, field.Type()))
	}
	return nil
}

func (s setting) setInt(target *int, value string) error {
	lowest, _ := strconv.Atoi(s.tag.Get("min"))
	highest, _ := strconv.Atoi(s.tag.Get("max"))
	parsed, err := strconv.Atoi(value)
	if err != nil || parsed < lowest || parsed > highest {
		return problem(s.Name, fmt.Sprintf("want a number from %d to %d", lowest, highest))
	}
	*target = parsed
	return nil
}

func (s setting) setDuration(target *time.Duration, value string) error {
	parsed, err := time.ParseDuration(value)
	if err != nil {
		return problem(s.Name, "want a duration such as 4s or 10m")
	}
	lowest, _ := time.ParseDuration(s.tag.Get("min"))
	highest, _ := time.ParseDuration(s.tag.Get("max"))
	if parsed < lowest || parsed > highest {
		return problem(s.Name, fmt.Sprintf("want a duration from %v to %v", lowest, highest))
	}
	*target = parsed
	return nil
}
