package message

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

func TestRender(t *testing.T) {
	for _, tt := range []struct {
		template, app, want string
		unicode             bool
		segments            int
	}{
		{"", "", "Your code is 028687", false, 1},
		{"", "Acme", "Your Acme code is 028687", false, 1},
		{"{{ .Code }}", "", "028687", false, 1},
		{"{{.Code}} is your {{ .App}} code. {{ .Code }}", "Acme", "028687 is your Acme code. 028687", false, 1},
		{"<#> {{ .Code }}\n\n@example.com #{{ .Code }}", "", "<#> 028687\n\n@example.com #028687", false, 1},
		{"Код: {{ .Code }}", "", "Код: 028687", true, 1},
		{"It’s {{ .Code }}", "", "It’s 028687", true, 1},
		{strings.Repeat("a", 155) + "{{ .Code }}", "", strings.Repeat("a", 155) + "028687", false, 2},
	} {
		var template Template
		if tt.template != "" {
			require.NoError(t, template.UnmarshalText([]byte(tt.template)))
		}
		text := template.Render(tt.app, providers.NewSecret("028687"))
		require.Equal(t, []any{tt.want, tt.unicode, tt.segments}, []any{text.Text.Reveal(), text.Unicode, text.Segments})
		require.Equal(t, strings.Contains(tt.template, ".App"), template.NeedsApp())
	}
}

func TestTemplateRefuses(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"Hello", "has no {{ .Code }}: nobody could sign in with it"},
		{"Hello {{ .App }}", "has no {{ .Code }}: nobody could sign in with it"},
		{"{{ .Code", "has a {{ without its }}"},
		{"{{ .Code }} {{ .Token }}", "has a placeholder other than {{ .Code }} and {{ .App }}"},
		{"{{ Code }}", "has a placeholder other than {{ .Code }} and {{ .App }}"},
		{"{{ .Code }} \xff", "is not UTF-8"},
	} {
		require.EqualError(t, new(Template).UnmarshalText([]byte(tt.text)), tt.want, tt.text)
	}
}

// A code or an app's name is text, also when it looks like a placeholder.
func TestRenderOnce(t *testing.T) {
	var template Template
	require.NoError(t, template.UnmarshalText([]byte("{{ .App }} {{ .Code }}")))
	require.Equal(t, "{{ .Code }} {{ .App }}", template.Render("{{ .Code }}", providers.NewSecret("{{ .App }}")).Text.Reveal())
}

func TestCount(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		unicode    bool
		segments   int
	}{
		{"nothing", "", false, 1},
		{"160 letters", strings.Repeat("a", 160), false, 1},
		{"161 letters", strings.Repeat("a", 161), false, 2},
		{"306 letters", strings.Repeat("a", 306), false, 2},
		{"307 letters", strings.Repeat("a", 307), false, 3},
		{"the whole basic table", gsmBasic, false, 1},
		{"the whole extension table", gsmExtension, false, 1},
		{"80 euros take two septets each", strings.Repeat("€", 80), false, 1},
		{"81 euros", strings.Repeat("€", 81), false, 2},
		{"a euro is not split: 152 + 2, 152", strings.Repeat("a", 152) + "€" + strings.Repeat("a", 151), false, 2},
		{"a euro is not split: one more", strings.Repeat("a", 152) + "€" + strings.Repeat("a", 152), false, 3},
		{"a backtick is in no table", "`", true, 1},
		{"a small c with cedilla neither", "ç", true, 1},
		{"70 units", strings.Repeat("я", 70), true, 1},
		{"71 units", strings.Repeat("я", 71), true, 2},
		{"134 units", strings.Repeat("я", 134), true, 2},
		{"135 units", strings.Repeat("я", 135), true, 3},
		{"35 faces", strings.Repeat("😀", 35), true, 1},
		{"36 faces", strings.Repeat("😀", 36), true, 2},
		{"a face is not split: 33 to a segment", strings.Repeat("😀", 66), true, 2},
		{"a face is not split: one more", strings.Repeat("😀", 67), true, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			unicode, segments := Count(tt.text)
			require.Equal(t, []any{tt.unicode, tt.segments}, []any{unicode, segments})
		})
	}
}

// FuzzTemplate looks for a template that panics or loses the code.
func FuzzTemplate(f *testing.F) {
	f.Add("Your {{ .App }} code is {{ .Code }}")
	f.Add("{{{{ .Code }}}}")
	f.Fuzz(func(t *testing.T, text string) {
		var template Template
		if template.UnmarshalText([]byte(text)) != nil {
			return
		}
		rendered := template.Render("app", providers.NewSecret("028687"))
		if !strings.Contains(rendered.Text.Reveal(), "028687") || rendered.Segments < 1 {
			t.Fatalf("%q became %q in %d segments", text, rendered.Text.Reveal(), rendered.Segments)
		}
	})
}
