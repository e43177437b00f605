package twilio

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

func receiver(change func(*Settings)) func() (providers.Receiver, error) {
	return func() (providers.Receiver, error) {
		p, err := with(change)("https://api.twilio.com", providers.Deps{})
		if err != nil {
			return nil, err
		}
		return p.(providers.Receiver), nil
	}
}

func keyAlone(s *Settings) {
	s.AuthToken, s.APIKey, s.APISecret = providers.Secret{}, "SK0123456789abcdef0123456789abcdef", providers.NewSecret("secret")
}

// The signatures in testdata were made apart from this package, by Python's hmac.
func TestReceipts(t *testing.T) {
	for dir, change := range map[string]func(*Settings){
		"signed": func(s *Settings) { // an API key sends; the tokens prove
			keyAlone(s)
			s.AuthToken, s.SecondaryAuthToken = providers.NewSecret(testToken), providers.NewSecret("secondary-token")
		},
		"unsigned": keyAlone,
		"vector": func(s *Settings) {
			s.AccountSID, s.AuthToken = "AC00000000000000000000000000000000", providers.NewSecret("0123456789abcdef0123456789abcdef")
		},
	} {
		t.Run(dir, func(t *testing.T) {
			providertest.Receipts(t, receiver(change), filepath.Join("testdata", "receipts", dir))
		})
	}
}

func TestSetup(t *testing.T) {
	for want, change := range map[string]func(*Settings){
		"": asIs,
		"AUTH_TOKEN is not set, and an API key can't check Twilio's signature": keyAlone,
	} {
		r, err := receiver(change)()
		require.NoError(t, err)
		require.Equal(t, providers.ReceiptSetup{Unsigned: want}, r.Setup())
	}
}

// Twilio's own examples. https://github.com/twilio/twilio-go/blob/main/client/request_validator_test.go
func TestSignature(t *testing.T) {
	const call = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&Reason=Participant&" +
		"ReasonConferenceEnded=test&To=%2B18005551212"
	const sum = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
	const text = `{"property": "value", "boolean": true}`
	for _, tt := range []struct {
		url, body, signature string
		want                 bool
	}{
		{"https://mycompany.com/myapp.php?foo=1&bar=2", call, "vOEb5UThFn24KEfnOFLQY2AE5FY=", true},
		{"https://mycompany.com:1234/myapp.php?foo=1&bar=2", call, "vOEb5UThFn24KEfnOFLQY2AE5FY=", true},
		{"http://mycompany.com/myapp.php?foo=1&bar=2", call, "n2xBNyzSW7rfYStDtOFiFMv7qNo=", true},
		{"https://mycompany.com/myapp.php?foo=1&bar=2", call, "95+Bu0JVPi0r/SsESZCVf0dWAjw=", false},
		{"https://mycompany.com/myapp.php?foo=1&bar=2", "property=value&boolean=true", "NBdBDr/T/lgjI+tlgpXjKZQZs/k=", true},
		{"https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256=" + sum, text, "a9nBmqA0ju/hNViExpshrM61xv4=", true},
		{"https://mycompany.com/myapp.php?bodySHA256=" + sum, text, "y77kIzt2vzLz71DgmJGsen2scGs=", true},
		{"https://mycompany.com/myapp.php?bodySHA256=" + sum, text + " ", "y77kIzt2vzLz71DgmJGsen2scGs=", false},
	} {
		p, err := New(Settings{AuthToken: providers.NewSecret("12345")}, providers.Deps{})
		require.NoError(t, err)
		r := httptest.NewRequest(http.MethodPost, tt.url, nil)
		r.Header.Set("X-Twilio-Signature", tt.signature)
		form, _ := url.ParseQuery(tt.body)
		require.Equal(t, tt.want, p.signed(r, form, []byte(tt.body)), "%s %s", tt.url, tt.body)
	}
}

// A receipt without a signature is none, whatever else is in the call.
func FuzzReceipts(f *testing.F) {
	f.Add("m=1", "MessageSid=SM00000000000000000000000000000001&MessageStatus=delivered", "C6nTfkhaBgvag4DIvbP9xfWwIVg=")
	f.Add("bodySHA256=00", "{}", "")
	signed, err := receiver(asIs)()
	require.NoError(f, err)
	unsigned, err := receiver(keyAlone)()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, query, body, signature string) {
		r := &http.Request{Method: http.MethodPost, URL: &url.URL{Scheme: "https", Host: "hook.example.com", Path: "/r", RawQuery: query}, Header: http.Header{}}
		r.Header.Set("X-Twilio-Signature", signature)
		if receipts, err := signed.Receipts(r, []byte(body)); err == nil {
			t.Fatalf("%v from %q", receipts, body)
		}
		receipts, err := unsigned.Receipts(r, []byte(body))
		for _, receipt := range receipts {
			if err != nil || !messageSID.MatchString(receipt.ID) || receipt.Code != "" && !errorCode.MatchString(receipt.Code) {
				t.Fatalf("%v, %v from %q", receipt, err, body)
			}
		}
		if err != nil && strings.TrimSpace(body) != "" && strings.Contains(err.Error(), body) {
			t.Fatalf("%v quotes %q", err, body)
		}
	})
}
