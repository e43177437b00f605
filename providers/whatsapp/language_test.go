package whatsapp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTranslations(t *testing.T) {
	for _, test := range []struct {
		text string
		want Translations
	}{
		{"de", Translations{{"de", ""}}},
		{"de,pt_BR,fil", Translations{{"de", ""}, {"pt_BR", ""}, {"fil", ""}}},
		{" de , es=code_es\n", Translations{{"de", ""}, {"es", "code_es"}}},
		{"pt,pt_BR=a,pt_PT=a", Translations{{"pt", ""}, {"pt_BR", "a"}, {"pt_PT", "a"}}},
	} {
		list := Translations{{"old", ""}}
		require.NoError(t, list.UnmarshalText([]byte(test.text)), test.text)
		require.Equal(t, test.want, list, test.text)
	}
}

func TestTranslationsUnreadable(t *testing.T) {
	const (
		language = ": want a language as WhatsApp writes it, such as en or pt_BR"
		name     = ": want a template's name behind the =: letters, digits and underscores"
	)
	for _, test := range []struct{ text, want string }{
		{"", "entry 1" + language},
		{"hunter2", "entry 1" + language},
		{"de,", "entry 2" + language},
		{"de,,es", "entry 2" + language},
		{"de;es", "entry 1" + language},
		{"de, pt-BR", "entry 2" + language},
		{"DE", "entry 1" + language},
		{"de,xx", "entry 2" + language},
		{"de,pt_RB", "entry 2" + language},
		{"=code", "entry 1" + language},
		{"de=", "entry 1" + name},
		{"de,es=hunter 2", "entry 2" + name},
		{"es=a=b", "entry 1" + name},
		{"de,es,de=other", "want each language once"},
	} {
		list := Translations{{"old", ""}}
		require.EqualError(t, list.UnmarshalText([]byte(test.text)), test.want, test.text)
		require.Equal(t, Translations{{"old", ""}}, list, "it is left alone")
	}
}

func TestNearest(t *testing.T) {
	for _, test := range []struct{ language, languages, locale, want string }{
		{"en", "", "", "en"},
		{"en", "", "de", "en"},
		{"en_US", "", "en", "en_US"},
		{"en", "de,pt_BR", "", "en"},
		{"en", "de,pt_BR", "ja", "en"},
		{"en", "de,pt_BR", "de", "de"},
		{"en", "de,pt_BR", "DE", "de"},

		// The same region, however it is written.
		{"en", "pt,pt_PT,pt_BR", "pt-BR", "pt_BR"},
		{"en", "pt,pt_PT,pt_BR", "pt_br", "pt_BR"},
		{"en", "pt,pt_PT,pt_BR", "pt-Latn-BR", "pt_BR"},
		{"en", "zh_CN,zh_HK,zh_TW", "zh-Hant-TW", "zh_TW"},

		// Else the region whose writing is the nearest.
		{"en", "pt_BR,pt_PT", "pt-AO", "pt_PT"},
		{"en", "de,pt_BR", "pt-AO", "pt_BR"},
		{"en", "de,pt_PT", "pt", "pt_PT"},
		{"en", "pt_PT,pt,pt_BR", "pt", "pt"},
		{"en", "es_ES,es_MX", "es-419", "es_MX"},
		{"en_US", "en_GB", "en-AU", "en_GB"},
		{"en", "de", "de-AT", "de"},
		{"en", "de", "de-DE-u-co-phonebk", "de"},
		{"en", "th_US,th", "th-u-us-buddhist", "th"}, // what stands in an extension is no region

		// The script, which WhatsApp tells by the region: who reads one needn't read the other.
		{"en", "zh_CN,zh_HK,zh_TW", "zh", "zh_CN"},
		{"en", "zh_CN,zh_HK,zh_TW", "zh-Hans-HK", "zh_CN"},
		{"en", "zh_CN,zh_HK,zh_TW", "zh-Hant", "zh_TW"},
		{"en", "zh_CN,zh_HK,zh_TW", "zh-MO", "zh_HK"},
		{"en", "zh_CN", "zh-Hant", "en"},
		{"en", "zh_TW", "zh-CN", "en"},
		{"en", "sr", "sr-Latn", "en"},

		// One language by two names.
		{"en", "fil", "tl", "fil"},
		{"en", "nb", "no", "nb"},
		{"en", "he", "iw_IL", "he"},

		// The default is one of them, and the first.
		{"pt_PT", "pt_BR", "pt-AO", "pt_PT"},
		{"pt_PT", "pt_BR", "pt-BR", "pt_BR"},
		{"en", "en_GB,en", "en", "en"},

		// A language is not the beginning of another, and what isn't one is nobody's.
		{"en", "fi,fil", "fil-PH", "fil"},
		{"en", "fi", "fil", "en"},
		{"en", "de", "---", "en"},
		{"en", "de", "und", "en"},
		{"en", "de", "{{ .Code }}", "en"},
	} {
		var list Translations
		if test.languages != "" {
			require.NoError(t, list.UnmarshalText([]byte(test.languages)))
		}
		got := newTemplates(test.language, "code", list).nearest(test.locale)
		require.Equal(t, translation{test.want, "code"}, got, "%q of %s,%s", test.locale, test.language, test.languages)
	}
}

func TestNearestHasItsOwnName(t *testing.T) {
	list := newTemplates("en", "code", Translations{{"de", ""}, {"es", "code_es"}})
	require.Equal(t, translation{"en", "code"}, list.nearest("ja"))
	require.Equal(t, translation{"de", "code"}, list.nearest("de"))
	require.Equal(t, translation{"es", "code_es"}, list.nearest("es-MX"))
}
