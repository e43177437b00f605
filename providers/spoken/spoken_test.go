package spoken

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

func TestOf(t *testing.T) {
	for _, tt := range []struct{ locale, otherwise, spoken, text string }{
		{"ar", "", "ar", "الرمز الخاص بك هو: 4, 8, 2, 9, 1, 3."},
		{"bn-BD", "", "bn", "আপনার কোড হলো: 4, 8, 2, 9, 1, 3।"},
		{"de-AT", "", "de", "Ihr Code lautet: 4, 8, 2, 9, 1, 3."},
		{"en-GB", "", "en", "Your code is: 4, 8, 2, 9, 1, 3."},
		{"es-MX", "", "es", "Su código es: 4, 8, 2, 9, 1, 3."},
		{"fr", "", "fr", "Votre code est : 4, 8, 2, 9, 1, 3."},
		{"hi", "", "hi", "आपका कोड है: 4, 8, 2, 9, 1, 3।"},
		{"id-ID", "", "id", "Kode Anda adalah: 4, 8, 2, 9, 1, 3."},
		{"ja", "", "ja", "認証コードは、4, 8, 2, 9, 1, 3、です。"},
		{"pt-PT", "", "pt", "O seu código é: 4, 8, 2, 9, 1, 3."},
		{"ru", "", "ru", "Ваш код: 4, 8, 2, 9, 1, 3."},
		{"zh-CN", "", "zh-Hans", "您的验证码是：4, 8, 2, 9, 1, 3。"},
		{"zh-TW", "", "zh-Hant", "您的驗證碼是：4, 8, 2, 9, 1, 3。"},
		{"", "", "en", "Your code is: 4, 8, 2, 9, 1, 3."},
		{"", "de", "de", "Ihr Code lautet: 4, 8, 2, 9, 1, 3."},
		{"ko", "de", "de", "Ihr Code lautet: 4, 8, 2, 9, 1, 3."},
		{"ko", "ko", "en", "Your code is: 4, 8, 2, 9, 1, 3."},
		{"%s", "!", "en", "Your code is: 4, 8, 2, 9, 1, 3."},
		{"de" + strings.Repeat("-abcdefgh", 9), "", "en", "Your code is: 4, 8, 2, 9, 1, 3."},
	} {
		said := Of(providers.Message{Locale: tt.locale, Code: providers.NewSecret("482913"), Text: providers.NewSecret("not this")}, tt.otherwise)
		require.Equal(t, tt.spoken, said.Locale, tt.locale)
		require.Equal(t, tt.text, said.Text.Reveal(), tt.locale)
	}
}

// A caller of the message API may send any text, and its code stands somewhere in it.
func TestAMessageWithoutACodeIsSaidAsItIs(t *testing.T) {
	said := Of(providers.Message{Locale: "de", Text: providers.NewSecret("Ihr Tisch ist frei. 100 %s & <Danke>")}, "")
	require.Equal(t, "de", said.Locale)
	require.Equal(t, "Ihr Tisch ist frei. 100 %s & <Danke>", said.Text.Reveal())
}

func TestACodeMayHaveLetters(t *testing.T) {
	said := Of(providers.Message{Code: providers.NewSecret("4é%X")}, "en")
	require.Equal(t, "Your code is: 4, é, %, X.", said.Text.Reveal())
}

func TestSentences(t *testing.T) {
	for i, sentence := range sentences {
		require.Equal(t, 1, strings.Count(sentence, "%s"), locales[i])
		require.Equal(t, 1, strings.Count(sentence, "%"), locales[i])
	}
}

// Users who can read the text understand the call too.
func TestEachBuiltInTextIsSpoken(t *testing.T) {
	texts, err := os.ReadFile("../../internal/message/builtin.tsv")
	require.NoError(t, err)
	var written []string
	for line := range strings.Lines(string(texts)) {
		if !strings.HasPrefix(line, "#") {
			locale, _, _ := strings.Cut(line, "\t")
			written = append(written, locale)
		}
	}
	require.Equal(t, written, Locales())
}

func TestKnown(t *testing.T) {
	for locale, want := range map[string]bool{"en": true, "pt-BR": true, "zh": true, "ko": false, "": false, "english": false} {
		require.Equal(t, want, Known(locale), locale)
	}
}
