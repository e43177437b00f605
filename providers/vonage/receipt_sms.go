package vonage

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/smshook/smshook/providers"
)

// smsStates are the SMS API's statuses, but for "unknown", which changes nothing.
// https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts
var smsStates = map[string]providers.State{
	"accepted":  providers.StateSent,
	"buffered":  providers.StateSent,
	"delivered": providers.StateDelivered,
	"failed":    providers.StateUndelivered,
	rejected:    providers.StateUndelivered,
	"expired":   providers.StateUndelivered,
}

// errCode is the form of the codes in receiptCodes.
var errCode = regexp.MustCompile(`^err-[0-9]{1,5}$`)

// fields are those of a receipt. The SMS API has no nested ones.
type fields map[string]string

func (p *Provider) smsReceipt(r *http.Request, body []byte) ([]providers.Receipt, error) {
	said, err := readFields(r.URL.RawQuery, body)
	if err != nil {
		return nil, err
	}
	if err := p.verifyFields(said); err != nil {
		return nil, err
	}
	if key, named := said["api-key"]; named && key != p.settings.APIKey {
		return nil, forged("it is for another API_KEY")
	}
	state, known := smsStates[said["status"]]
	if !known || !smsID.MatchString(said["messageId"]) {
		return nil, nil
	}
	receipt := providers.Receipt{ID: said["messageId"], State: state}
	receipt.At, _ = time.Parse(time.DateTime, said["message-timestamp"]) // in UTC, as the field timestamp shows
	if state.Failed() {
		otherwise := providers.Temporary
		if said["status"] == rejected {
			otherwise = providers.Recipient
		}
		receipt.Code, receipt.Kind = receiptCodes.OfReceipt("err-"+said["err-code"], errCode, otherwise)
	}
	return []providers.Receipt{receipt}, nil
}

// readFields reads a receipt in each form that the account's settings allow: in the query, or in a body that is a form or JSON. The
// Content-Type isn't needed, because a form doesn't begin with a brace.
func readFields(query string, body []byte) (fields, error) {
	text := bytes.TrimSpace(body)
	switch {
	case len(text) == 0:
		return readForm(query)
	case text[0] == '{':
		return readJSON(text)
	default:
		return readForm(string(text))
	}
}

func readForm(text string) (fields, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, errors.New("the receipt is not the form it should be") // the parser's own text quotes the body
	}
	said := fields{}
	for name, each := range values {
		if len(each) > 1 {
			return nil, errors.New("the receipt has a field twice")
		}
		said[name] = each[0]
	}
	return said, nil
}

func readJSON(text []byte) (fields, error) {
	var values map[string]json.RawMessage
	if json.Unmarshal(text, &values) != nil {
		return nil, errors.New("the receipt is not the JSON it should be")
	}
	said := fields{}
	for name, value := range values {
		var text string
		var number json.Number
		switch { // not a call.Scalar, which removes spaces: they are signed too
		case json.Unmarshal(value, &text) == nil:
			said[name] = text
		case json.Unmarshal(value, &number) == nil:
			said[name] = number.String()
		}
	}
	return said, nil
}

// verifyFields checks the signature, if a secret is set. Vonage signs the fields that it adds to the address. It is not documented
// whether it also signs the field that the address already had, and therefore both are accepted.
func (p *Provider) verifyFields(said fields) error {
	if p.settings.SignatureSecret.Empty() {
		return nil
	}
	signature, newHash, err := said.signature()
	if err != nil {
		return err
	}
	theirs := maps.Clone(said)
	delete(theirs, providers.MessageParam)
	if !hmac.Equal(signature, said.sign(newHash, p.settings.SignatureSecret)) &&
		!hmac.Equal(signature, theirs.sign(newHash, p.settings.SignatureSecret)) {
		return forged("its signature is not by SIGNATURE_SECRET")
	}
	signed, err := strconv.ParseInt(said["timestamp"], 10, 64)
	if err != nil {
		return forged("it has no timestamp")
	}
	return checkTime(time.Unix(signed, 0), smsRepeats)
}

// signature returns the signature in f, and the hash that it is made with. Only the length of the signature shows which. An account
// chooses one of five methods, and only the two secure ones are accepted.
func (f fields) signature() ([]byte, func() hash.Hash, error) {
	signature, err := hex.DecodeString(f["sig"])
	switch {
	case err != nil || len(signature) == 0:
		return nil, nil, forged("it has no signature")
	case f.ambiguous():
		return nil, nil, forged("a field's name could be another field")
	case len(signature) == sha256.Size:
		return signature, sha256.New, nil
	case len(signature) == sha512.Size:
		return signature, sha512.New, nil
	default:
		return nil, nil, forged("its signature is not by SHA-256 HMAC or SHA-512 HMAC")
	}
}

// ambiguous reports whether a name has one of the characters that separate the signed fields. They are replaced in values only.
func (f fields) ambiguous() bool {
	for name := range f {
		if strings.ContainsAny(name, "&=") {
			return true
		}
	}
	return false
}

// replaceSeparators changes values as Vonage does before it signs them.
var replaceSeparators = strings.NewReplacer("&", "_", "=", "_")

// sign returns the signature of f, as in https://developer.vonage.com/en/getting-started/concepts/signing-messages.
func (f fields) sign(newHash func() hash.Hash, secret providers.Secret) []byte {
	mac := hmac.New(newHash, []byte(secret.Reveal()))
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if name != "sig" {
			mac.Write([]byte("&" + name + "=" + replaceSeparators.Replace(f[name])))
		}
	}
	return mac.Sum(nil)
}
