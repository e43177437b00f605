package twilio

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/smshook/smshook/providers"
)

// states are the statuses of a Message in Twilio's OpenAPI description. Those of a message that comes in, receiving and
// received, have no state.
var states = map[string]providers.State{
	"accepted":            providers.StateQueued,
	"scheduled":           providers.StateQueued,
	"queued":              providers.StateQueued,
	"sending":             providers.StateQueued,
	"sent":                providers.StateSent,
	"partially_delivered": providers.StateSent, // nowhere described: it proves no more
	"failed":              providers.StateFailed,
	"canceled":            providers.StateFailed,
	"undelivered":         providers.StateUndelivered,
	"delivered":           providers.StateDelivered,
	"read":                providers.StateRead, // WhatsApp
}

func stateOf(status string) (state providers.State, known bool) {
	state, known = states[strings.ToLower(status)]
	return state, known
}

// errorCode is the shape of Twilio's codes. They reach the log.
var errorCode = regexp.MustCompile(`^[0-9]{1,6}$`)

// Receipts reads a status callback, https://www.twilio.com/docs/messaging/guides/track-outbound-message-status.
//
// A receipt has no time: RawDlrDoneDate is the network's, to the minute, in a time zone that nobody tells.
// https://www.twilio.com/en-us/changelog/addition-of-rawdlrdonedate-to-delivered-and-undelivered-status-webhooks
func (p *Provider) Receipts(r *http.Request, body []byte) ([]providers.Receipt, error) {
	said, err := readReport(r.URL, body)
	if err != nil {
		return nil, err
	}
	if !p.settings.AuthToken.Empty() && !p.signed(said, r.Header.Get("X-Twilio-Signature")) {
		return nil, providers.ErrForged
	}
	// Every account, and every subaccount, signs with a token of its own, https://github.com/twilio/twilio-php/issues/436. Where
	// none is set, this is all there is to tell them apart.
	if !strings.EqualFold(said.fields.Get("AccountSid"), p.settings.AccountSID) {
		return nil, providers.ErrForged
	}
	id := said.fields.Get("MessageSid")
	state, known := stateOf(said.fields.Get("MessageStatus"))
	if !known || !messageSID.MatchString(id) {
		return nil, nil
	}
	receipt := providers.Receipt{ID: id, State: state}
	if state.Failed() {
		if code := said.fields.Get("ErrorCode"); errorCode.MatchString(code) {
			receipt.Code = code
		}
		receipt.Kind = codes.OfReceipt(receipt.Code, providers.Temporary)
	}
	return []providers.Receipt{receipt}, nil
}

// signed tries both tokens: Twilio signs with the primary one alone, and takes requests with the secondary one as soon as
// there is one. https://www.twilio.com/docs/api/errors/57012
func (p *Provider) signed(r report, signature string) bool {
	for _, token := range []providers.Secret{p.settings.AuthToken, p.settings.AuthTokenOld} {
		if !token.Empty() && r.signedBy(token, signature) {
			return true
		}
	}
	return false
}

// Setup has nothing to enter: each message tells the address.
func (p *Provider) Setup() providers.ReceiptSetup {
	if p.settings.AuthToken.Empty() {
		return providers.ReceiptSetup{
			Unsigned: "AUTH_TOKEN is missing: Twilio signs with the account's auth token, whatever the message was sent with",
		}
	}
	return providers.ReceiptSetup{}
}
