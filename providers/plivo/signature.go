package plivo

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/smshook/smshook/providers"
)

// signed reports whether a call is signed with the token, in one of Plivo's two versions. Version 2 is documented for messages,
// https://www.plivo.com/docs/messaging/concepts/signature-validation. It covers the address without its query, and not the body: only
// the token in the path protects these. Version 3 covers everything. It is documented for voice calls, but was also seen with messages:
// https://github.com/openhab/openhab-addons/pull/21325.
//
// One valid version is enough. Refusing a valid version 2 because of an invalid version 3 would not help: an attacker would leave
// version 3 out.
func signed(r *http.Request, fields url.Values, token providers.Secret) bool {
	if nonce := nonceOf(r.Header, "V2"); nonce != "" && holds(r.Header, "V2", sign(token, address(r.URL)+nonce)) {
		return true
	}
	nonce := nonceOf(r.Header, "V3")
	return nonce != "" && holds(r.Header, "V3", sign(token, covered(r.Method, r.URL, fields)+"."+nonce))
}

// nonces are digits in Plivo's examples. A nonce must not have marks: with a "?" or a "." in it, what version 3 has signed would be
// accepted as version 2, or with other fields.
var nonces = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)

// nonceOf returns the nonce of a version, or nothing.
func nonceOf(h http.Header, version string) string {
	nonce := h.Get("X-Plivo-Signature-" + version + "-Nonce")
	if !nonces.MatchString(nonce) {
		return ""
	}
	return nonce
}

// holds reports whether a signature is among those of a version. One header has the signatures of the account or subaccount that sent
// the message. The other has those of the main account, whose token is unknown here if a subaccount sends. If an account has several
// tokens, a header has several signatures.
func holds(h http.Header, version, signature string) bool {
	for _, name := range []string{"X-Plivo-Signature-" + version, "X-Plivo-Signature-Ma-" + version} {
		for given := range strings.SplitSeq(h.Get(name), ",") {
			if hmac.Equal([]byte(strings.TrimSpace(given)), []byte(signature)) {
				return true
			}
		}
	}
	return false
}

// address is the URL without its query. A port stays: https://github.com/plivo/plivo-node/issues/83.
func address(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }

// covered is what version 3 signs, without the nonce, as in https://github.com/plivo/plivo-go/blob/master/utils.go. The
// fields of a GET are those of its query.
func covered(method string, u *url.URL, fields url.Values) string {
	query := u.Query()
	if method == http.MethodGet {
		maps.Copy(query, fields)
		fields = nil
	}
	if len(query) == 0 && len(fields) == 0 {
		return address(u)
	}
	text := address(u) + "?" + join(query, "=", "&")
	if len(query) > 0 && len(fields) > 0 {
		text += "."
	}
	return text + join(fields, "", "")
}

// join writes the fields sorted by name, each with the first of its values.
func join(fields url.Values, is, and string) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		pairs = append(pairs, name+is+fields.Get(name))
	}
	return strings.Join(pairs, and)
}

func sign(token providers.Secret, text string) string {
	mac := hmac.New(sha256.New, []byte(token.Reveal()))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
