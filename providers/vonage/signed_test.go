package vonage

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

const testReport = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"

// signFields adds the time and the signature to a form.
// https://developer.vonage.com/en/getting-started/concepts/signing-messages
func signFields(_ *http.Request, body []byte) []byte {
	fields, _ := url.ParseQuery(string(body))
	fields.Set("timestamp", fmt.Sprint(time.Now().Unix()))
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	sort.Strings(names)
	text := ""
	for _, name := range names {
		text += "&" + name + "=" + strings.NewReplacer("&", "_", "=", "_").Replace(fields.Get(name))
	}
	mac := hmac.New(sha256.New, []byte(testFieldsSecret))
	mac.Write([]byte(text))
	fields.Set("sig", hex.EncodeToString(mac.Sum(nil)))
	return []byte(fields.Encode())
}

// signToken adds a token with the sum of the body. https://developer.vonage.com/en/messages/concepts/signed-webhooks
func signToken(r *http.Request, body []byte) []byte {
	sum := sha256.Sum256(body)
	encode := base64.RawURLEncoding.EncodeToString
	claims := fmt.Sprintf(`{"iat":%d,"iss":"Vonage","jti":"1","payload_hash":"%x"}`, time.Now().Unix(), sum)
	text := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(claims))
	mac := hmac.New(sha256.New, []byte(testTokenSecret))
	mac.Write([]byte(text))
	r.Header.Set("Authorization", "Bearer "+text+"."+encode(mac.Sum(nil)))
	return body
}

func TestSignedReceipts(t *testing.T) {
	t.Run("SMS API", func(t *testing.T) {
		providertest.RunSigned(t, providertest.Signed{
			Opener: with(withKey, withSignature(testFieldsSecret)),
			Body:   "messageId=" + testReport + "&status=failed&err-code=3&msisdn=447700900123",
			Sign:   signFields,
			Want:   []providers.Receipt{{ID: testReport, State: providers.StateUndelivered, Kind: providers.Recipient, Code: "err-3"}},
			Lasts:  smsRepeats + providers.ClockError,
		})
	})
	t.Run("Messages API", func(t *testing.T) {
		providertest.RunSigned(t, providertest.Signed{
			Opener: with(withApplication, withSignature(testTokenSecret)),
			Body:   `{"message_uuid":"` + testReport + `","status":"rejected","to":"447700900123","channel":"sms","error":{"title":"1240","detail":"blocked"}}`,
			Sign:   signToken,
			Want:   []providers.Receipt{{ID: testReport, State: providers.StateUndelivered, Kind: providers.Recipient, Code: "1240"}},
			Lasts:  messagesRepeats + providers.ClockError,
		})
	})
}
