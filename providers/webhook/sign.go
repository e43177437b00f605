package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/smshook/smshook/providers"
)

// The headers of Standard Webhooks, as net/http writes them.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// minKey is the shortest signing key in bytes, as for the hook itself.
const minKey = 22

// signingKey reads a secret as `smshook secret` prints it, or without the "v1,".
func signingKey(secret providers.Secret) ([]byte, error) {
	text, ok := strings.CutPrefix(strings.TrimPrefix(secret.Reveal(), "v1,"), "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < minKey {
		return nil, errors.New("want v1,whsec_… as `smshook secret` makes it")
	}
	return key, nil
}

// sign adds the headers by which a service can check that a body comes from us and is new. It doesn't use the hook's library, because
// providers import nothing of the hook.
//
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
func sign(header http.Header, key []byte, id string, at time.Time, body string) {
	id = inHeader(id)
	timestamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "." + body))
	header.Set(headerID, id)
	header.Set(headerTimestamp, timestamp)
	header.Set(headerSignature, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}
