package twilio

import (
	"net/http"
	"strings"

	"github.com/smshook/smshook/providers"
)

// states are the statuses of a Message in Twilio's OpenAPI description, without receiving and received, which are those of incoming
// messages.
var states = map[string]providers.State{
	"accepted":            providers.StateQueued,
	"scheduled":           providers.StateQueued,
	"queued":              providers.StateQueued,
	"sending":             providers.StateQueued,
	"sent":                providers.StateSent,
	"partially_delivered": providers.StateSent, // not documented: it proves no more
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

// Receipts reads a status callback, of a message as in
// https://www.twilio.com/docs/messaging/guides/track-outbound-message-status, or of a call.
//
// A receipt has no time: RawDlrDoneDate has only minutes, and its time zone is not documented.
// https://www.twilio.com/en-us/changelog/addition-of-rawdlrdonedate-to-delivered-and-undelivered-status-webhooks
func (p *Provider) Receipts(r *http.Request, body []byte) ([]providers.Receipt, error) {
	said, err := readReport(r.URL, body)
	if err != nil {
		return nil, err
	}
	if !p.settings.AuthToken.Empty() && !p.signed(said, r.Header.Get("X-Twilio-Signature")) {
		return nil, providers.ErrForged
	}
	// Every account and every subaccount signs with its own token, https://github.com/twilio/twilio-php/issues/436. If no token is
	// set, only the account's SID shows which account a receipt is for.
	if !strings.EqualFold(said.fields.Get("AccountSid"), p.settings.AccountSID) {
		return nil, providers.ErrForged
	}
	if p.settings.voice() {
		return callReceipt(said), nil
	}
	id := said.fields.Get("MessageSid")
	state, known := stateOf(said.fields.Get("MessageStatus"))
	if !known || !messageSID.MatchString(id) {
		return nil, nil
	}
	receipt := providers.Receipt{ID: id, State: state}
	if state.Failed() {
		receipt.Code, receipt.Kind = codes.OfReceipt(said.fields.Get("ErrorCode"), providers.ErrorCode, providers.Temporary)
	}
	return []providers.Receipt{receipt}, nil
}

// signed tries both tokens: Twilio signs with the primary token only, while it accepts requests with the secondary token too.
// https://www.twilio.com/docs/api/errors/57012
func (p *Provider) signed(r report, signature string) bool {
	for _, token := range []providers.Secret{p.settings.AuthToken, p.settings.AuthTokenOld} {
		if !token.Empty() && r.signedBy(token, signature) {
			return true
		}
	}
	return false
}

// Setup has nothing to enter, because each message carries the address.
func (p *Provider) Setup() providers.ReceiptSetup {
	if p.settings.AuthToken.Empty() {
		return providers.ReceiptSetup{
			Unsigned: "AUTH_TOKEN is missing: Twilio signs with the account's auth token, also if an API key has sent the message",
		}
	}
	return providers.ReceiptSetup{}
}
