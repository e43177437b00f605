package message

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

func folder(files map[string]string) fstest.MapFS {
	all := fstest.MapFS{}
	for name, content := range files {
		all[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return all
}

func TestFolder(t *testing.T) {
	texts, err := Load(Settings{App: "Acme", Translations: own(t, map[string]string{"NL": "a variable {{ .Code }}"})}, folder(map[string]string{
		"pt-BR.txt":        "Seu código: {{ .Code }}\n",
		"tr.txt":           "{{ .App }}: {{ .Code }}\r\n\r\n", // one new line is removed: editors add it
		"zh_Hant_TW.txt":   "\ufeff碼 {{ .Code }}",
		"nl.txt":           "a file {{ .Code }}",
		".gitkeep":         "",
		"..data/de.txt":    "Nein {{ .Code }}",
		"..2026_11_21/x.y": "",
	}))
	require.NoError(t, err)
	for locale, want := range map[string]string{
		"pt": "Seu código: 028687", "pt-PT": "Seu código: 028687", "tr": "Acme: 028687\r\n", "zh-HK": "碼 028687",
		"nl": "a variable 028687", "de": "Ihr Code für Acme lautet 028687", "": "Your Acme code is 028687",
	} {
		require.Equal(t, want, written(texts, locale), locale)
	}
}

func TestProblems(t *testing.T) {
	for _, tt := range []struct {
		name     string
		settings Settings
		files    map[string]string
		want     []string
	}{
		{"files", Settings{}, map[string]string{
			"README.md": "", "de": "{{ .Code }}", "en.TXT": "{{ .Code }}", "xqzz.txt": "{{ .Code }}", "en-XQZZ.txt": "{{ .Code }}", "x-foo.txt": "{{ .Code }}",
			"und.txt": "{{ .Code }}", "fr.txt/fr.txt": "{{ .Code }}", "he.txt": "{{ .Code }}", "iw.txt": "{{ .Code }}", "it.txt": "Ciao", "nl.txt": "\xff{{ .Code }}",
			"pl.txt": strings.Repeat(" ", maxFileSize) + "{{ .Code }}", "sv.txt": "{{ .App }} {{ .Code }}", "tr.txt": strings.Repeat("ş", 393) + "{{ .Code }}", "uk.txt": "",
		}, []string{
			"MESSAGES_DIR: README.md: want a language and .txt for a name, such as pt-BR.txt",
			"MESSAGES_DIR: de: want a language and .txt for a name, such as pt-BR.txt",
			"MESSAGES_DIR: en-XQZZ.txt: want a language and .txt for a name, such as pt-BR.txt",
			"MESSAGES_DIR: en.TXT: want a language and .txt for a name, such as pt-BR.txt",
			"MESSAGES_DIR: fr.txt: can't be read, or is longer than 16 KiB",
			"MESSAGES_DIR: it.txt: has no {{ .Code }}: no user could sign in with it",
			"MESSAGES_DIR: iw.txt: is for the same language as he.txt",
			"MESSAGES_DIR: nl.txt: is not UTF-8",
			"MESSAGES_DIR: pl.txt: can't be read, or is longer than 16 KiB",
			"MESSAGES_DIR: uk.txt: has no {{ .Code }}: no user could sign in with it",
			"MESSAGES_DIR: und.txt: want a language and .txt for a name, such as pt-BR.txt",
			"MESSAGES_DIR: x-foo.txt: want a language and .txt for a name, such as pt-BR.txt",
			"MESSAGES_DIR: xqzz.txt: want a language and .txt for a name, such as pt-BR.txt",
			"MESSAGES_DIR: sv.txt: has {{ .App }}, and APP is missing",
			"MESSAGES_DIR: tr.txt: takes 7 segments with a code of 10 digits, want at most 6",
		}},
		{"an empty folder", Settings{}, map[string]string{}, []string{"MESSAGES_DIR: has no file such as pt-BR.txt"}},
		{"variables", Settings{
			Message:      must[Template]("{{ .App }} {{ .Code }}"),
			Translations: own(t, map[string]string{"DE": "{{ .App }} {{ .Code }}"}),
		}, nil, []string{"MESSAGE_DE: has {{ .App }}, and APP is missing", "MESSAGE: has {{ .App }}, and APP is missing"}},
		{"a default locale without a text", Settings{DefaultLocale: must[Locale]("nl")}, nil, []string{"DEFAULT_LOCALE: there is no text in this language"}},
		{"a text that is too long", Settings{Message: must[Template](strings.Repeat("a", 909) + "{{ .Code }}")}, nil,
			[]string{"MESSAGE: takes 7 segments with a code of 10 digits, want at most 6"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var files fstest.MapFS
			texts, err := (*Texts)(nil), error(nil)
			if files = folder(tt.files); tt.files == nil {
				texts, err = Load(tt.settings, nil)
			} else {
				texts, err = Load(tt.settings, files)
			}
			require.Error(t, err)
			require.Equal(t, tt.want, strings.Split(err.Error(), "\n"))
			require.Nil(t, texts)
		})
	}
	_, err := Load(Settings{}, fstest.MapFS{".": {Data: []byte("a file")}})
	require.EqualError(t, err, "MESSAGES_DIR: want the path of a readable folder")
}

func TestTranslationsRefuse(t *testing.T) {
	var list Translations
	require.NoError(t, list.Add("IW", "{{ .Code }}"))
	require.NoError(t, list.Add("DE", ""))
	for _, tt := range []struct{ end, value, want string }{
		{"XQZZ", "{{ .Code }}", "want a language at the end of the name, such as EN or PT_BR"},
		{"XQZZ", "", "want a language at the end of the name, such as EN or PT_BR"},
		{"", "{{ .Code }}", "want a language at the end of the name, such as EN or PT_BR"},
		{"PT__BR", "{{ .Code }}", "want a language at the end of the name, such as EN or PT_BR"},
		{"X_FOO", "{{ .Code }}", "want a language at the end of the name, such as EN or PT_BR"},
		{"EN_U_CA_BUDDHIST", "{{ .Code }}", "want a language at the end of the name, such as EN or PT_BR"},
		{"FR", "Bonjour", "has no {{ .Code }}: no user could sign in with it"},
		{"HE", "{{ .Code }}", "is for the same language as MESSAGE_IW"},
	} {
		require.EqualError(t, list.Add(tt.end, tt.value), tt.want, tt.end)
	}
	require.Len(t, list, 1)
}

func TestWarnings(t *testing.T) {
	const instead = "not in GSM-7, and a segment then has 70 characters and not 160: "
	long := strings.Repeat("a", 151) + "{{ .Code }}"
	for _, tt := range []struct {
		name     string
		settings Settings
		want     []providers.Problem
	}{
		{"one segment, even with the longest code", Settings{Message: must[Template](long[1:])}, nil},
		{"two segments with the longest code", Settings{Message: must[Template](long)}, []providers.Problem{{Setting: "MESSAGE", Want: "takes 2 segments with a code of 10 digits"}}},
		{"scripts that GSM-7 lacks", Settings{Translations: own(t, map[string]string{
			"RU": "Код «{{ .Code }}»", "ZH": "你的 OTP 是 {{ .Code }}", "HI": "आपका OTP {{ .Code }} है…", "EL": "Ο κωδικός σας: {{ .Code }}",
		})}, nil},
		{"characters that GSM-7 lacks", Settings{Translations: own(t, map[string]string{"EN": "It’s {{ .Code }} – it’s"})},
			[]providers.Problem{{Setting: "MESSAGE_EN", Want: instead + "’ (U+2019), – (U+2013)"}}},
		{"invisible characters", Settings{Message: must[Template]("Hi\u00a0{{ .Code }}\u200e")}, []providers.Problem{{Setting: "MESSAGE", Want: instead + "U+00A0, U+200E"}}},
		{"many of them", Settings{Message: must[Template]("Doğrulama kodunuz: {{ .Code }} ışık ş Ş")},
			[]providers.Problem{{Setting: "MESSAGE", Want: instead + "ğ (U+011F), ı (U+0131), ş (U+015F), …"}}},
		{"the app's name", Settings{App: "Acme™"}, []providers.Problem{{Setting: "APP", Want: instead + "™ (U+2122)"}}},
		{"both lines are too much for some texts", Settings{App: "Acme Twelve.", AppHash: hash, WebOTPDomain: domain}, []providers.Problem{
			{Setting: "MESSAGE", Want: "is not set, and the built-in texts for ar, bn, es, hi, pt take more than one segment with a code of 10 digits and the lines that are added"},
			{Setting: "APP_HASH", Want: "Android reads no text over 140 bytes, and the texts for ar, bn, es, hi, pt are longer with a code of 10 digits"},
		}},
		{"the hash alone fits", Settings{App: "Acme Twelve.", AppHash: hash}, nil},
		{"the domain alone fits", Settings{App: "Acme Twelve.", WebOTPDomain: domain}, nil},
		{"one segment, and still too long for Android", Settings{Message: must[Template](strings.Repeat("a", 118) + "{{ .Code }}"), AppHash: hash},
			[]providers.Problem{{Setting: "APP_HASH", Want: "Android reads no text over 140 bytes, and the texts for * are longer with a code of 10 digits"}}},
		{"one character less", Settings{Message: must[Template](strings.Repeat("a", 117) + "{{ .Code }}"), AppHash: hash}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, load(t, tt.settings).Warnings())
		})
	}
}
