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

// fields are what a receipt says: a receipt of the SMS API has no structure.
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
	receipt.At, _ = time.Parse(time.DateTime, said["message-timestamp"]) // UTC, as its neighbour timestamp shows
	if state.Failed() && codeShape.MatchString(said["err-code"]) {
		receipt.Code = "err-" + said["err-code"]
	}
	if state.Failed() {
		otherwise := providers.Temporary
		if said["status"] == rejected {
			otherwise = providers.Recipient
		}
		receipt.Kind = receiptCodes.OfReceipt(receipt.Code, otherwise)
	}
	return []providers.Receipt{receipt}, nil
}

// readFields reads a receipt in each of the forms that the account's settings allow: in the query, or in a body that is a
// form or JSON. The body's type isn't asked: a form doesn't begin with a brace.
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
		return nil, errors.New("the receipt is not the form it should be") // not the parser's words, which quote it
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
		switch { // unlike a call.Scalar, with all its blanks: they are signed too
		case json.Unmarshal(value, &text) == nil:
			said[name] = text
		case json.Unmarshal(value, &number) == nil:
			said[name] = number.String()
		}
	}
	return said, nil
}

// verifyFields checks the signature, if a secret is set. Vonage signs the fields that it adds to the address; whether it signs
// the one that the address had before isn't published, so that either will do.
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

// signature returns the signature that f comes with, and the hash it is made with, which shows in its length alone. The
// account chooses between five methods; only the two that nobody doubts are taken.
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

// ambiguous reports whether a name holds what separates the fields that are signed: only in values is it replaced.
func (f fields) ambiguous() bool {
	for name := range f {
		if strings.ContainsAny(name, "&=") {
			return true
		}
	}
	return false
}

// replaceSeparators is what Vonage does to values before it signs them.
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
