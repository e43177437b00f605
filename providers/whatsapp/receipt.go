package whatsapp

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// states are Meta's statuses. What has failed may have been handed over or not: Meta doesn't tell. "deleted", and what isn't
// in the list yet, changes nothing.
// https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status
var states = map[string]providers.State{
	"sent":      providers.StateSent,
	"delivered": providers.StateDelivered,
	"read":      providers.StateRead,
	"played":    providers.StateRead,
	"failed":    providers.StateUndelivered,
}

// Setup tells where Meta has its one address for an app. Meta calls it about all the numbers that are subscribed to the app, and
// those other than PHONE_NUMBER_ID are read past. Where several instances share an app, each number gets an address of its own
// as webhook_configuration.override_callback_uri, by a POST to /{version}/{phone number id}.
func (p *Provider) Setup() providers.ReceiptSetup {
	setup := providers.ReceiptSetup{Enter: "in Meta's App Dashboard, under WhatsApp, Configuration: as callback URL, with VERIFY_TOKEN as " +
		"verify token; then subscribe to the field messages"}
	if p.settings.VerifyToken.Empty() {
		setup.Enter += " (VERIFY_TOKEN is not set yet: without it, Meta's check of the address fails)"
	}
	if p.settings.AppSecret.Empty() {
		setup.Unsigned = "APP_SECRET, the app's secret in Meta's App Dashboard, is not set"
	}
	return setup
}

// challenge is what Meta wants to have back. Nothing else is ever sent back: it is a stranger's text.
var challenge = regexp.MustCompile(`^[0-9A-Za-z]{1,64}$`)

// Challenge answers the check that Meta makes when the address is entered.
// https://developers.facebook.com/docs/graph-api/webhooks/getting-started#verification-requests
func (p *Provider) Challenge(query url.Values) (string, error) {
	token, ours := query.Get("hub.verify_token"), p.settings.VerifyToken
	if ours.Empty() || subtle.ConstantTimeCompare([]byte(token), []byte(ours.Reveal())) != 1 {
		return "", providers.ErrForged
	}
	if query.Get("hub.mode") != "subscribe" || !challenge.MatchString(query.Get("hub.challenge")) {
		return "", providers.ErrForged
	}
	return query.Get("hub.challenge"), nil
}

// notification is what Meta calls with: everything that happened since it last did, to any number that is subscribed.
type notification struct {
	Object call.Scalar `json:"object"`
	Entry  []struct {
		Changes []struct {
			Field call.Scalar     `json:"field"`
			Value json.RawMessage `json:"value"` // each field has its own form
		} `json:"changes"`
	} `json:"entry"`
}

// messagesValue is the value of the field "messages", which tells of messages that came in too.
type messagesValue struct {
	Metadata struct {
		PhoneNumberID call.Scalar `json:"phone_number_id"`
	} `json:"metadata"`
	Statuses []status `json:"statuses"`
}

type status struct {
	ID     call.Scalar `json:"id"`
	Status call.Scalar `json:"status"`
	Time   call.Scalar `json:"timestamp"`
	Errors []struct {
		Code call.Scalar `json:"code"`
	} `json:"errors"`
}

// Receipts reads what Meta tells of this sender's messages. The signature is of the bytes as they came: Meta escapes some
// characters, and the same text written anew would be another. A notification has no time of its own: what is repeated, by Meta
// for days or by anyone, says only what was said before.
func (p *Provider) Receipts(r *http.Request, body []byte) ([]providers.Receipt, error) {
	if !p.settings.AppSecret.Empty() && !signed(r.Header.Get("X-Hub-Signature-256"), body, p.settings.AppSecret) {
		return nil, providers.ErrForged
	}
	var told notification
	if json.Unmarshal(body, &told) != nil {
		return nil, errors.New("the receipt is not the JSON it should be") // not the parser's words, which quote it
	}
	if told.Object != "whatsapp_business_account" {
		return nil, nil
	}
	var receipts []providers.Receipt
	for _, entry := range told.Entry {
		for _, change := range entry.Changes {
			if change.Field != "messages" {
				continue
			}
			var value messagesValue
			_ = json.Unmarshal(change.Value, &value) // what is of another type is left empty, and the rest is read
			if string(value.Metadata.PhoneNumberID) != p.settings.PhoneNumberID {
				continue
			}
			for _, status := range value.Statuses {
				receipts = append(receipts, status.receipts()...)
			}
		}
	}
	slices.SortStableFunc(receipts, func(a, b providers.Receipt) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.State, b.State))
	})
	return receipts, nil
}

// signed checks a header such as "sha256=" and 64 hex digits.
// https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads
func signed(header string, body []byte, secret providers.Secret) bool {
	digits, prefixed := strings.CutPrefix(header, "sha256=")
	signature, _ := hex.DecodeString(digits)
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write(body)
	return prefixed && hmac.Equal(signature, mac.Sum(nil))
}

// errorCode is the shape of Meta's codes. Nothing else is passed on as one: codes are logged.
var errorCode = regexp.MustCompile(`^[0-9]{1,6}$`)

// receipts returns the one receipt in a status, or none if it tells nothing.
func (s status) receipts() []providers.Receipt {
	state, known := states[string(s.Status)]
	if !known {
		return nil
	}
	var receipts []providers.Receipt
	for _, name := range names(string(s.ID)) {
		receipt := providers.Receipt{ID: name, State: state, At: s.at()}
		if state.Failed() {
			receipt.Code = s.why()
			receipt.Kind = codes.OfReceipt(receipt.Code, providers.Temporary)
		}
		receipts = append(receipts, receipt)
	}
	return receipts
}

// why is the code of the first error.
func (s status) why() string {
	if len(s.Errors) > 0 && errorCode.MatchString(string(s.Errors[0].Code)) {
		return string(s.Errors[0].Code)
	}
	return ""
}

// at reads the time, which is in seconds. Some have seen milliseconds: as seconds, they would be after the year 5000.
func (s status) at() time.Time {
	n, err := strconv.ParseInt(string(s.Time), 10, 64)
	switch {
	case err != nil || n <= 0:
		return time.Time{}
	case n > 1e11:
		return time.UnixMilli(n)
	default:
		return time.Unix(n, 0)
	}
}
