package twilio

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

func TestValidate(t *testing.T) {
	const (
		noAccount = "ACCOUNT_SID: want AC and 32 hex digits"
		noToken   = "AUTH_TOKEN: is missing, and so is an API key (API_KEY and API_SECRET)"
		oldAlone  = "AUTH_TOKEN_OLD: is of no use without AUTH_TOKEN, the new one"
		noKey     = "API_KEY: is missing beside API_SECRET"
		noSecret  = "API_SECRET: is missing beside API_KEY"
		noSender  = "FROM: is missing, and so is MESSAGING_SERVICE_SID"
		service   = "MESSAGING_SERVICE_SID: want MG and 32 hex digits; a number goes into FROM"
		badSender = "FROM: want a number with its plus and calling code, such as +15005550006, a short code, " +
			"whatsapp: and a number, or a name of at most 11 letters, digits, spaces and +-_&, with a letter in it"
		content   = "CONTENT_SID: want HX and 32 hex digits"
		noContent = "CONTENT_SID: is missing: WhatsApp takes a code only in an approved template"
	)
	key := func(s *Settings) {
		s.AuthToken, s.APIKey, s.APISecret = providers.Secret{}, "SK0123456789abcdef0123456789abcdef", providers.NewSecret("x")
	}
	both := func(s *Settings) { token := s.AuthToken; key(s); s.AuthToken = token }
	from := func(sender string) func(*Settings) {
		return func(s *Settings) { s.From = sender }
	}
	old := func(s *Settings) { s.AuthTokenOld = providers.NewSecret("x") }
	for _, test := range []struct {
		name   string
		change func(*Settings)
		want   []string
	}{
		{"basic", asIs, nil},
		{"capital hex digits", func(s *Settings) { s.AccountSID = "ACABCDEFABCDEFABCDEFABCDEFABCDEFAB" }, nil},
		{"API key", key, nil},
		{"token and key", both, nil},
		{"old token", old, nil},
		{"old token, token and key", func(s *Settings) { both(s); old(s) }, nil},
		{"service alone", func(s *Settings) { s.From, s.MessagingServiceSID = "", testService }, nil},
		{"service and sender", func(s *Settings) { s.MessagingServiceSID = testService }, nil},
		{"template by SMS", func(s *Settings) { s.ContentSID = testContent }, nil},
		{"WhatsApp", func(s *Settings) { s.From, s.ContentSID = "whatsapp:+15555550100", testContent }, nil},

		{"short code", from("55501"), nil},
		{"name", from("Acme & Co-1"), nil},
		{"name that begins with a plus", from("+Acme"), nil},

		{"number as people write it", from("(500) 555-0006"), []string{badSender}},
		{"number without its plus", from("15005550006"), []string{badSender}},
		{"number in parts", from("+1 500 555 0006"), []string{badSender}},
		{"number in quotes", from(`"+15005550006"`), []string{badSender}},
		{"number too long", from("+1500555000612345"), []string{badSender}},
		{"name too long", from("Acme and Son"), []string{badSender}},
		{"name with a plus, too long", from("+Acme and Son"), []string{badSender}},
		{"name in quotes", from("'Acme'"), []string{badSender}},
		{"WhatsApp from a name", func(s *Settings) { s.From, s.ContentSID = "whatsapp:Acme", testContent }, []string{badSender}},
		{"no account", func(s *Settings) { s.AccountSID = "" }, []string{noAccount}},
		{"key as account", func(s *Settings) { s.AccountSID = "SK0123456789abcdef0123456789abcdef" }, []string{noAccount}},
		{"account cut short", func(s *Settings) { s.AccountSID = testAccount[:33] }, []string{noAccount}},
		{"account in a path", func(s *Settings) { s.AccountSID = testAccount + "/../" + testAccount }, []string{noAccount}},
		{"account and a line feed", func(s *Settings) { s.AccountSID = testAccount + "\n" }, []string{noAccount}},
		{"no credentials", func(s *Settings) { s.AuthToken = providers.Secret{} }, []string{noToken}},
		{"token and half a key", func(s *Settings) { s.APIKey = "SK1" }, []string{noSecret}},
		{"old token and key", func(s *Settings) { key(s); old(s) }, []string{oldAlone}},
		{"old token alone", func(s *Settings) { s.AuthToken = providers.Secret{}; old(s) }, []string{noToken, oldAlone}},
		{"key without secret", func(s *Settings) { key(s); s.APISecret = providers.Secret{} }, []string{noSecret}},
		{"secret without key", func(s *Settings) { key(s); s.APIKey = "" }, []string{noKey}},
		{"no sender", func(s *Settings) { s.From = "" }, []string{noSender}},
		{"service of another kind", func(s *Settings) { s.MessagingServiceSID = testContent }, []string{service}},
		{"template of another kind", func(s *Settings) { s.ContentSID = testService }, []string{content}},
		{"WhatsApp without template", func(s *Settings) { s.From = "whatsapp:+15555550100" }, []string{noContent}},
		{"nothing", func(s *Settings) { *s = Settings{} }, []string{noAccount, noToken, noSender}},
		{"all wrong", func(s *Settings) {
			*s = Settings{AccountSID: "x", APIKey: "x", MessagingServiceSID: "x", ContentSID: "x"}
		}, []string{noAccount, noSecret, service, content}},
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
	misplaced := "4ca5d9b0c1-misplaced"
	err := Settings{
		AccountSID: misplaced, APIKey: misplaced, MessagingServiceSID: misplaced, ContentSID: misplaced, From: "whatsapp:" + misplaced,
	}.Validate()
	require.Error(t, err)
	require.NotContains(t, err.Error(), misplaced)
}
