package auth0

import (
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shown is a call with its secrets in the open, to compare.
type shown struct {
	Phone, Text, Code string
	Voice             bool
	Locale, User      string
	IP                string
	Proven            bool
}

func show(c Call) shown {
	ip := ""
	if c.IP != (netip.Addr{}) {
		ip = c.IP.String()
	}
	return shown{c.Phone.Reveal(), c.Text.Reveal(), c.Code.Reveal(), c.Voice, c.Locale, c.User, ip, c.Proven}
}

// The cases are bodies and what they mean, or the error.
func TestDecode(t *testing.T) {
	text, err := os.ReadFile("testdata/calls.json")
	require.NoError(t, err)
	var cases []struct {
		Name  string
		Body  json.RawMessage
		Call  *shown
		Error string
	}
	require.NoError(t, json.Unmarshal(text, &cases))
	require.NotEmpty(t, cases)
	for _, tt := range cases {
		t.Run(tt.Name, func(t *testing.T) {
			got, err := Decode(tt.Body)
			if tt.Error != "" {
				require.EqualError(t, err, tt.Error)
				require.Zero(t, got)
				return
			}
			require.NoError(t, err)
			require.Equal(t, *tt.Call, show(got))
		})
	}
	_, err = Decode([]byte(`{"notification":`))
	require.EqualError(t, err, "the body is not JSON")
	long := func(text, code, user string) string {
		return `{"notification":{"recipient":"+447700900123","as_text":"` + text + `","code":"` + code + `"},"user":{"user_id":"` + user + `"}}`
	}
	_, err = Decode([]byte(long(strings.Repeat("ä", maxText), strings.Repeat("1", maxCode), strings.Repeat("u", maxUser))))
	require.NoError(t, err)
	for body, want := range map[string]string{
		long(strings.Repeat("ä", maxText+1), "1", "u"): "notification.as_text is longer than 1600 characters",
		long("t", strings.Repeat("1", maxCode+1), "u"): "notification.code is longer than 64 characters",
		long("t", "1", strings.Repeat("u", maxUser+1)): "user_id is longer than 256 characters",
	} {
		_, err = Decode([]byte(body))
		require.EqualError(t, err, want)
	}
}

func TestID(t *testing.T) {
	require.Regexp(t, "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", ID("msg_1"))
	require.Equal(t, ID("msg_1"), ID("msg_1"))
	require.NotEqual(t, ID("msg_1"), ID("msg_2"))
}

func FuzzDecode(f *testing.F) {
	text, err := os.ReadFile("testdata/calls.json")
	require.NoError(f, err)
	var cases []struct{ Body json.RawMessage }
	require.NoError(f, json.Unmarshal(text, &cases))
	for _, c := range cases {
		f.Add([]byte(c.Body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := Decode(body)
		if err != nil {
			require.Zero(t, c)
			return
		}
		require.False(t, c.Phone.Empty() || c.Text.Empty())
	})
}
