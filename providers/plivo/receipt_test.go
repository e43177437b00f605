package plivo

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

func withToken(token string) (*Provider, error) {
	return New(Settings{AuthToken: providers.NewSecret(token)}, providers.Deps{})
}

// The signatures in testdata were made apart from this package, by Python's hmac.
func TestReceipts(t *testing.T) {
	providertest.Receipts(t, func() (providers.Receiver, error) { return withToken("0123456789abcdef") }, filepath.Join("testdata", "receipts", "signed"))
}

func TestSetup(t *testing.T) {
	p, err := withToken("x")
	require.NoError(t, err)
	require.Equal(t, providers.ReceiptSetup{}, p.Setup())
}

// The first is Plivo's own example, https://github.com/plivo/plivo-go/blob/master/utils_test.go
func TestSignatureV2(t *testing.T) {
	for _, tt := range []struct{ token, url, nonce, signature string }{
		{"my_auth_token", "https://answer.url", "12345", "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc="},
		{"0123456789abcdef", "https://hook.example.com/callbacks/plivo", "05429567804466091622", "u1g4nfPc2qT3PB9gxw0ASY2uTU7R7gjn9m7IUEZKEw4="},
		{"0123456789abcdef", "https://hook.example.com/callbacks/plivo?any=query", "05429567804466091622", "u1g4nfPc2qT3PB9gxw0ASY2uTU7R7gjn9m7IUEZKEw4="},
	} {
		p, err := withToken(tt.token)
		require.NoError(t, err)
		r := called(t, http.MethodPost, tt.url)
		r.Header.Set("X-Plivo-Signature-V2", tt.signature)
		r.Header.Set("X-Plivo-Signature-V2-Nonce", tt.nonce)
		require.True(t, p.signed(r, nil), tt.url)
		r.Header.Set("X-Plivo-Signature-V2-Nonce", tt.nonce+"0")
		require.False(t, p.signed(r, nil), tt.url)
	}
}

func called(t *testing.T, method, address string) *http.Request {
	u, err := url.Parse(address)
	require.NoError(t, err)
	r := httptest.NewRequest(method, "/", nil)
	r.URL = u
	return r
}

// Plivo's own examples, likewise.
func TestSignatureV3(t *testing.T) {
	const id = "3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36"
	form := url.Values{
		"ALegRequestUUID": {id}, "ALegUUID": {id}, "CallUUID": {id}, "RequestUUID": {id}, "BillRate": {"0.002"}, "CallStatus": {"in-progress"},
		"Direction": {"outbound"}, "Event": {"StartApp"}, "From": {"19792014278"}, "ParentAuthID": {"MANWVLYTK4ZWU1YTY4QA"},
		"SIP-H-To": {"<sip:PlivoSignature382029104058171078704104@52.9.11.55;transport=udp>;tag=1"}, "SessionStart": {"2020-04-08 11:34:33.238707"},
		"To": {"sip:PlivoSignature382029104058171078704104@phone-qa.voice.plivodev.com"},
	}
	const base = "https://plivobin.non-prod.plivops.com/api/v1/validate_signature03.xml"
	p, err := withToken("Y2Q2ZDgxZmY5YWRiOTI5YmQ1Njg0MTAxZWIyOTc4")
	require.NoError(t, err)
	for _, tt := range []struct{ method, url, signature string }{
		{"POST", base + "/?a=b&c=d", "k7Pusd4OxCIjR5IfA9iedDNu/h/gbdYqdzG/MiYtd1c="},
		{"GET", base + "/?a=b&c=d", "UBq8jAtd32wR8EK9VgxbBn4n5rpI/l1H9iN4WfSEHFQ="},
		{"POST", base, "iAjE5QqI37mbkYe4w3jTMudqEzbDufdqi7sYwTu64e0="},
		{"GET", base, "i/MQsaQSAd6fiKhOh2qeeeLHZ9faldADSb3/7+Akfbc="},
	} {
		for _, header := range []string{"X-Plivo-Signature-V3", "X-Plivo-Signature-Ma-V3"} {
			r := called(t, tt.method, tt.url)
			r.Header.Set(header, "AAAA, "+tt.signature)
			r.Header.Set("X-Plivo-Signature-V3-Nonce", "31627761595286130198")
			require.True(t, p.signed(r, form), "%s %s", tt.method, tt.url)
			require.False(t, p.signed(r, url.Values{"From": {"1"}}), "%s %s", tt.method, tt.url)
		}
	}
}

// A receipt without a signature is none, whatever else is in the call.
func FuzzReceipts(f *testing.F) {
	f.Add("m=1", "MessageUUID=db342550-7c9d-11e1-8ea7-1231380bc196&Status=delivered", "AAAA,=", "1", true)
	p, err := withToken("0123456789abcdef")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, query, body, signature, nonce string, get bool) {
		r := &http.Request{Method: http.MethodPost, URL: &url.URL{Scheme: "https", Host: "hook.example.com", Path: "/r", RawQuery: query}, Header: http.Header{}}
		if get {
			r.Method = http.MethodGet
		}
		for _, version := range []string{"V2", "Ma-V2", "V3", "Ma-V3"} {
			r.Header.Set("X-Plivo-Signature-"+version, signature)
			r.Header.Set("X-Plivo-Signature-"+version+"-Nonce", nonce)
		}
		if receipts, err := p.Receipts(r, []byte(body)); err == nil {
			t.Fatalf("%v from %q", receipts, body)
		}
	})
}
