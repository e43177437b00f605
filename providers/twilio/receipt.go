package twilio

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/smshook/smshook/providers"
)

// states are Twilio's message statuses. Those of messages that come in change nothing, nor does one that isn't in the list yet.
// https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks
var states = map[string]providers.State{
	"accepted":            providers.StateQueued,
	"scheduled":           providers.StateQueued,
	"queued":              providers.StateQueued,
	"sending":             providers.StateQueued,
	"sent":                providers.StateSent,
	"partially_delivered": providers.StateSent,
	"delivered":           providers.StateDelivered,
	"read":                providers.StateRead,
	"undelivered":         providers.StateUndelivered,
	"failed":              providers.StateFailed,
	"canceled":            providers.StateFailed,
}

// Setup says whether receipts can be checked: their key is the auth token, also where messages are sent with an API key.
func (p *Provider) Setup() providers.ReceiptSetup {
	if len(p.tokens) == 0 {
		return providers.ReceiptSetup{Unsigned: "AUTH_TOKEN is not set, and an API key can't check Twilio's signature"}
	}
	return providers.ReceiptSetup{}
}

var errUnreadable = errors.New("the receipt is not the form or the JSON it should be")

// Receipts reads one status callback. It has no time of its own: what is repeated, by Twilio or by anyone, says only what was
// said before. https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
func (p *Provider) Receipts(r *http.Request, body []byte) ([]providers.Receipt, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errUnreadable
	}
	if len(p.tokens) > 0 && !p.signed(r, form, body) {
		return nil, providers.ErrForged
	}
	if account := form.Get("AccountSid"); account != "" && !strings.EqualFold(account, p.settings.AccountSID) {
		return nil, providers.ErrForged
	}
	state, known := states[strings.ToLower(form.Get("MessageStatus"))]
	sid := form.Get("MessageSid")
	if !known || !messageSID.MatchString(sid) {
		return nil, nil
	}
	receipt := providers.Receipt{ID: sid, State: state}
	if state.Failed() {
		receipt.Code, receipt.Kind = whyFailed(form.Get("ErrorCode"))
	}
	return []providers.Receipt{receipt}, nil
}

// errorCode is the shape of Twilio's codes. Nothing else is passed on as one: codes are logged.
var errorCode = regexp.MustCompile(`^[0-9]{5}$`)

// whyFailed returns a code and its Kind. Without one that is known, nothing says that nobody can reach the number: another
// carrier may.
func whyFailed(code string) (string, providers.Kind) {
	if !errorCode.MatchString(code) {
		return "", providers.Temporary
	}
	if kind, known := codes[code]; known {
		return code, kind
	}
	return code, providers.Temporary
}

// signed checks X-Twilio-Signature by each of the account's tokens. Twilio is not of one mind about ports, so the address is
// tried with the scheme's own port and without any, as Twilio's libraries do.
// https://www.twilio.com/docs/usage/webhooks/webhooks-security
func (p *Provider) signed(r *http.Request, form url.Values, body []byte) bool {
	given, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Twilio-Signature"))
	if err != nil {
		return false
	}
	params := ""
	if sum := r.URL.Query().Get("bodySHA256"); sum != "" {
		if !isSum(sum, body) {
			return false
		}
	} else {
		params = joined(form)
	}
	found := false
	for _, token := range p.tokens {
		for _, address := range spellings(r.URL) {
			mac := hmac.New(sha1.New, []byte(token.Reveal()))
			io.WriteString(mac, address+params)
			found = hmac.Equal(given, mac.Sum(nil)) || found
		}
	}
	return found
}

// isSum reports whether sum is the hex SHA-256 of a body. A body that isn't a form is signed by that, in the address.
func isSum(sum string, body []byte) bool {
	want := sha256.Sum256(body)
	given, err := hex.DecodeString(sum)
	return err == nil && hmac.Equal(given, want[:])
}

// joined is each name with its first value, in the order of the names.
func joined(form url.Values) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(form)) {
		b.WriteString(name)
		b.WriteString(form[name][0])
	}
	return b.String()
}

// spellings are the forms in which Twilio may have signed an address.
func spellings(u *url.URL) []string {
	bare, ported := *u, *u
	bare.Host = u.Hostname()
	if strings.Contains(bare.Host, ":") {
		bare.Host = "[" + bare.Host + "]"
	}
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	ported.Host = bare.Host + ":" + port
	return []string{bare.String(), ported.String()}
}
