package vonage

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// messageStates are the Messages API's statuses. Undeliverable means that Vonage didn't reach the channel's own provider.
// https://developer.vonage.com/en/messages/concepts/messages-status-callbacks
var messageStates = map[string]providers.State{
	"submitted":     providers.StateSent,
	"delivered":     providers.StateDelivered,
	"read":          providers.StateRead,
	"undeliverable": providers.StateFailed,
	rejected:        providers.StateUndelivered,
}

func (p *Provider) messageReceipt(r *http.Request, body []byte) ([]providers.Receipt, error) {
	var status struct {
		ID     call.Scalar     `json:"message_uuid"`
		Status call.Scalar     `json:"status"`
		Time   call.Scalar     `json:"timestamp"`
		Error  json.RawMessage `json:"error"`
	}
	if err := p.readReceipt(r, body, &status); err != nil {
		return nil, err
	}
	var why refusal
	_ = json.Unmarshal(status.Error, &why) // what can't be read is left empty
	state, known := messageStates[string(status.Status)]
	if !known || !providers.UUID.MatchString(string(status.ID)) || state.Failed() && noFailure[why.code()] {
		return nil, nil
	}
	receipt := providers.Receipt{ID: string(status.ID), State: state}
	receipt.At, _ = time.Parse(time.RFC3339, string(status.Time))
	if state.Failed() {
		receipt.Code, receipt.Kind = p.whyUndelivered(string(status.Status), why)
	}
	return []providers.Receipt{receipt}, nil
}

// whyUndelivered returns the Code and the Kind of a failure. The status decides if the code is unknown. What WhatsApp refuses may be sent
// by SMS.
func (p *Provider) whyUndelivered(status string, why refusal) (string, providers.Kind) {
	otherwise := providers.Temporary
	if status == rejected {
		otherwise = p.badRecipient()
	}
	code, kind := p.messagesCodes().OfReceipt(why.code(), providers.WhatsAppCode, otherwise)
	if why.aboutRecipient() {
		kind = p.badRecipient()
	}
	return code, kind
}

// readReceipt reads a receipt with a token, which is checked first.
func (p *Provider) readReceipt(r *http.Request, body []byte, receipt any) error {
	if err := p.verifyToken(r.Header.Get("Authorization"), body); err != nil {
		return err
	}
	if json.Unmarshal(body, receipt) != nil {
		return errors.New("the receipt is not the JSON it should be") // the parser's own text quotes the body
	}
	return nil
}

// webhookClaims are those of the token that comes with a receipt. The token has no expiry.
type webhookClaims struct {
	PayloadHash   string `json:"payload_hash"`
	APIKey        string `json:"api_key"`
	ApplicationID string `json:"application_id"`
	jwt.RegisteredClaims
}

// verifyToken checks, if a secret is set, that the token was made for the body. Vonage signs by HMAC-SHA-256 with any signature method
// in the dashboard. Sometimes it leaves the token out, and after an answer 5xx it sends the receipt again.
// https://developer.vonage.com/en/messages/concepts/signed-webhooks
func (p *Provider) verifyToken(authorization string, body []byte) error {
	if p.settings.SignatureSecret.Empty() {
		return nil
	}
	if authorization == "" {
		return providers.ErrUnsigned
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	key := func(*jwt.Token) (any, error) { return []byte(p.settings.SignatureSecret.Reveal()), nil }
	var claimed webhookClaims
	_, err := jwt.ParseWithClaims(token, &claimed, key, jwt.WithValidMethods([]string{"HS256"}))
	if err != nil || !strings.EqualFold(scheme, "Bearer") {
		return forged("its token is not valid by SIGNATURE_SECRET")
	}
	wanted := sha256.Sum256(body)
	hash, _ := hex.DecodeString(claimed.PayloadHash)
	switch {
	case !hmac.Equal(hash, wanted[:]):
		return forged("its token is not for this body")
	case claimed.Issuer != "Vonage":
		return forged("its token is not by Vonage")
	case claimed.APIKey != "" && p.settings.APIKey != "" && claimed.APIKey != p.settings.APIKey:
		return forged("it is for another API_KEY")
	case claimed.ApplicationID != "" && p.signer != nil && !strings.EqualFold(claimed.ApplicationID, p.settings.ApplicationID):
		return forged("it is for another APPLICATION_ID")
	case claimed.IssuedAt == nil:
		return forged("its token has no time")
	}
	return checkTime(claimed.IssuedAt.Time, messagesRepeats)
}
