package plivo

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/smshook/smshook/providers"
)

// states are the values of Status for a message that goes out. For the United States and Canada, sent is the last.
// https://www.plivo.com/docs/messaging/api/message/message-status-callbacks
var states = map[string]providers.State{
	"queued":      providers.StateQueued,
	"sent":        providers.StateSent,
	"failed":      providers.StateFailed,
	"undelivered": providers.StateUndelivered,
	rejected:      providers.StateUndelivered, // in older documentation
	"delivered":   providers.StateDelivered,
	"read":        providers.StateRead, // WhatsApp
}

// rejected is the status of a message that Plivo or the mobile network refuses.
const rejected = "rejected"

// Receipts reads a status callback, a form or, from a GET, a query:
// https://www.plivo.com/docs/messaging/api/message/message-status-callbacks
//
// A receipt has no time, because the time zone of the callback's times is not documented.
func (p *Provider) Receipts(r *http.Request, body []byte) ([]providers.Receipt, error) {
	if r.Method == http.MethodGet {
		body = []byte(r.URL.RawQuery)
	}
	fields, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("the fields are not the form they should be")
	}
	if !signed(r, fields, p.settings.AuthToken) {
		return nil, providers.ErrForged
	}
	id := messageUUID(fields)
	status := strings.ToLower(fields.Get("Status"))
	state, known := states[status]
	if !known || id == "" {
		return nil, nil
	}
	receipt := providers.Receipt{ID: id, State: state}
	if state.Failed() {
		otherwise := providers.Temporary
		if status == rejected {
			otherwise = providers.Recipient
		}
		receipt.Code, receipt.Kind = codes.OfReceipt(fields.Get("ErrorCode"), providers.ErrorCode, otherwise)
	}
	return []providers.Receipt{receipt}, nil
}

// messageUUID returns the name under which the message was accepted, or nothing. If a message is split, the parts have the parent's
// name in another field. Today both names are the same.
func messageUUID(fields url.Values) string {
	for _, name := range []string{"ParentMessageUUID", "MessageUUID"} {
		if id := fields.Get(name); providers.UUID.MatchString(id) {
			return id
		}
	}
	return ""
}

// Setup has nothing to enter, because each message carries the address. Plivo signs with the token that sends.
func (p *Provider) Setup() providers.ReceiptSetup { return providers.ReceiptSetup{} }
