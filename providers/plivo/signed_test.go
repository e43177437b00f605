package plivo

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"sort"
	"testing"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

func hmacBase64(text string) string {
	mac := hmac.New(sha256.New, []byte(testToken))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signV2 signs the address without its query, and the nonce.
// https://www.plivo.com/docs/messaging/concepts/signature-validation
func signV2(r *http.Request, body []byte) []byte {
	r.Header.Set("X-Plivo-Signature-V2", hmacBase64(r.URL.Scheme+"://"+r.URL.Host+r.URL.Path+testNonce))
	r.Header.Set("X-Plivo-Signature-V2-Nonce", testNonce)
	return body
}

// signV3 signs the address with its query, the sorted fields and the nonce.
// https://github.com/plivo/plivo-go/blob/master/utils.go
func signV3(r *http.Request, body []byte) []byte {
	fields, _ := url.ParseQuery(string(body))
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	sort.Strings(names)
	text := r.URL.String() + "."
	for _, name := range names {
		text += name + fields.Get(name)
	}
	r.Header.Set("X-Plivo-Signature-V3", hmacBase64(text+"."+testNonce))
	r.Header.Set("X-Plivo-Signature-V3-Nonce", testNonce)
	return body
}

func TestSignedReceipts(t *testing.T) {
	receipt := providertest.Signed{
		Opener: opener,
		Body:   "MessageUUID=" + testMessage + "&Status=undelivered&ErrorCode=80&To=447700900123&QueuedTime=2026-05-04+11%3A59%3A58",
		Want:   []providers.Receipt{{ID: testMessage, State: providers.StateUndelivered, Kind: providers.Temporary, Code: "80"}},
	}
	t.Run("version 2", func(t *testing.T) {
		receipt.Sign, receipt.CoversNoBody = signV2, true
		providertest.RunSigned(t, receipt)
	})
	t.Run("version 3", func(t *testing.T) {
		receipt.Sign, receipt.CoversNoBody, receipt.CoversAddress = signV3, false, true
		providertest.RunSigned(t, receipt)
	})
}
