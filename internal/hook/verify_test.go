package hook

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// until waits for a time by the bubble's clock, which starts in 2000.
func until(at time.Time) { time.Sleep(time.Until(at)) }

func TestCapturedCallsVerify(t *testing.T) {
	text, list := captures(t)
	first, second, _ := strings.Cut(text, "|")
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(c.at.Add(2 * time.Second))
				require.NoError(t, parsed(t, text).Verify(c.header, c.body))
				require.NoError(t, parsed(t, first).Verify(c.header, c.body))
				err := parsed(t, second).Verify(c.header, c.body)
				if c.name == "otp-two-secrets" {
					require.NoError(t, err)
				} else {
					require.Error(t, err)
				}
				require.Error(t, parsed(t, text).Verify(c.header, append([]byte(" "), c.body...)), "another body")
			})
		})
	}
}

// key makes a secret whose key has n bytes.
func key(letter string, n int) string {
	return "v1,whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(letter, n)))
}

func TestAnyPairOfSecretAndSignatureMatches(t *testing.T) {
	a, b, c := key("a", 24), key("b", 24), key("c", 24)
	body := []byte(`{}`)
	for _, tt := range []struct {
		ours, auths string
		ok          bool
	}{
		{a, a, true}, {a, b, false},
		{a + "|" + b, a, true}, {a + "|" + b, b, true}, {a + "|" + b, c, false},
		{a, a + "|" + b, true}, {b, a + "|" + b, true}, {c, a + "|" + b, false},
		{c + "|" + b, b + "|" + a, true}, {a + "|" + b, b + "|" + a, true}, {a, c + "|" + b + "|" + a, true},
	} {
		header := http.Header{}
		parsed(t, tt.auths).Sign(header, providers.NewUUID(), time.Now(), body)
		if strings.Contains(tt.auths, "|") {
			require.Contains(t, header.Get("webhook-signature"), "=, v1,", "joined as by Auth")
		}
		err := parsed(t, tt.ours).Verify(header, body)
		require.Equal(t, tt.ok, err == nil, "ours %s, Auth's %s: %v", tt.ours, tt.auths, err)
	}
}

func TestVerifyRefuses(t *testing.T) {
	secrets := parsed(t, key("a", 24))
	body := []byte(`{}`)
	signed := func(at time.Time) http.Header {
		header := http.Header{}
		secrets.Sign(header, "an-id", at, body)
		return header
	}
	with := func(name, value string) http.Header {
		header := signed(time.Now())
		header.Set(name, value)
		return header
	}
	good := signed(time.Now()).Get("webhook-signature")
	const (
		missing   = "a webhook-id, webhook-timestamp or webhook-signature header is missing: Auth signs its calls, and smshook sign signs one for a test"
		empty     = "the signature is empty: Auth has no secret for this hook"
		noSeconds = "webhook-timestamp is not a number of seconds"
		off       = "webhook-timestamp is more than five minutes off: an old call, or one of the clocks is wrong"
		noMatch   = "the signature matches none of our secrets"
	)
	for _, tt := range []struct {
		name   string
		header http.Header
		want   string
	}{
		{"no headers", http.Header{}, missing},
		{"no id", with("webhook-id", ""), missing},
		{"no timestamp", with("webhook-timestamp", ""), missing},
		{"empty signature", with("webhook-signature", ""), empty},
		{"text for a time", with("webhook-timestamp", "yesterday"), noSeconds},
		{"a time that is no int64", with("webhook-timestamp", "99999999999999999999"), noSeconds},
		{"the least time", with("webhook-timestamp", "-9223372036854775808"), off},
		{"the greatest time", with("webhook-timestamp", "9223372036854775807"), off},
		{"too old", signed(time.Now().Add(-5*time.Minute - 2*time.Second)), off},
		{"too new", signed(time.Now().Add(5*time.Minute + 2*time.Second)), off},
		{"another id", with("webhook-id", "another"), noMatch},
		{"another version", with("webhook-signature", strings.Replace(good, "v1,", "v1a,", 1)), noMatch},
		{"no version", with("webhook-signature", strings.TrimPrefix(good, "v1,")), noMatch},
		{"cut short", with("webhook-signature", good[:len(good)-2]), noMatch},
		{"only a comma", with("webhook-signature", ","), noMatch},
	} {
		t.Run(tt.name, func(t *testing.T) { require.EqualError(t, secrets.Verify(tt.header, body), tt.want) })
	}
	require.EqualError(t, Secrets(nil).Verify(signed(time.Now()), body), noMatch, "no secret at all")
	require.NoError(t, secrets.Verify(signed(time.Now().Add(-4*time.Minute-55*time.Second)), body))
	require.NoError(t, secrets.Verify(signed(time.Now().Add(4*time.Minute+55*time.Second)), body))
}

func TestSecretsUnmarshalText(t *testing.T) {
	good := key("k", 24)
	for _, text := range []string{good, good + "|" + good, " " + good + " | " + good + "\n", good + "|", key("k", 22), key("k", 64)} {
		require.NoError(t, new(Secrets).UnmarshalText([]byte(text)), text)
	}
	hidden := base64.StdEncoding.EncodeToString([]byte("a-key-nobody-may-see"))
	for _, tt := range []struct{ text, want string }{
		{"", "want v1,whsec_… as in Auth's own setting"},
		{"|", "want v1,whsec_… as in Auth's own setting"},
		{hidden, "secret 1: want v1,whsec_… as in Auth's own setting"},
		{"whsec_" + hidden, "secret 1: want v1,whsec_… as in Auth's own setting"},
		{`"` + good + `"`, "secret 1: want v1,whsec_… as in Auth's own setting"},
		{"v1," + hidden, "secret 1: want v1,whsec_… as in Auth's own setting"},
		{"v1,whsec_", "secret 1: the key has 0 bytes, want 22 to 66"},
		{"v1,whsec_" + hidden, "secret 1: the key has 20 bytes, want 22 to 66"},
		{key("k", 21), "secret 1: the key has 21 bytes, want 22 to 66"},
		{good + "|v1,whsec_!" + hidden, "secret 2: what follows whsec_ is not base64, or is cut off"},
		{key("k", 67), "secret 1: the key has 67 bytes, want 22 to 66"},
		{good[:len(good)-1], "secret 1: what follows whsec_ is not base64, or is cut off"},
		{good[:20] + "\n" + good[20:], "secret 1: what follows whsec_ is not base64, or is cut off"},
		{good + "|v1a,whpk_" + hidden, "secret 2: is asymmetric (v1a), which Auth can't sign with; want v1,whsec_…"},
	} {
		require.EqualError(t, new(Secrets).UnmarshalText([]byte(tt.text)), tt.want, tt.text)
	}
}

func TestSecretsPrintNothing(t *testing.T) {
	secrets := parsed(t, key("k", 24))
	holder := struct{ Secrets Secrets }{secrets}
	for _, printed := range []string{fmt.Sprintf("%v %+v %#v", holder, holder, holder), fmt.Sprint(secrets)} {
		require.NotContains(t, printed, "kkkk")
		require.NotContains(t, printed, "107 107", "the key as bytes")
		require.NotContains(t, printed, "0x6b, 0x6b", "the key as bytes")
	}
}

// FuzzVerify looks for a header that panics, or that passes without a valid signature.
func FuzzVerify(f *testing.F) {
	text, list := captures(f)
	for _, c := range list {
		f.Add(c.header.Get("webhook-id"), c.header.Get("webhook-timestamp"), c.header.Get("webhook-signature"), c.body)
	}
	f.Add("", "", "v1,, v1,", []byte("{}"))
	secrets := parsed(f, strings.Split(text, "|")[0])
	f.Fuzz(func(t *testing.T, id, timestamp, signature string, body []byte) {
		header := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {timestamp}, "Webhook-Signature": {signature}}
		err := secrets.Verify(header, body)
		if err == nil {
			t.Fatalf("verified: %q %q %q", id, timestamp, signature) // the captures have expired
		}
		// With the current time, the signatures are checked.
		header.Set("Webhook-Timestamp", strconv.FormatInt(time.Now().Unix(), 10))
		if now := secrets.Verify(header, body); now == nil {
			t.Fatalf("verified: %q %q", id, signature)
		}
		if len(signature) > 8 && strings.Contains(err.Error(), signature) {
			t.Fatalf("the error quotes the header: %v", err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	secrets := parsed(b, key("a", 24)+"|"+key("b", 24))
	body := bytes.Repeat([]byte("x"), 1024)
	header := http.Header{}
	secrets[1:].Sign(header, providers.NewUUID(), time.Now(), body)
	for b.Loop() {
		if err := secrets.Verify(header, body); err != nil {
			b.Fatal(err)
		}
	}
}
