package whatsapp

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

const (
	testAppSecret   = "test_app_secret"
	testVerifyToken = "chosen-by-us"
)

func withSecret(s *Settings) {
	s.AppSecret, s.VerifyToken = providers.NewSecret(testAppSecret), providers.NewSecret(testVerifyToken)
}

func receiver(change func(*Settings)) func() (providers.Receiver, error) {
	return with(change).Receiver
}

// The signatures in testdata were made apart from this package, by Python's hmac.
func TestReceipts(t *testing.T) {
	for dir, change := range map[string]func(*Settings){"signed": withSecret, "unsigned": asIs} {
		t.Run(dir, func(t *testing.T) {
			providertest.Receipts(t, receiver(change), filepath.Join("testdata", "receipts", dir))
		})
	}
}

// GitHub signs by the same scheme, and has an example, which Meta hasn't.
// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
func TestSignature(t *testing.T) {
	const signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	secret := providers.NewSecret("It's a Secret to Everybody")
	require.True(t, signed(signature, []byte("Hello, World!"), secret))
	require.False(t, signed(signature, []byte("Hello, World"), secret))
	require.False(t, signed(signature, []byte("Hello, World!"), providers.NewSecret("It's a Secret to Nobody")))
}

func TestChallenge(t *testing.T) {
	const asked = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=" + testVerifyToken
	for _, test := range []struct {
		name   string
		change func(*Settings)
		query  string
		want   string // empty if it is refused
	}{
		{"Meta's", withSecret, asked, "1158201444"},
		{"without APP_SECRET", func(s *Settings) { s.VerifyToken = providers.NewSecret(testVerifyToken) }, asked, "1158201444"},
		{"the longest", withSecret, strings.Replace(asked, "1158201444", strings.Repeat("a", 64), 1), strings.Repeat("a", 64)},

		{"another token", withSecret, asked + "x", ""},
		{"a part of the token", withSecret, asked[:len(asked)-1], ""},
		{"no token", withSecret, "hub.mode=subscribe&hub.challenge=1158201444", ""},
		{"no token here", asIs, asked, ""},
		{"no token here nor there", asIs, "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=", ""},
		{"another mode", withSecret, strings.Replace(asked, "subscribe", "unsubscribe", 1), ""},
		{"no mode", withSecret, strings.Replace(asked, "hub.mode=subscribe&", "", 1), ""},
		{"no challenge", withSecret, strings.Replace(asked, "1158201444", "", 1), ""},
		{"markup", withSecret, strings.Replace(asked, "1158201444", url.QueryEscape("<script>"), 1), ""},
		{"a line break", withSecret, asked[:len("hub.mode=subscribe&hub.challenge=1158201444")] + "%0A" + asked[len("hub.mode=subscribe&hub.challenge=1158201444"):], ""},
		{"too long", withSecret, strings.Replace(asked, "1158201444", strings.Repeat("a", 65), 1), ""},
		{"nothing", withSecret, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := receiver(test.change)()
			require.NoError(t, err)
			query, err := url.ParseQuery(test.query)
			require.NoError(t, err)
			answer, err := r.(providers.Challenger).Challenge(query)
			require.Equal(t, test.want, answer)
			if test.want == "" {
				require.ErrorIs(t, err, providers.ErrForged)
				return
			}
			require.NoError(t, err)
		})
	}
}

func TestSetup(t *testing.T) {
	r, err := receiver(withSecret)()
	require.NoError(t, err)
	require.Equal(t, providers.ReceiptSetup{
		Enter: "in Meta's App Dashboard, under WhatsApp, Configuration: as callback URL, with VERIFY_TOKEN as verify token; " +
			"then subscribe to the field messages",
	}, r.Setup())

	r, err = receiver(asIs)()
	require.NoError(t, err)
	require.Equal(t, providers.ReceiptSetup{
		Enter: "in Meta's App Dashboard, under WhatsApp, Configuration: as callback URL, with VERIFY_TOKEN as verify token; " +
			"then subscribe to the field messages (VERIFY_TOKEN is not set yet: without it, Meta's check of the address fails)",
		Unsigned: "APP_SECRET, the app's secret in Meta's App Dashboard, is not set",
	}, r.Setup())
}

// FuzzReceipts makes every call of two senders: with an app secret that nobody knows, and without one.
func FuzzReceipts(f *testing.F) {
	files, err := filepath.Glob("testdata/receipts/*/*.txt")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(f, err)
		head, body, _ := bytes.Cut(content, []byte("\n\n"))
		_, signature, _ := bytes.Cut(head, []byte("X-Hub-Signature-256: "))
		f.Add(string(signature), body)
	}
	closed, err := receiver(func(s *Settings) { s.AppSecret = providers.NewSecret(rand.Text()) })()
	require.NoError(f, err)
	open, err := receiver(asIs)()
	require.NoError(f, err)
	name, code := regexp.MustCompile(`^wamid-sha256:[0-9a-f]{32}$`), regexp.MustCompile(`^[0-9]{0,6}$`)
	f.Fuzz(func(t *testing.T, signature string, body []byte) {
		r := &http.Request{Method: http.MethodPost, URL: &url.URL{}, Header: http.Header{"X-Hub-Signature-256": {signature}}}
		receipts, err := closed.Receipts(r, body)
		require.Equal(t, providers.ErrForged, err)
		require.Empty(t, receipts)

		receipts, err = open.Receipts(r, body)
		for i, receipt := range receipts {
			require.NoError(t, err)
			require.Regexp(t, name, receipt.ID)
			require.Regexp(t, code, receipt.Code)
			require.False(t, i > 0 && receipt.At.Before(receipts[i-1].At), "oldest first")
		}
	})
}

// FuzzChallenge: what is sent back is letters and digits, and asked for by our token.
func FuzzChallenge(f *testing.F) {
	f.Add("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=" + testVerifyToken)
	f.Add("hub.mode=subscribe&hub.challenge=<script>&hub.verify_token=" + testVerifyToken)
	r, err := receiver(withSecret)()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string) {
		query, _ := url.ParseQuery(text)
		answer, err := r.(providers.Challenger).Challenge(query)
		if err != nil {
			require.Equal(t, providers.ErrForged, err)
			require.Empty(t, answer)
			return
		}
		require.Equal(t, testVerifyToken, query.Get("hub.verify_token"))
		require.Regexp(t, `^[0-9A-Za-z]{1,64}$`, answer)
	})
}
