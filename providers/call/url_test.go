package call_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers/call"
)

func TestBaseURL(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"https://api.example.com", "https://api.example.com"},
		{"https://api.example.com/", "https://api.example.com"},
		{"https://api.example.com/v1/", "https://api.example.com/v1"},
		{"https://api.example.com:8443/v1", "https://api.example.com:8443/v1"},
		{"https://192.0.2.1", "https://192.0.2.1"},
		{"https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"},
		{"HTTPS://API.example.com", "HTTPS://API.example.com"},
		{"http://localhost", "http://localhost"},
		{"http://localhost:8080/", "http://localhost:8080"},
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"http://127.1.2.3", "http://127.1.2.3"},
		{"http://[::1]:8080", "http://[::1]:8080"},
	} {
		var base call.BaseURL
		require.NoError(t, base.UnmarshalText([]byte(test.text)), test.text)
		require.Equal(t, call.BaseURL(test.want), base)
	}
}

func TestBaseURLRefused(t *testing.T) {
	for _, text := range []string{
		"",
		"api.example.com",
		"api.example.com:443",
		"//api.example.com",
		"https:",
		"https://",
		"https:///v1",
		"https:api.example.com",
		"ftp://api.example.com",
		"file:///etc/passwd",
		"javascript:alert(1)",

		"http://api.example.com",
		"http://localhost.example.com",
		"http://localhost@api.example.com",
		"http://127.0.0.1.example.com",
		"http://0.0.0.0",
		"http://[::]",
		"http://10.0.0.1",
		"http://192.0.2.1",
		"http://2130706433", // 127.0.0.1 to some, a name to others

		"https://user@api.example.com",
		"https://user:hunter2@api.example.com",
		"https://:hunter2@api.example.com",
		"https://api.example.com?key=hunter2",
		"https://api.example.com/?",
		"https://api.example.com#hunter2",
		"https://api.example.com/#",

		" https://api.example.com",
		"https://api.example.com ",
		"https://api.example.com\n",
		"https://api.example .com",
		"https://api.example.com:port",
		"https://:443",
		"https://api.example.com/%zz",
		"https://[::1",
	} {
		t.Run(text, func(t *testing.T) {
			base := call.BaseURL("https://old.example")
			// The text is all of it: a credential in the address isn't quoted.
			require.EqualError(t, base.UnmarshalText([]byte(text)),
				"want an address such as https://api.example.com, or http:// for this machine only")
			require.Equal(t, call.BaseURL("https://old.example"), base, "it is left alone")
		})
	}
}
