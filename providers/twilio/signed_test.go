package twilio

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"sort"
	"testing"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

const signedForm = "AccountSid=" + testAccount + "&MessageSid=" + testMessage + "&MessageStatus=undelivered&ErrorCode=30003&To=%2B447700900123"

// signForm signs as https://www.twilio.com/docs/usage/webhooks/webhooks-security says: HMAC-SHA1 of the address and the sorted fields.
func signForm(r *http.Request, body []byte) []byte {
	fields, _ := url.ParseQuery(string(body))
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	sort.Strings(names)
	text := r.URL.String()
	for _, name := range names {
		text += name + fields.Get(name)
	}
	mac := hmac.New(sha1.New, []byte(testToken))
	mac.Write([]byte(text))
	r.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return body
}

// signJSON adds the sum of the body to the address, and signs the address alone.
func signJSON(r *http.Request, body []byte) []byte {
	sum := sha256.Sum256(body)
	r.URL.RawQuery += "&bodySHA256=" + hex.EncodeToString(sum[:])
	mac := hmac.New(sha1.New, []byte(testToken))
	mac.Write([]byte(r.URL.String()))
	r.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return body
}

func TestSignedReceipts(t *testing.T) {
	want := []providers.Receipt{{ID: testMessage, State: providers.StateUndelivered, Kind: providers.Temporary, Code: "30003"}}
	t.Run("form", func(t *testing.T) {
		providertest.RunSigned(t, providertest.Signed{Opener: opener, Body: signedForm, Sign: signForm, Want: want, CoversAddress: true})
	})
	t.Run("JSON", func(t *testing.T) {
		const body = `{"AccountSid":"` + testAccount + `","MessageSid":"` + testMessage + `","MessageStatus":"undelivered","ErrorCode":30003}`
		providertest.RunSigned(t, providertest.Signed{
			Opener: opener, Body: body, Sign: signJSON, Want: want, CoversAddress: true,
		})
	})
}
