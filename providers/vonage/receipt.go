package vonage

import (
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/smshook/smshook/providers"
)

// How long Vonage repeats a receipt that isn't answered by a success. Whether it signs a repeat anew isn't published, so a
// signature holds as long as a repeat may be under way. No nonce is remembered: what comes again says of a message only what
// Vonage has said of it, and Vonage's own repeat must get the same answer as the call before.
// https://api.support.vonage.com/hc/en-us/articles/226572227 for the SMS API,
// https://api.support.vonage.com/hc/en-us/articles/360028543292 for the Messages API.
const (
	smsRepeats      = 72 * time.Hour
	messagesRepeats = 24 * time.Hour

	clockError = 5 * time.Minute // how far Vonage's clock may be from ours
)

// Receipts reads a receipt in the form of the API that sends.
func (p *Provider) Receipts(r *http.Request, body []byte) ([]providers.Receipt, error) {
	if p.settings.API == apiSMS {
		return p.smsReceipt(r, body)
	}
	return p.messageReceipt(r, body)
}

// Setup is about the signature alone: each message tells the address.
// https://developer.vonage.com/en/getting-started/concepts/signing-messages,
// https://developer.vonage.com/en/messages/concepts/signed-webhooks.
func (p *Provider) Setup() providers.ReceiptSetup {
	switch {
	case !p.settings.SignatureSecret.Empty():
		return providers.ReceiptSetup{}
	case p.settings.API == apiSMS:
		return providers.ReceiptSetup{Unsigned: "SIGNATURE_SECRET is not set: set it once Vonage's support has turned on signed webhooks " +
			"for the SMS API, and the dashboard's signature method is SHA-256 HMAC or SHA-512 HMAC"}
	default:
		return providers.ReceiptSetup{Unsigned: "SIGNATURE_SECRET, the account's signature secret in Vonage's dashboard, is not set"}
	}
}

// forged is an [providers.ErrForged] that says more to the operator, whose own settings may be what is wrong.
func forged(why string) error { return fmt.Errorf("%w: %s", providers.ErrForged, why) }

// checkTime judges when a receipt was signed.
func checkTime(signed time.Time, repeats time.Duration) error {
	age := time.Since(signed)
	if age < -clockError || age > repeats+clockError {
		return forged("its time is too far from ours")
	}
	return nil
}

// rejected is the status, in both APIs, of a message that Vonage or the network has refused to carry.
const rejected = "rejected"

// codeShape is that of the codes in receipts. Nothing else is passed on as one: codes are logged.
var codeShape = regexp.MustCompile(`^[0-9]{1,6}$`)
