package plivo

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers/providertest"
)

func TestValidate(t *testing.T) {
	const (
		noAccount   = "AUTH_ID: want MA or SA and 18 capital letters and digits"
		noSender    = "FROM: is missing, and so is POWERPACK_UUID"
		twoSenders  = "FROM: want either a sender or a Powerpack (POWERPACK_UUID), not both"
		badSender   = "FROM: want a number of at most 14 digits, or a name of at most 11 letters and digits"
		national    = "FROM: want a number with its plus and calling code, such as +15555550100"
		noPowerpack = "POWERPACK_UUID: want a UUID"
	)
	from := func(sender string) func(*Settings) {
		return func(s *Settings) { s.From = sender }
	}
	for _, test := range []struct {
		name   string
		change func(*Settings)
		want   []string
	}{
		{"basic", asIs, nil},
		{"subaccount", func(s *Settings) { s.AuthID = "SA0123456789ABCDEFGH" }, nil},
		{"powerpack", func(s *Settings) { s.From, s.PowerpackUUID = "", testPowerpack }, nil},
		{"powerpack in capitals", func(s *Settings) { s.From, s.PowerpackUUID = "", strings.ToUpper(testPowerpack) }, nil},
		{"bare number", from("15555550100"), nil},
		{"number with marks", from("+1 (555) 555-0100"), nil},
		{"number of 14 digits", from("+15555550100123"), nil},
		{"short code", from("55501"), nil},
		{"name", from("My Shop"), nil},
		{"name of 11 letters, and what is stripped", from("My Shop-Code 5!"), nil},
		{"DLT", registered, nil},

		{"no account", func(s *Settings) { s.AuthID = "" }, []string{noAccount}},
		{"account cut short", func(s *Settings) { s.AuthID = testAccount[:19] }, []string{noAccount}},
		{"account too long", func(s *Settings) { s.AuthID = testAccount + "0" }, []string{noAccount}},
		{"account in small letters", func(s *Settings) { s.AuthID = strings.ToLower(testAccount) }, []string{noAccount}},
		{"account in a path", func(s *Settings) { s.AuthID = "MA/../0123456789ABCD" }, []string{noAccount}},
		{"account and a line feed", func(s *Settings) { s.AuthID = testAccount + "\n" }, []string{noAccount}},
		{"no sender", from(""), []string{noSender}},
		{"two senders", func(s *Settings) { s.PowerpackUUID = testPowerpack }, []string{twoSenders}},
		{"number of 15 digits", from("+155555501001234"), []string{badSender}},
		{"name of 12 letters", from("My Shop-Codes 5"), []string{badSender}},
		{"number of a country", from("(555) 555-0100"), []string{national}},
		{"number of a country in parts", from("555 555 0100"), []string{national}},
		{"sender of marks alone", from("+-"), []string{badSender}},
		{"WhatsApp", from("whatsapp:+15555550100"), []string{badSender}},
		{"powerpack by name", func(s *Settings) { s.From, s.PowerpackUUID = "", "my powerpack" }, []string{noPowerpack}},
		{"nothing", func(s *Settings) { *s = Settings{} }, []string{noAccount, noSender}},
		{"all wrong", func(s *Settings) {
			*s = Settings{AuthID: "x", From: "-", PowerpackUUID: "x"}
		}, []string{noAccount, twoSenders, badSender, noPowerpack}},
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
	err := Settings{AuthID: misplaced, From: misplaced, PowerpackUUID: misplaced}.Validate()
	require.Error(t, err)
	require.NotContains(t, err.Error(), misplaced)
}

// The four that Plivo publishes; the loader refuses another.
func TestTemplateCategories(t *testing.T) {
	field, _ := reflect.TypeFor[Settings]().FieldByName("DLTTemplateCategory")
	require.Equal(t, []string{"transactional", "promotional", "service_implicit", "service_explicit"},
		strings.Fields(field.Tag.Get("oneof")))
}
