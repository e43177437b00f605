package twilio

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// report is one call by Twilio.
type report struct {
	url    *url.URL
	body   []byte
	sum    string     // the SHA-256 of a JSON body, from the address; empty with a form
	fields url.Values // if a name is repeated, the first value counts
}

func readReport(u *url.URL, body []byte) (report, error) {
	r := report{url: u, body: body, sum: u.Query().Get("bodySHA256")}
	if r.sum == "" {
		var err error
		if r.fields, err = url.ParseQuery(string(body)); err != nil {
			return report{}, errors.New("the body is not the form it should be")
		}
		return r, nil
	}
	var fields map[string]call.Scalar
	if err := json.Unmarshal(body, &fields); err != nil {
		return report{}, errors.New("the body is not the JSON it should be")
	}
	r.fields = url.Values{}
	for name, value := range fields {
		r.fields.Set(name, string(value))
	}
	return r, nil
}

// signedBy reports whether the signature was made with the token. The signature covers the address and the sorted fields of a form.
// It covers a JSON body through the sum in the address. It has no time: the same call may come again later.
//
// https://www.twilio.com/docs/usage/webhooks/webhooks-security, and Twilio's own client,
// https://github.com/twilio/twilio-go/blob/main/client/request_validator.go
func (r report) signedBy(token providers.Secret, signature string) bool {
	covered := ""
	if r.sum == "" {
		covered = concatenate(r.fields)
	} else if !equal(r.sum, sha256Hex(r.body)) {
		return false
	}
	for _, address := range addresses(r.url) {
		if equal(signature, sign(token, address+covered)) {
			return true
		}
	}
	return false
}

// addresses are those that Twilio may have signed: the address that it was given, and the same address without its port, or with the
// default port. Twilio's own client tries both, because Twilio isn't consistent here.
func addresses(u *url.URL) []string {
	other := *u
	switch port := u.Port(); {
	case port != "":
		other.Host = strings.TrimSuffix(u.Host, ":"+port)
	case u.Scheme == "http":
		other.Host += ":80"
	default:
		other.Host += ":443"
	}
	return []string{u.String(), other.String()}
}

func concatenate(fields url.Values) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		b.WriteString(name + fields.Get(name))
	}
	return b.String()
}

func sign(token providers.Secret, text string) string {
	mac := hmac.New(sha1.New, []byte(token.Reveal()))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func sha256Hex(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// equal takes the same time wherever two texts differ.
func equal(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }
