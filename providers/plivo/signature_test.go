package plivo

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// The values are those of Plivo's own client: https://github.com/plivo/plivo-go/blob/master/utils_test.go
func TestSignatureV2(t *testing.T) {
	const signature = "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc="
	for _, test := range []struct {
		address, nonce, token string
		want                  bool
	}{
		{"https://answer.url", "12345", "my_auth_token", true},
		{"https://answer.url?m=1", "12345", "my_auth_token", true},
		{"https://answer.url/", "12345", "my_auth_token", false},
		{"http://answer.url", "12345", "my_auth_token", false},
		{"https://answer.url:443", "12345", "my_auth_token", false},
		{"https://answer.url", "12346", "my_auth_token", false},
		{"https://answer.url", "12345", "my_auth_tokens", false},
	} {
		u, err := url.Parse(test.address)
		require.NoError(t, err)
		r := &http.Request{Method: http.MethodPost, URL: u, Header: http.Header{}}
		r.Header.Set("X-Plivo-Signature-V2", signature)
		r.Header.Set("X-Plivo-Signature-V2-Nonce", test.nonce)
		require.Equal(t, test.want, signed(r, nil, providers.NewSecret(test.token)), test)
	}
}

// Likewise.
func TestSignatureV3(t *testing.T) {
	const (
		base  = "https://plivobin.non-prod.plivops.com/api/v1/validate_signature03.xml"
		token = "Y2Q2ZDgxZmY5YWRiOTI5YmQ1Njg0MTAxZWIyOTc4"
	)
	fields := url.Values{
		"ALegRequestUUID": {"3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36"},
		"ALegUUID":        {"3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36"},
		"BillRate":        {"0.002"},
		"CallStatus":      {"in-progress"},
		"CallUUID":        {"3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36"},
		"Direction":       {"outbound"},
		"Event":           {"StartApp"},
		"From":            {"19792014278"},
		"ParentAuthID":    {"MANWVLYTK4ZWU1YTY4QA"},
		"RequestUUID":     {"3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36"},
		"SIP-H-To":        {"<sip:PlivoSignature382029104058171078704104@52.9.11.55;transport=udp>;tag=1"},
		"SessionStart":    {"2020-04-08 11:34:33.238707"},
		"To":              {"sip:PlivoSignature382029104058171078704104@phone-qa.voice.plivodev.com"},
	}
	signatures := map[[2]string]string{
		{"POST", base + "/?a=b&c=d"}: "k7Pusd4OxCIjR5IfA9iedDNu/h/gbdYqdzG/MiYtd1c=",
		{"GET", base + "/?a=b&c=d"}:  "UBq8jAtd32wR8EK9VgxbBn4n5rpI/l1H9iN4WfSEHFQ=",
		{"POST", base}:               "iAjE5QqI37mbkYe4w3jTMudqEzbDufdqi7sYwTu64e0=",
		{"GET", base}:                "i/MQsaQSAd6fiKhOh2qeeeLHZ9faldADSb3/7+Akfbc=",
	}
	for called := range signatures {
		for of, signature := range signatures {
			u, err := url.Parse(called[1])
			require.NoError(t, err)
			r := &http.Request{Method: called[0], URL: u, Header: http.Header{}}
			r.Header.Set("X-Plivo-Signature-V3", signature)
			r.Header.Set("X-Plivo-Signature-V3-Nonce", "31627761595286130198")
			require.Equal(t, called == of, signed(r, fields, providers.NewSecret(token)), "%v with the signature of %v", called, of)
			require.False(t, signed(r, fields, providers.NewSecret(token+"0")))
		}
	}
}

func TestCovered(t *testing.T) {
	fields := url.Values{"b": {"2", "9"}, "a": {"1 é"}}
	for _, test := range []struct {
		method, address string
		fields          url.Values
		want            string
	}{
		{"POST", "https://h/p", nil, "https://h/p"},
		{"POST", "https://h:8443/p%2Fq", fields, "https://h:8443/p%2Fq?a1 éb2"},
		{"POST", "https://h/p?z=3&y=4&z=5", fields, "https://h/p?y=4&z=3.a1 éb2"},
		{"POST", "https://h/p?z=3", nil, "https://h/p?z=3"},
		{"GET", "https://h/p", nil, "https://h/p"},
		{"GET", "https://h/p", fields, "https://h/p?a=1 é&b=2"},
		{"GET", "https://h/p?z=3&a=0", fields, "https://h/p?a=1 é&b=2&z=3"},
	} {
		u, err := url.Parse(test.address)
		require.NoError(t, err)
		require.Equal(t, test.want, covered(test.method, u, test.fields))
	}
}
