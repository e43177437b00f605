package message

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTemplateRefuses(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"Hello", "has no {{ .Code }}: no user could sign in with it"},
		{"Hello {{ .App }}", "has no {{ .Code }}: no user could sign in with it"},
		{"{{ .Code", "has a {{ without its }}"},
		{"{{ .Code }} {{ .Token }}", "has a placeholder other than {{ .Code }} and {{ .App }}"},
		{"{{ Code }}", "has a placeholder other than {{ .Code }} and {{ .App }}"},
		{"{{ .Code }} \xff", "is not UTF-8"},
	} {
		require.EqualError(t, new(Template).UnmarshalText([]byte(tt.text)), tt.want, tt.text)
	}
}

// FuzzTemplate looks for a template that causes a panic or whose text lacks the code.
func FuzzTemplate(f *testing.F) {
	f.Add("Your {{ .App }} code is {{ .Code }}")
	f.Add("{{{{ .Code }}}}")
	f.Fuzz(func(t *testing.T, text string) {
		var template Template
		if template.UnmarshalText([]byte(text)) != nil {
			return
		}
		filled := template.fill("app").with("028687")
		if _, segments := Count(filled); !strings.Contains(filled, "028687") || segments < 1 {
			t.Fatalf("%q became %q in %d segments", text, filled, segments)
		}
	})
}
