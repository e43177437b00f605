package whatsapp

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

func TestValidate(t *testing.T) {
	const (
		noID       = "PHONE_NUMBER_ID: want the sender's id, which is digits"
		noToken    = "ACCESS_TOKEN: want a token, without spaces or line breaks"
		noTemplate = "TEMPLATE: want a template's name: letters, digits and underscores"
		noLanguage = "LANGUAGE: want a language as WhatsApp writes it, such as en or pt_BR"
		renamed    = "LANGUAGES: want no other template for the language of LANGUAGE"
		noSecret   = "APP_SECRET: want the app's secret, without spaces or line breaks"
		noVerify   = "VERIFY_TOKEN: want a text without spaces or line breaks"
		noVersion  = "GRAPH_VERSION: want a version such as v23.0"
	)
	for _, test := range []struct {
		name   string
		change func(*Settings)
		want   []string
	}{
		{"basic", asIs, nil},
		{"a language and its region", func(s *Settings) { s.Language = "pt_BR" }, nil},
		{"a language of three letters", func(s *Settings) { s.Language = "fil" }, nil},
		{"a later version", func(s *Settings) { s.GraphVersion = "v105.12" }, nil},
		{"the longest name", func(s *Settings) { s.Template = strings.Repeat("a", 512) }, nil},
		{"the default language listed too", func(s *Settings) { s.Languages = Translations{{"de", ""}, {"en", ""}} }, nil},
		{"listed by its own name", func(s *Settings) { s.Languages = Translations{{"en", s.Template}} }, nil},

		{"secrets of the receipts", withSecret, nil},

		{"no sender", func(s *Settings) { s.PhoneNumberID = "" }, []string{noID}},
		{"the number instead of its id", func(s *Settings) { s.PhoneNumberID = "+15555550100" }, []string{noID}},
		{"an id in a path", func(s *Settings) { s.PhoneNumberID = "1/../2" }, []string{noID}},
		{"an id and a line feed", func(s *Settings) { s.PhoneNumberID = testSender + "\n" }, []string{noID}},
		{"no token", func(s *Settings) { s.AccessToken = providers.Secret{} }, []string{noToken}},
		{"a token with its scheme", func(s *Settings) { s.AccessToken = providers.NewSecret("Bearer x") }, []string{noToken}},
		{"a token and a line feed", func(s *Settings) { s.AccessToken = providers.NewSecret("x\n") }, []string{noToken}},
		{"a secret and a line feed", func(s *Settings) { s.AppSecret = providers.NewSecret("x\n") }, []string{noSecret}},
		{"a sentence to verify by", func(s *Settings) { s.VerifyToken = providers.NewSecret("let me in") }, []string{noVerify}},
		{"no template", func(s *Settings) { s.Template = "" }, []string{noTemplate}},
		{"a template's title", func(s *Settings) { s.Template = "Verification code" }, []string{noTemplate}},
		{"a name too long", func(s *Settings) { s.Template = strings.Repeat("a", 513) }, []string{noTemplate}},
		{"no language", func(s *Settings) { s.Language = "" }, []string{noLanguage}},
		{"a language as others write it", func(s *Settings) { s.Language = "pt-BR" }, []string{noLanguage}},
		{"a language's name", func(s *Settings) { s.Language = "English" }, []string{noLanguage}},
		{"two templates for one language", func(s *Settings) { s.Languages = Translations{{"en", "another"}} }, []string{renamed}},
		{"no version", func(s *Settings) { s.GraphVersion = "" }, []string{noVersion}},
		{"a version without its letter", func(s *Settings) { s.GraphVersion = "23.0" }, []string{noVersion}},
		{"a version in a path", func(s *Settings) { s.GraphVersion = "v23.0/../v1.0" }, []string{noVersion}},
		{"nothing", func(s *Settings) { *s = Settings{} }, []string{noID, noToken, noTemplate, noLanguage, noVersion}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := basic()
			test.change(&s)
			require.Equal(t, test.want, providertest.Problems(s.Validate()))
		})
	}
}

// A secret in the wrong place is a common mistake, and what Validate says is printed.
func TestValidateQuotesNothing(t *testing.T) {
	misplaced := "EAAJ misplaced"
	err := Settings{
		PhoneNumberID: misplaced, AccessToken: providers.NewSecret(misplaced), Template: misplaced, Language: misplaced, GraphVersion: misplaced,
	}.Validate()
	require.Len(t, providertest.Problems(err), 5)
	require.NotContains(t, err.Error(), "EAAJ")
}
