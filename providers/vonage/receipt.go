package vonage

import (
	"fmt"
	"net/http"
	"time"

	"github.com/smshook/smshook/providers"
)

// How long Vonage repeats a receipt that isn't answered by a success. It is not documented whether a repeat gets a new signature, and
// therefore a signature is accepted for as long. Nonces are not stored: a repeated receipt only says what is already known, and Vonage's
// own repeat must get the same answer.
// https://api.support.vonage.com/hc/en-us/articles/226572227 for the SMS API,
// https://api.support.vonage.com/hc/en-us/articles/360028543292 for the Messages API.
const (
	smsRepeats      = 72 * time.Hour
	messagesRepeats = 24 * time.Hour
)

// Receipts reads a receipt in the form of the API that sends.
func (p *Provider) Receipts(r *http.Request, body []byte) ([]providers.Receipt, error) {
	switch p.settings.API {
	case apiVoice:
		return p.callReceipt(r, body)
	case apiSMS:
		return p.smsReceipt(r, body)
	}
	return p.messageReceipt(r, body)
}

// Setup is about the signature only, because each message carries the address.
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

// forged returns a [providers.ErrForged] with a reason for the operator, because a setting may be wrong.
func forged(why string) error { return fmt.Errorf("%w: %s", providers.ErrForged, why) }

// checkTime returns an error if a receipt was signed too long ago, or in the future.
func checkTime(signed time.Time, repeats time.Duration) error {
	if !providers.InTime(signed, repeats) {
		return forged("its time is too far from ours")
	}
	return nil
}

// rejected is the status, in both APIs, of a message that Vonage or the mobile network has refused.
const rejected = "rejected"
