package vonage

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

const (
	// Those of Vonage's own libraries' tests: of the signatures in
	// https://github.com/Vonage/vonage-node-sdk/tree/main/packages/sms, and of the token in
	// https://github.com/Vonage/vonage-python-sdk/blob/main/jwt/tests/test_verify_jwt.py.
	testFieldsSecret = "my_secret_key_for_testing"
	testTokenSecret  = "qwertyuiopasdfghjklzxcvbnm123456"
)

func withSignature(secret string) func(*Settings) {
	return func(s *Settings) { s.SignatureSecret = providers.NewSecret(secret) }
}

// withReceiptsOf is the account and the application that the tokens in testdata are for.
func withReceiptsOf(s *Settings) {
	s.APIKey, s.APISecret, s.ApplicationID = "a1b2c3d4", providers.NewSecret(testSecret), "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
}

func noKey(s *Settings)         { s.APIKey, s.APISecret = "", providers.Secret{} }
func noApplication(s *Settings) { s.ApplicationID = "" }

func receiver(changes ...func(*Settings)) func() (providers.Receiver, error) {
	return with(changes...).Receiver
}

// The signatures and the tokens in testdata were made apart from this package, by Python's hmac.
func TestReceipts(t *testing.T) {
	for _, test := range []struct {
		dir  string
		open func() (providers.Receiver, error)
	}{
		{"sms", receiver(withKey, withSignature(testFieldsSecret))},
		{"sms-unsigned", receiver(withKey)},
		{"messages", receiver(withApplication, withReceiptsOf, viaMessages, withSignature(testTokenSecret))},
		{"messages-application", receiver(withApplication, withReceiptsOf, noKey, withSignature(testTokenSecret))},
		{"messages-key", receiver(withKey, withReceiptsOf, noApplication, viaMessages, withSignature(testTokenSecret))},
		{"messages-whatsapp", receiver(withWhatsApp, withReceiptsOf, viaMessages, withSignature(testTokenSecret))},
		{"messages-unsigned", receiver(withApplication)},
		{"messages-whatsapp-unsigned", receiver(withWhatsApp)},
	} {
		t.Run(test.dir, func(t *testing.T) {
			providertest.Receipts(t, test.open, filepath.Join("testdata", "receipts", test.dir))
		})
	}
}

// Vonage's own example, by each of the five methods that an account can choose.
// https://github.com/Vonage/vonage-node-sdk/tree/main/packages/sms
func TestSignature(t *testing.T) {
	said := fields{
		"message-timestamp": "2013-11-21 15:27:30", "messageId": "020000001B0FE827", "msisdn": "14843472194", "text": "Test again",
		"timestamp": "1385047698", "to": "13239877404", "type": "text",
	}
	for _, test := range []struct {
		method  string
		newHash func() hash.Hash // nil for the one that is no HMAC
		sig     string
		taken   bool
	}{
		{"md5hash", nil, "d2e7b1dc968737c5998ad624e02f90b7", false},
		{"HMAC-MD5", md5.New, "DDEBD46008C2D4E93CCE578A332A52D5", false},
		{"HMAC-SHA1", sha1.New, "27D0D05C2876C7CB1720DBCDBA4D492E1E55C09A", false},
		{"HMAC-SHA256", sha256.New, "DDB8397C2B90AAC7F3882D306475C9A5058C92322EEF43C92B298B6E0FC0D330", true},
		{"HMAC-SHA512", sha512.New, "E0D3C650F8C9D1A5C174D10DDDBFB003E561F59B265616208B0487C5D819481CD3C311D59CF6165ECD1139622D5BA3A256C0D763AC4A9AD9144B5A426B94FE82", true},
	} {
		t.Run(test.method, func(t *testing.T) {
			want, err := hex.DecodeString(test.sig)
			require.NoError(t, err)
			if test.newHash != nil {
				require.Equal(t, want, said.sign(test.newHash, providers.NewSecret(testFieldsSecret)))
			}
			said["sig"] = test.sig
			signature, newHash, err := said.signature()
			if !test.taken {
				require.ErrorIs(t, err, providers.ErrForged)
				return
			}
			require.NoError(t, err)
			require.Equal(t, want, signature)
			require.True(t, hmac.Equal(want, said.sign(newHash, providers.NewSecret(testFieldsSecret))))
			require.False(t, hmac.Equal(want, said.sign(newHash, providers.NewSecret("my_secret_key_for_testinG"))))
		})
	}
}

// Vonage's own example is signed as it should be, but is no receipt's: it has no payload_hash, and another issuer.
// https://github.com/Vonage/vonage-python-sdk/blob/main/jwt/tests/test_verify_jwt.py
func TestToken(t *testing.T) {
	const token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJPbmxpbmUgSldUIEJ1aWxkZXIiLCJpYXQiOjE2OTc2MzQ2ODAsImV4cCI6MzMyNTQ1NDA4MjgsImF1ZCI6IiIsInN1YiI6IiJ9.88vJc3I2HhuqEDixHXVhc9R30tA6U_HQHZTC29y6CGM"
	for _, test := range []struct{ name, secret, token, want string }{
		{"valid", testTokenSecret, token, "not signed by the provider: its token is not for this body"},
		{"another secret", "asdf", token, "not signed by the provider: its token is not valid by SIGNATURE_SECRET"},
		{"malformed", testTokenSecret, "asdf", "not signed by the provider: its token is not valid by SIGNATURE_SECRET"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := receiver(withApplication, withSignature(test.secret))()
			require.NoError(t, err)
			err = r.(*Provider).verifyToken("Bearer "+test.token, nil)
			require.ErrorIs(t, err, providers.ErrForged)
			require.EqualError(t, err, test.want)
		})
	}
}

func TestSetup(t *testing.T) {
	for _, test := range []struct {
		name string
		open func() (providers.Receiver, error)
		want string
	}{
		{"signed", receiver(withKey, withSignature(testFieldsSecret)), ""},
		{"messages signed", receiver(withApplication, withSignature(testTokenSecret)), ""},
		{"unsigned", receiver(withKey), "SIGNATURE_SECRET is not set: set it once Vonage's support has turned on signed webhooks for the SMS API, " +
			"and the dashboard's signature method is SHA-256 HMAC or SHA-512 HMAC"},
		{"messages unsigned", receiver(withApplication), "SIGNATURE_SECRET, the account's signature secret in Vonage's dashboard, is not set"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := test.open()
			require.NoError(t, err)
			require.Equal(t, providers.ReceiptSetup{Unsigned: test.want}, r.Setup())
		})
	}
}

// Vonage says what is wrong with an address by repeating it. Its path must not be seen.
func TestEchoedAddress(t *testing.T) {
	for _, test := range []struct {
		open   providertest.Opener
		answer providertest.Answer
	}{
		{with(withKey), parts(refusedPartOf("23", "Invalid callback "+with().ReceiptAddress()))},
		{with(withApplication), problem("1020", "webhook_url "+url.QueryEscape(with().ReceiptAddress()))},
	} {
		_, err := send(t, test.open.Reporting(), test.answer)
		require.ErrorContains(t, err, "[secret]")
		providertest.AssertClean(t, err.Error(), providertest.ReceiptToken)
	}
}

// FuzzReceipts makes every call of three accounts: with a secret that nobody knows, and of both APIs without one.
func FuzzReceipts(f *testing.F) {
	files, err := filepath.Glob("testdata/receipts/*/*.txt")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(f, err)
		head, body, _ := bytes.Cut(content, []byte("\n\n"))
		query := regexp.MustCompile(`\?(\S*)`).FindSubmatch(head)
		authorization := regexp.MustCompile(`(?m)^Authorization: (.*)$`).FindSubmatch(head)
		f.Add(string(query[1]), string(append([][]byte{nil}, authorization...)[len(authorization)]), body)
	}
	open := func(changes ...func(*Settings)) providers.Receiver {
		r, err := receiver(changes...)()
		require.NoError(f, err)
		return r
	}
	unknown := withSignature(rand.Text())
	signed := []providers.Receiver{open(withKey, unknown), open(withApplication, unknown)}
	unsigned := []providers.Receiver{open(withKey), open(withApplication), open(withWhatsApp)}

	code := regexp.MustCompile(`^((err-)?[0-9]{1,6})?$`)
	f.Fuzz(func(t *testing.T, query, authorization string, body []byte) {
		r := &http.Request{Method: http.MethodPost, URL: &url.URL{RawQuery: query}, Header: http.Header{"Authorization": {authorization}}}
		for _, receiver := range signed {
			receipts, err := receiver.Receipts(r, body)
			require.Error(t, err)
			require.Empty(t, receipts)
		}
		for _, receiver := range unsigned {
			receipts, err := receiver.Receipts(r, body)
			require.False(t, errors.Is(err, providers.ErrUnsigned))
			for _, receipt := range receipts {
				require.NoError(t, err)
				require.Regexp(t, smsID, receipt.ID)
				require.Regexp(t, code, receipt.Code)
				require.True(t, receipt.Code == "" || receipt.State.Failed())
			}
		}
	})
}
