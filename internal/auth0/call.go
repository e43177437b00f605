// Package auth0 is the protocol between an Action of Auth0 and smshook: the call that the Action signs, and the answer that it
// understands. The Actions to paste are in the folder actions. A call holds what Auth0 gave to the Action, under Auth0's own names, in
// one of three forms:
//   - notification, of the trigger custom-phone-provider:
//     https://auth0.com/docs/customize/phone-messages/configure-phone-messaging-providers/configure-a-custom-phone-provider
//   - message_options, of the trigger send-phone-message, for MFA:
//     https://auth0.com/docs/customize/actions/explore-triggers/send-phone-message
//   - recipient, text and context, the arguments of the older Hook:
//     https://auth0.com/docs/customize/hooks/extensibility-points/send-phone-message
package auth0

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/smshook/smshook/providers"
)

const (
	// MaxBody is the longest body that is read, in bytes. The Actions pass on some 1 KiB.
	MaxBody = 64 << 10

	maxText = 1600 // characters, as in the message API: ten segments and more
	maxUser = 256  // bytes; Auth0's own IDs are shorter
	maxCode = 64   // bytes
)

// Call is one call for a message.
type Call struct {
	Phone  providers.Secret // as Auth0 wrote it, without the marks between the digits
	Text   providers.Secret // as Auth0 has written it
	Code   providers.Secret // the code in it; empty for a message that has none
	Voice  bool             // it is to be spoken
	Locale string           // a BCP 47 tag, or empty
	User   string           // Auth0's ID of the account; may be empty
	IP     netip.Addr       // of the app's user; the zero Addr if it isn't known
	Proven bool             // the account has proved before that the number is its own
}

// body is what an Action may send.
type body struct {
	Notification   *notification `json:"notification"`
	MessageOptions *options      `json:"message_options"`
	hook

	Request request `json:"request"`
	User    user    `json:"user"`
}

type notification struct {
	Recipient      providers.Secret `json:"recipient"`
	AsText         providers.Secret `json:"as_text"`
	AsVoice        providers.Secret `json:"as_voice"`
	Code           providers.Secret `json:"code"`
	DeliveryMethod string           `json:"delivery_method"` // text or voice
	Locale         string           `json:"locale"`
}

type options struct {
	Recipient   providers.Secret `json:"recipient"`
	Text        providers.Secret `json:"text"`
	Code        providers.Secret `json:"code"`
	MessageType string           `json:"message_type"` // sms or voice
}

type hook struct {
	Recipient providers.Secret `json:"recipient"`
	Text      providers.Secret `json:"text"`
	Context   *struct {
		MessageType string           `json:"message_type"`
		Language    string           `json:"language"`
		Code        providers.Secret `json:"code"`
		IP          string           `json:"ip"`
		Request     request          `json:"request"` // some versions of Auth0's page have the address here
		User        user             `json:"user"`
	} `json:"context"`
}

type request struct {
	IP       string `json:"ip"`
	Language string `json:"language"`
}

type user struct {
	ID            string           `json:"user_id"`
	Phone         providers.Secret `json:"phone_number"`
	PhoneVerified bool             `json:"phone_verified"`
}

// Decode reads the body of a call. An error names the field, and never quotes its value.
func Decode(text []byte) (Call, error) {
	var b body
	if err := json.Unmarshal(text, &b); err != nil {
		return Call{}, unreadable(err)
	}
	switch {
	case b.Notification != nil:
		return b.notification()
	case b.MessageOptions != nil:
		return b.options()
	case b.Context != nil:
		return b.hookCall()
	}
	return Call{}, errors.New("the body has no notification, no message_options and no context: it is not what the Action sends")
}

func (b body) notification() (Call, error) {
	n := b.Notification
	voice, err := isVoice("notification.delivery_method", n.DeliveryMethod, "text")
	if err != nil {
		return Call{}, err
	}
	written, field := n.AsText, "notification.as_text"
	if voice {
		written, field = n.AsVoice, "notification.as_voice"
	}
	c := Call{Phone: n.Recipient, Text: written, Code: n.Code, Voice: voice, Locale: n.Locale}
	return c.of(b.User, b.Request.IP).check("notification.recipient", field, "notification.code")
}

func (b body) options() (Call, error) {
	o := b.MessageOptions
	voice, err := isVoice("message_options.message_type", o.MessageType, "sms")
	if err != nil {
		return Call{}, err
	}
	c := Call{Phone: o.Recipient, Text: o.Text, Code: o.Code, Voice: voice, Locale: b.Request.Language}
	return c.of(b.User, b.Request.IP).check("message_options.recipient", "message_options.text", "message_options.code")
}

func (b body) hookCall() (Call, error) {
	x := b.Context
	voice, err := isVoice("context.message_type", x.MessageType, "sms")
	if err != nil {
		return Call{}, err
	}
	ip := x.IP
	if ip == "" {
		ip = x.Request.IP
	}
	c := Call{Phone: b.hook.Recipient, Text: b.hook.Text, Code: x.Code, Voice: voice, Locale: x.Language}
	return c.of(x.User, ip).check("recipient", "text", "context.code")
}

// isVoice reads how a message is to be delivered. An empty value is written, since Auth0's page calls no value a default.
func isVoice(field, value, written string) (bool, error) {
	switch value {
	case "voice":
		return true, nil
	case written, "":
		return false, nil
	}
	return false, fmt.Errorf("%s is neither %s nor voice", field, written)
}

// of adds who has asked.
func (c Call) of(u user, ip string) Call {
	c.User = u.ID
	c.IP, _ = netip.ParseAddr(ip)
	c.IP = c.IP.Unmap()
	c.Phone = plain(c.Phone)
	c.Proven = u.PhoneVerified && plain(u.Phone).Reveal() == c.Phone.Reveal()
	return c
}

// check returns the call if it can be sent.
func (c Call) check(phone, text, code string) (Call, error) {
	switch {
	case c.Phone.Empty():
		return Call{}, fmt.Errorf("%s is missing", phone)
	case c.Text.Empty():
		return Call{}, fmt.Errorf("%s is missing", text)
	case utf8.RuneCountInString(c.Text.Reveal()) > maxText:
		return Call{}, fmt.Errorf("%s is longer than %d characters", text, maxText)
	case len(c.Code.Reveal()) > maxCode:
		return Call{}, fmt.Errorf("%s is longer than %d characters", code, maxCode)
	case len(c.User) > maxUser:
		return Call{}, fmt.Errorf("user_id is longer than %d characters", maxUser)
	}
	if !providers.LanguageTag.MatchString(c.Locale) { // Auth0 writes en_US and en-US
		c.Locale = ""
	}
	return c, nil
}

// plain is a number without the marks that people write between the digits: Auth0 passes on +1-808-555-5555.
func plain(number providers.Secret) providers.Secret {
	return providers.NewSecret(strings.NewReplacer("-", "", " ", "", "(", "", ")", "", ".", "").Replace(number.Reveal()))
}

// unreadable describes an error of the parser without its text, which quotes the body.
func unreadable(err error) error {
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) && mismatch.Field != "" {
		return fmt.Errorf("%s is not of the right type", mismatch.Field)
	}
	return errors.New("the body is not JSON")
}

// ID is the idempotency key of a call, in the form of a UUID. An Action signs a repeat with the webhook-id of the first try. Auth0's own
// events have no name that is the same for a repeat and another one for a second message with the same code.
func ID(webhookID string) string {
	sum := sha256.Sum256([]byte("auth0 " + webhookID))
	return providers.FormatUUID([16]byte(sum[:16]))
}
