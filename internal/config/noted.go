package config

import (
	"reflect"
	"strings"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/receipt"
	"github.com/smshook/smshook/providers"
)

// Read is a setting as it was read.
type Read struct {
	Name, Value, Help string
	Hidden            bool // it is set, and the value is a secret, or may have one in it
	Default           bool // it is not set, and the value is the default
}

// note notes a setting that was read. Of the providers' own settings, only plain ones are shown: an address or a header may have a key in it.
func (env *environment) note(s setting, field reflect.Value, value string) {
	r := Read{Name: s.Name, Value: value, Help: s.Help}
	if value == "" {
		r.Value, r.Default = s.Default, s.Default != ""
	} else if mayBeSecret(field) {
		r.Value, r.Hidden = "", true
	}
	env.noted = append(env.noted, r)
}

func mayBeSecret(field reflect.Value) bool {
	switch field.Interface().(type) {
	case providers.Secret, api.Keys, api.Address, hook.Secrets, receipt.Secrets, Store:
		return true
	}
	return strings.Contains(field.Type().PkgPath(), "/providers/")
}
