package all

import (
	"reflect"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

// A name is a label in logs and metrics, an entry of SMSHOOK_PROVIDERS and, in capitals, the prefix of environment variables.
var name = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range Drivers() {
		require.Regexp(t, name, d.Name)
		require.NotEqual(t, "smshook", d.Name, "the prefix of our own settings")
		require.NotEmpty(t, d.Title)
		require.False(t, seen[d.Name] || seen[d.Title], "%s is listed twice", d.Name)
		seen[d.Name], seen[d.Title] = true, true
	}
}

// Whatever sends nothing is kept from production by being marked.
func TestDevelopmentOnly(t *testing.T) {
	var dev []string
	for _, d := range Drivers() {
		if d.Dev {
			dev = append(dev, d.Name)
		}
	}
	require.Equal(t, []string{"console"}, dev)
}

// drivers runs a test on the settings of each provider.
func drivers(t *testing.T, test func(t *testing.T, settings reflect.Value)) {
	for _, d := range Drivers() {
		t.Run(d.Name, func(t *testing.T) {
			settings, open := d.New()
			require.NotNil(t, open)
			value := reflect.ValueOf(settings)
			require.Equal(t, reflect.Pointer, value.Kind())
			require.Equal(t, reflect.Struct, value.Elem().Kind())
			test(t, value.Elem())
		})
	}
}

var setting = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)

// The fields are the manual.
func TestSettingsAreDescribed(t *testing.T) {
	drivers(t, func(t *testing.T, settings reflect.Value) {
		seen := map[string]bool{}
		for i := range settings.NumField() {
			field := settings.Type().Field(i)
			require.True(t, field.IsExported(), "%s can't be filled in", field.Name)
			require.False(t, field.Anonymous, "%s: settings are flat", field.Name)
			env, help := field.Tag.Get("env"), field.Tag.Get("help")
			require.Regexp(t, setting, env, field.Name)
			require.NotEmpty(t, help, field.Name)
			require.NotContains(t, help, "|", "%s: help goes into a table", field.Name)
			require.False(t, seen[env], "%s stands twice", env)
			seen[env] = true
			require.False(t, field.Tag.Get("required") == "true" && field.Tag.Get("default") != "", "%s: what has a default isn't required", env)
		}
	})
}

// Credentials are Secrets, by their names at least.
func TestSecretsAreSecret(t *testing.T) {
	telling := regexp.MustCompile(`TOKEN|SECRET|PASSWORD|PRIVATE`)
	drivers(t, func(t *testing.T, settings reflect.Value) {
		for i := range settings.NumField() {
			field := settings.Type().Field(i)
			if telling.MatchString(field.Tag.Get("env")) {
				require.Equal(t, reflect.TypeFor[providers.Secret](), field.Type, field.Name)
			}
			require.Empty(t, secretDefault(field), field.Name)
		}
	})
}

func secretDefault(field reflect.StructField) string {
	if field.Type != reflect.TypeFor[providers.Secret]() {
		return ""
	}
	return field.Tag.Get("default")
}

// With nothing but their defaults, settings are either good, or Validate says which of them to set.
func TestDefaults(t *testing.T) {
	drivers(t, func(t *testing.T, settings reflect.Value) {
		names := map[string]bool{}
		for i := range settings.NumField() {
			field := settings.Type().Field(i)
			names[field.Tag.Get("env")] = true
			if text, ok := field.Tag.Lookup("default"); ok {
				require.NoError(t, providertest.SetField(settings.Field(i), text), field.Name)
			}
		}
		validator, ok := settings.Addr().Interface().(interface{ Validate() error })
		if !ok {
			return
		}
		err := validator.Validate()
		if err == nil {
			return
		}
		joined, ok := err.(interface{ Unwrap() []error })
		require.True(t, ok, "Validate joins what it finds")
		for _, err := range joined.Unwrap() {
			var problem providers.Problem
			require.ErrorAs(t, err, &problem)
			require.True(t, names[problem.Setting], "%s is no setting of this provider", problem.Setting)
			require.NotEmpty(t, problem.Want)
		}
	})
}

// Each call makes a list of its own, and settings of its own.
func TestListsAreApart(t *testing.T) {
	Drivers()[0].Name = "changed"
	require.Equal(t, "twilio", Drivers()[0].Name)
}
