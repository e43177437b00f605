package vonage

import (
	"encoding/json"
	"net/url"
	"os"
	"regexp"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// schema is as much of a schema of OpenAPI as Vonage uses for a call.
type schema struct {
	Type, Format, Pattern string
	Required, Enum        []string
	Properties            map[string]schema
	Items                 *schema
	Minimum, Maximum      *float64
	MinLength, MaxLength  *int
}

func (s schema) require(t *testing.T, at string, value any) {
	t.Helper()
	switch s.Type {
	case "object":
		require.IsType(t, map[string]any{}, value, at)
		fields := value.(map[string]any)
		for _, name := range s.Required {
			require.Contains(t, fields, name, at)
		}
		for name, field := range fields {
			if s.Properties != nil {
				require.Contains(t, s.Properties, name, at)
				s.Properties[name].require(t, at+"."+name, field)
			}
		}
	case "array":
		require.IsType(t, []any{}, value, at)
		for _, item := range value.([]any) {
			s.Items.require(t, at, item)
		}
	case "integer":
		require.IsType(t, 0.0, value, at)
		n := value.(float64)
		require.True(t, n == float64(int(n)) && (s.Minimum == nil || n >= *s.Minimum) && (s.Maximum == nil || n <= *s.Maximum), at)
	case "string":
		require.IsType(t, "", value, at)
		s.requireText(t, at, value.(string))
	default:
		t.Fatalf("%s has the type %q", at, s.Type)
	}
}

func (s schema) requireText(t *testing.T, at, text string) {
	t.Helper()
	require.True(t, len(s.Enum) == 0 || slices.Contains(s.Enum, text), at)
	require.True(t, s.MinLength == nil || utf8.RuneCountInString(text) >= *s.MinLength, at)
	require.True(t, s.MaxLength == nil || utf8.RuneCountInString(text) <= *s.MaxLength, at)
	if s.Pattern != "" {
		require.Regexp(t, regexp.MustCompile("^("+s.Pattern+")$"), text, at)
	}
	if s.Format == "uri" {
		u, err := url.Parse(text)
		require.NoError(t, err, at)
		require.Equal(t, "https", u.Scheme, at)
	}
}

func described(t *testing.T) (d struct{ Call, Talk schema }) {
	t.Helper()
	text, err := os.ReadFile("testdata/openapi-create-call.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &d))
	return d
}
