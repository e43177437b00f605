package plivo

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
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

// states are Plivo's message states. In the US and Canada, "sent" is the last one. What isn't in the list changes nothing.
// https://www.plivo.com/docs/messaging/concepts/message-states
var states = map[string]providers.State{
	"queued":      providers.StateQueued,
	"sent":        providers.StateSent,
	"delivered":   providers.StateDelivered,
	"read":        providers.StateRead,
	"undelivered": providers.StateUndelivered,
	"rejected":    providers.StateUndelivered,
	"failed":      providers.StateFailed,
}

// Setup has nothing to say: each message tells the address, and the auth token is always there.
func (p *Provider) Setup() providers.ReceiptSetup { return providers.ReceiptSetup{} }

var errUnreadable = errors.New("the receipt is not the form it should be")

// Receipts reads one call of a message's url. The signature that Plivo documents for messages covers neither the body nor the
// query: the token in the path and states that only go forward have to do for those.
// https://www.plivo.com/docs/messaging/concepts/callbacks
func (p *Provider) Receipts(r *http.Request, body []byte) ([]providers.Receipt, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errUnreadable
	}
	if !p.signed(r, form) {
		return nil, providers.ErrForged
	}
	if r.Method == http.MethodGet {
		form = r.URL.Query()
	}
	state, known := states[strings.ToLower(form.Get("Status"))]
	// A long message is told of part by part, and goes by the name of the first.
	id := form.Get("ParentMessageUUID")
	if id == "" {
		id = form.Get("MessageUUID")
	}
	if !known || !uuid.MatchString(id) {
		return nil, nil
	}
	receipt := providers.Receipt{ID: id, State: state}
	if state.Failed() {
		receipt.Code, receipt.Kind = whyFailed(form.Get("ErrorCode"))
	}
	return []providers.Receipt{receipt}, nil
}

// errorCode is the shape of Plivo's codes. Nothing else is passed on as one: codes are logged.
var errorCode = regexp.MustCompile(`^[0-9]{1,4}$`)

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

// signed checks the signature: V3 where there is one, as it covers the call, and otherwise V2, the one that is documented for
// messages. -Ma- is made with the main account's token, which is ours unless the account is a subaccount.
// https://www.plivo.com/docs/messaging/concepts/signature-validation
func (p *Provider) signed(r *http.Request, form url.Values) bool {
	for _, family := range []struct {
		header, nonce string
		signs         func(nonce string) string
	}{
		{"X-Plivo-Signature-V3", "X-Plivo-Signature-V3-Nonce", func(nonce string) string { return textV3(r.Method, r.URL, form) + "." + nonce }},
		{"X-Plivo-Signature-Ma-V3", "X-Plivo-Signature-V3-Nonce", func(nonce string) string { return textV3(r.Method, r.URL, form) + "." + nonce }},
		{"X-Plivo-Signature-V2", "X-Plivo-Signature-V2-Nonce", func(nonce string) string { return textV2(r.URL) + nonce }},
		{"X-Plivo-Signature-Ma-V2", "X-Plivo-Signature-V2-Nonce", func(nonce string) string { return textV2(r.URL) + nonce }},
	} {
		nonce := r.Header.Get(family.nonce)
		for given := range strings.SplitSeq(r.Header.Get(family.header), ",") {
			if nonce != "" && isMAC(strings.TrimSpace(given), family.signs(nonce), p.settings.AuthToken) {
				return true
			}
		}
	}
	return false
}

func isMAC(given, text string, token providers.Secret) bool {
	decoded, err := base64.StdEncoding.DecodeString(given)
	mac := hmac.New(sha256.New, []byte(token.Reveal()))
	io.WriteString(mac, text)
	return err == nil && hmac.Equal(decoded, mac.Sum(nil))
}

// textV2 is the address without its query.
func textV2(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }

// textV3 is what V3 signs, but for the nonce, as Plivo's own client makes it: values as they are read, the first one of each
// name. https://github.com/plivo/plivo-go/blob/master/utils.go
func textV3(method string, u *url.URL, form url.Values) string {
	query := u.Query()
	base := textV2(u)
	switch {
	case method == http.MethodGet:
		merged := maps.Clone(query)
		for name, values := range form {
			if _, named := merged[name]; !named {
				merged[name] = values
			}
		}
		if len(merged) == 0 {
			return base
		}
		return base + "?" + pairs(merged)
	case len(query) > 0 && len(form) > 0:
		return base + "?" + pairs(query) + "." + joined(form)
	case len(query) > 0:
		return base + "?" + pairs(query)
	case len(form) > 0:
		return base + "?" + joined(form)
	}
	return base
}

func pairs(values url.Values) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, name+"="+values[name][0])
	}
	return strings.Join(list, "&")
}

// joined is each name with its first value, in the order of the names.
func joined(values url.Values) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		b.WriteString(name + values[name][0])
	}
	return b.String()
}
