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

// states are Meta's statuses. Meta doesn't say whether a message that has failed was handed over. "deleted" and unknown statuses
// change nothing.
// https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status
var states = map[string]providers.State{
	"sent":      providers.StateSent,
	"delivered": providers.StateDelivered,
	"read":      providers.StateRead,
	"played":    providers.StateRead,
	"failed":    providers.StateUndelivered,
}

// Setup says where the address is entered. Meta has one address for an app, and calls it for all the app's numbers. Numbers other than
// PHONE_NUMBER_ID are ignored. If several instances share an app, each number needs its own address, which is set as
// webhook_configuration.override_callback_uri by a POST to /{version}/{phone number id}.
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

// challenge is the form of the text that Meta expects back. Nothing else is sent back, because the caller isn't known.
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

// notification is the body of Meta's calls: everything that has happened since the last call, to any subscribed number.
type notification struct {
	Object call.Scalar `json:"object"`
	Entry  []struct {
		Changes []struct {
			Field call.Scalar     `json:"field"`
			Value json.RawMessage `json:"value"` // each field has its own form
		} `json:"changes"`
	} `json:"entry"`
}

// messagesValue is the value of the field "messages". It may also have incoming messages, which are ignored.
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

// Receipts reads the receipts of this sender's messages. The signature covers the bytes as they came: Meta escapes some characters, and
// the same JSON encoded again would differ. A notification has no time. If Meta or an attacker repeats it, it only says what is already
// known.
func (p *Provider) Receipts(r *http.Request, body []byte) ([]providers.Receipt, error) {
	if !p.settings.AppSecret.Empty() && !signed(r.Header.Get("X-Hub-Signature-256"), body, p.settings.AppSecret) {
		return nil, providers.ErrForged
	}
	var notified notification
	if json.Unmarshal(body, &notified) != nil {
		return nil, errors.New("the receipt is not the JSON it should be") // the parser's own text quotes the body
	}
	if notified.Object != "whatsapp_business_account" {
		return nil, nil
	}
	var receipts []providers.Receipt
	for _, entry := range notified.Entry {
		for _, change := range entry.Changes {
			if change.Field != "messages" {
				continue
			}
			var value messagesValue
			_ = json.Unmarshal(change.Value, &value) // a field of another type is left empty, and the rest is read
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
	signature, err := hex.DecodeString(digits)
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write(body)
	return prefixed && err == nil && hmac.Equal(signature, mac.Sum(nil))
}

// receipts returns the receipt in a status, or none if the status is unknown.
func (s status) receipts() []providers.Receipt {
	state, known := states[string(s.Status)]
	if !known {
		return nil
	}
	var receipts []providers.Receipt
	for _, name := range names(string(s.ID)) {
		receipt := providers.Receipt{ID: name, State: state, At: s.at()}
		if state.Failed() {
			receipt.Code, receipt.Kind = codes.OfReceipt(s.why(), providers.WhatsAppCode, providers.Temporary)
		}
		receipts = append(receipts, receipt)
	}
	return receipts
}

// why is the code of the first error.
func (s status) why() string {
	if len(s.Errors) == 0 {
		return ""
	}
	return string(s.Errors[0].Code)
}

// at reads the time, in seconds. Others have seen milliseconds, which as seconds would be after the year 5000.
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
