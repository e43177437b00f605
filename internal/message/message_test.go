package message

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/bidi"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

// own returns templates that an operator has set.
func own(t testing.TB, templates map[string]string) Translations {
	var list Translations
	for tag, text := range templates {
		require.NoError(t, list.Add(tag, text))
	}
	return list
}

func load(t testing.TB, s Settings) *Texts {
	texts, err := Load(s, nil)
	require.NoError(t, err)
	return texts
}

func written(texts *Texts, locale string) string {
	return texts.Render(locale, providers.NewSecret("028687")).Text.Reveal()
}

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
		// A code or an app's name that looks like a placeholder stays as it is.
		{"{{ .App }} {{ .Code }}", "{{ .Code }}", "{{ .Code }} 028687", false, 1},
	} {
		s := Settings{App: tt.app}
		if tt.template != "" {
			s.Message = must[Template](tt.template)
		}
		text := load(t, s).Render("", providers.NewSecret("028687"))
		require.Equal(t, []any{tt.want, tt.unicode, tt.segments}, []any{text.Text.Reveal(), text.Unicode, text.Segments})
	}
	text := load(t, Settings{Message: must[Template]("{{ .Code }}")}).Render("", providers.NewSecret("{{ .Code }}"))
	require.Equal(t, "{{ .Code }}", text.Text.Reveal())
}

// Each built-in text fits one segment, with the longest code and an app's name.
func TestBuiltInTexts(t *testing.T) {
	var got strings.Builder
	languages := map[string]bool{}
	for _, app := range []string{"", "Acme Twelve."} {
		texts := load(t, Settings{App: app})
		require.Empty(t, texts.Warnings())
		for _, sample := range texts.Samples(providers.NewSecret(longestCode)) {
			require.Equal(t, 1, sample.Text.Segments, sample.Locale)
			fmt.Fprintf(&got, "%s: %s\n", sample.Locale, sample.Text.Text.Reveal())
			language, _, _ := strings.Cut(sample.Locale, "-")
			languages[language] = true
		}
	}
	providertest.Golden(t, "testdata/builtin.txt", got.String())
	require.Len(t, languages, 12+1, "twelve, and *")
}

// Phones and apps look for a code between word boundaries, such as those of \b in regular expressions.
func TestNoLetterTouchesTheCode(t *testing.T) {
	for _, app := range []string{"", "Acme"} {
		for _, one := range load(t, Settings{App: app}).list {
			for i, piece := range one.pieces {
				if i > 0 && piece != "" {
					require.Equal(t, byte(' '), piece[0], one.locale)
				}
				if i < len(one.pieces)-1 && piece != "" {
					require.Equal(t, byte(' '), piece[len(piece)-1], one.locale)
				}
			}
		}
	}
}

func builtInLanguages() string {
	var b strings.Builder
	for _, one := range builtIn(false) {
		fmt.Fprintf(&b, "%v ", one.Locale)
	}
	return b.String()
}

func TestLocales(t *testing.T) {
	table, err := os.ReadFile("testdata/locales.tsv")
	require.NoError(t, err)
	for line := range strings.Lines(string(table)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		s := Settings{Message: must[Template]("* {{ .Code }}")}
		for tag := range strings.FieldsSeq(strings.Replace(fields[0], "built-in", builtInLanguages(), 1)) {
			require.NoError(t, s.Translations.Add(tag, tag+" {{ .Code }}"))
		}
		texts := load(t, s)
		for range 2 { // matched, and then from the cache
			require.Equal(t, fields[2]+" 028687", written(texts, fields[1]), line)
		}
	}
}

func TestTextByLocaleAndSettings(t *testing.T) {
	for _, tt := range []struct {
		name     string
		settings Settings
		want     map[string]string // by locale
	}{
		{"built in", Settings{}, map[string]string{
			"": "Your code is 028687", "de": "Ihr Code lautet 028687", "nl": "Your code is 028687",
		}},
		{"built in, with another default", Settings{DefaultLocale: must[Locale]("fr-CA")}, map[string]string{
			"": "Votre code est 028687", "de": "Ihr Code lautet 028687", "nl": "Votre code est 028687",
		}},
		{"one for all", Settings{Message: must[Template]("All {{ .Code }}")}, map[string]string{
			"": "All 028687", "de": "All 028687", "en": "All 028687", "nl": "All 028687",
		}},
		{"one for all, with its language as the default", Settings{Message: must[Template]("Alle {{ .Code }}"), DefaultLocale: must[Locale]("nl")}, map[string]string{
			"": "Alle 028687", "de": "Alle 028687", "nl": "Alle 028687",
		}},
		{"one for all, and some", Settings{Message: must[Template]("All {{ .Code }}"), Translations: own(t, map[string]string{"EN": "En {{ .Code }}"})}, map[string]string{
			"": "All 028687", "de": "All 028687", "en-GB": "En 028687",
		}},
		{"one for all, and some, and one of these is the default", Settings{
			Message: must[Template]("All {{ .Code }}"), Translations: own(t, map[string]string{"EN": "En {{ .Code }}"}), DefaultLocale: must[Locale]("en"),
		}, map[string]string{
			"": "En 028687", "de": "En 028687", "en-GB": "En 028687",
		}},
		{"some, and the others built in", Settings{Translations: own(t, map[string]string{"NL": "Nl {{ .Code }}", "PT_BR": "Br {{ .Code }}"})}, map[string]string{
			"": "Your code is 028687", "nl": "Nl 028687", "pt-BR": "Br 028687", "pt-PT": "Br 028687", "de": "Ihr Code lautet 028687",
		}},
		{"an English text of the operator", Settings{Translations: own(t, map[string]string{"EN_GB": "Gb {{ .Code }}"})}, map[string]string{
			"": "Gb 028687", "en-US": "Gb 028687", "tr": "Gb 028687",
		}},
		{"one script of Chinese by the operator", Settings{Translations: own(t, map[string]string{"ZH_TW": "Tw {{ .Code }}"})}, map[string]string{
			"zh-Hant": "Tw 028687", "zh-CN": "您的验证码是 028687",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			texts := load(t, tt.settings)
			for locale, want := range tt.want {
				require.Equal(t, want, written(texts, locale), locale)
			}
		})
	}
}

// In a line that is read from right to left, digits are still read from left to right. Direction marks aren't needed, and users would
// copy them with the code. https://www.unicode.org/reports/tr9/
func TestDigitsInRightToLeftTexts(t *testing.T) {
	for _, template := range []string{
		"", // built in
		"רמז {{ .App }} {{ .Code }}",
		"{{ .Code }} هو رمزك",
		"رمز {{ .App }}: {{ .Code }}.",
		"{{ .App }}: کد شما {{ .Code }} است",
	} {
		s := Settings{App: "Acme", WebOTPDomain: "example.com", AppHash: "FA+9qCX9VSu", DefaultLocale: must[Locale]("ar")}
		if template != "" {
			s.Message = must[Template](template)
		}
		text := written(load(t, s), "ar")
		require.NotRegexp(t, `[\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}]`, text)
		lines := strings.Split(text, "\n")
		require.Contains(t, shownFromTheLeft(t, lines[0]), "028687", template)
		require.Equal(t, "@example.com #028687 FA+9qCX9VSu", shownFromTheLeft(t, lines[2]))
	}
}

// shownFromTheLeft returns the characters of a line in their order on the screen, from left to right.
func shownFromTheLeft(t *testing.T, line string) string {
	var p bidi.Paragraph
	_, err := p.SetString(line)
	require.NoError(t, err)
	order, err := p.Order()
	require.NoError(t, err)
	var shown strings.Builder
	for i := range order.NumRuns() {
		run := order.Run(i)
		if run.Direction() == bidi.RightToLeft {
			shown.WriteString(bidi.ReverseString(run.String()))
			continue
		}
		shown.WriteString(run.String())
	}
	return shown.String()
}

func TestRenderIsSafeForConcurrentUse(t *testing.T) {
	texts := load(t, Settings{})
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := range 5000 { // more locales than the cache has places
				if got := written(texts, fmt.Sprintf("de-x-a%d", n+i)); got != "Ihr Code lautet 028687" {
					t.Errorf("got %q", got)
				}
			}
		})
	}
	group.Wait()
}

func TestRenderAllocatesLittle(t *testing.T) {
	texts := load(t, Settings{App: "Acme"})
	code := providers.NewSecret("028687")
	for _, locale := range []string{"", "pt_BR"} {
		texts.Render(locale, code)
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { texts.Render(locale, code) }), 2.0, "the text, and the Secret that holds it")
	}
}

// FuzzLocale looks for a locale that causes a panic, or gets another text the second time.
func FuzzLocale(f *testing.F) {
	for _, locale := range []string{"en", "zh_Hant_TW", "i-klingon", "en-u-ca-buddhist", "\xff", "x-a", "sgn-CH-DE"} {
		f.Add(locale)
	}
	texts, err := Load(Settings{}, nil)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, locale string) {
		first := written(texts, locale)
		if again := written(texts, locale); again != first || !strings.Contains(first, "028687") {
			t.Fatalf("%q got %q, then %q", locale, first, again)
		}
	})
}

func BenchmarkRender(b *testing.B) {
	texts := load(b, Settings{App: "Acme"})
	code := providers.NewSecret("028687")
	b.Run("no locale", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			texts.Render("", code)
		}
	})
	b.Run("a locale seen before", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			texts.Render("pt_BR", code)
		}
	})
	b.Run("a new locale", func(b *testing.B) {
		b.ReportAllocs()
		var locales []string
		for i := range 1 << 16 { // far more than the cache has places
			locales = append(locales, fmt.Sprintf("pt-x-%d", i))
		}
		for i := 0; b.Loop(); i++ {
			texts.Render(locales[i%len(locales)], code)
		}
	})
}
