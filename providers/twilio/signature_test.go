package twilio

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// The values are those of Twilio's own client:
// https://github.com/twilio/twilio-go/blob/main/client/request_validator_test.go
func TestSignedBy(t *testing.T) {
	const (
		sum     = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
		address = "https://mycompany.com/myapp.php?foo=1&bar=2"
		object  = `{"property": "value", "boolean": true}`
		simple  = "property=value&boolean=true"
	)
	form := url.Values{
		"CallSid":               {"CA1234567890ABCDE"},
		"Caller":                {"+14158675309"},
		"Digits":                {"1234"},
		"From":                  {"+14158675309"},
		"Reason":                {"Participant"},
		"ReasonConferenceEnded": {"test"},
		"To":                    {"+18005551212"},
	}.Encode()
	for _, test := range []struct {
		name      string
		address   string
		body      string
		signature string
		want      bool
	}{
		{"form", address, form, "vOEb5UThFn24KEfnOFLQY2AE5FY=", true},
		{"port", "https://mycompany.com:1234/myapp.php?foo=1&bar=2", form, "vOEb5UThFn24KEfnOFLQY2AE5FY=", true},
		{"http", "http://mycompany.com/myapp.php?foo=1&bar=2", form, "n2xBNyzSW7rfYStDtOFiFMv7qNo=", true},
		{"names sorted with their values", address, form, "95+Bu0JVPi0r/SsESZCVf0dWAjw=", false},
		{"another form", address, simple, "NBdBDr/T/lgjI+tlgpXjKZQZs/k=", true},
		{"JSON", address + "&bodySHA256=" + sum, object, "a9nBmqA0ju/hNViExpshrM61xv4=", true},
		{"JSON and no query", "https://mycompany.com/myapp.php?bodySHA256=" + sum, object, "y77kIzt2vzLz71DgmJGsen2scGs=", true},

		{"of http", address, form, "n2xBNyzSW7rfYStDtOFiFMv7qNo=", false},
		{"of another form", address, form, "NBdBDr/T/lgjI+tlgpXjKZQZs/k=", false},
		{"form, its address", address + "&baz=3", form, "vOEb5UThFn24KEfnOFLQY2AE5FY=", false},
		{"form, its fields", address, form + "&Z=", "vOEb5UThFn24KEfnOFLQY2AE5FY=", false},
		{"JSON, its sum", address + "&bodySHA256=" + sum[1:] + "0", object, "a9nBmqA0ju/hNViExpshrM61xv4=", false},
		{"JSON, its body", address + "&bodySHA256=" + sum, object[:len(object)-1] + " }", "a9nBmqA0ju/hNViExpshrM61xv4=", false},
		{"JSON without a sum", address, object, "a9nBmqA0ju/hNViExpshrM61xv4=", false},
		{"none", address, form, "", false},
		{"cut short", address, form, "vOEb5UThFn24KEfnOFLQY2AE5FY", false},
	} {
		u, err := url.Parse(test.address)
		require.NoError(t, err)
		r, err := readReport(u, []byte(test.body))
		require.NoError(t, err)
		require.Equal(t, test.want, r.signedBy(providers.NewSecret("12345"), test.signature), test.name)
		require.False(t, r.signedBy(providers.NewSecret("12346"), test.signature), test.name)
	}
}

func TestAddresses(t *testing.T) {
	for address, other := range map[string]string{
		"https://hook.example.com/a?b=c":      "https://hook.example.com:443/a?b=c",
		"http://hook.example.com/a?b=c":       "http://hook.example.com:80/a?b=c",
		"https://hook.example.com:443/a?b=c":  "https://hook.example.com/a?b=c",
		"https://hook.example.com:8443/a?b=c": "https://hook.example.com/a?b=c",
		"https://[2001:db8::1]/a?b=c":         "https://[2001:db8::1]:443/a?b=c",
		"https://[2001:db8::1]:8443/a?b=c":    "https://[2001:db8::1]/a?b=c",
		"https://hook.example.com/a%2Fb?c=%7": "https://hook.example.com:443/a%2Fb?c=%7", // nothing is written anew
	} {
		u, err := url.Parse(address)
		require.NoError(t, err)
		require.Equal(t, []string{address, other}, addresses(u))
	}
}
