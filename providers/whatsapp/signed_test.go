package whatsapp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

// signBody signs the bytes of the body.
// https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads
func signBody(r *http.Request, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(testAppSecret))
	mac.Write(body)
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	return body
}

func TestSignedReceipts(t *testing.T) {
	providertest.RunSigned(t, providertest.Signed{
		Opener: with(withSecret),
		Body: `{"object":"whatsapp_business_account","entry":[{"changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"` +
			testSender + `"},"statuses":[{"id":"` + testMessage + `","status":"failed","timestamp":"1777896000","errors":[{"code":131026,"title":"Undeliverable"}]}]}}]}]}`,
		Sign: signBody,
		Want: []providers.Receipt{{
			ID: testName, State: providers.StateUndelivered, Kind: providers.Channel, Code: "131026", At: time.Unix(1777896000, 0),
		}},
	})
}
