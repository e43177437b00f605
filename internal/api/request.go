// Package api is the wire of the message API: how its callers are known, what they send, and what they get. The contract is that of Solo
// Mobile's POST /send-sms, whose clients can call smshook without a change: https://docs.solomobile.ai/api-reference/endpoints/send-sms
// Lists of recipients, idempotency keys, and all that isn't about sending, are smshook's own.
package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/smshook/smshook/providers"
)

// Bounds of a request.
const (
	MaxBody       = 256 << 10 // bytes of the whole request
	MaxRecipients = 1000
	maxText       = 1600 // characters
	maxMedia      = 10
	maxMediaURL   = 2048     // bytes
	maxMetadata   = 16 << 10 // bytes
	maxLater      = 7 * 24 * time.Hour
	// skew is how far in the past scheduled_at may be: the clocks of caller and server differ. Such a message is sent at once.
	skew = 30 * time.Second
)

// Request asks for one text to one or more numbers.
type Request struct {
	To       []providers.Secret // in E.164 form, or whatever the caller has written: see Recipient
	List     bool               // the caller has sent a list, and gets one
	From     string             // one of the configured senders; empty for any
	Body     providers.Secret
	Media    []string  // addresses of pictures and documents
	At       time.Time // when it is to be sent; zero: at once
	Metadata json.RawMessage
}

// Decode reads the body of a request. The error names the field, and never quotes a value.
func Decode(body []byte) (Request, *Problem) {
	fields, problem := members(body, "to", "from", "body", "media_urls", "scheduled_at", "metadata")
	if problem != nil {
		return Request{}, problem
	}
	var r Request
	for _, read := range []func() *Problem{
		func() *Problem { return r.readTo(fields["to"]) },
		func() *Problem { return r.readFrom(fields["from"]) },
		func() *Problem { return r.readBody(fields["body"]) },
		func() *Problem { return r.readMedia(fields["media_urls"]) },
		func() *Problem { return r.readAt(fields["scheduled_at"]) },
		func() *Problem { return r.readMetadata(fields["metadata"]) },
	} {
		if problem := read(); problem != nil {
			return Request{}, problem
		}
	}
	return r, nil
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{9,14}$`)

// Recipient returns what is wrong with a number of the request, or nil. In a list, only that number is refused.
func Recipient(number providers.Secret) *Problem {
	if !e164.MatchString(number.Reveal()) {
		return invalidNumber("to")
	}
	return nil
}

func invalidNumber(field string) *Problem {
	return &Problem{Status: http.StatusBadRequest, Code: InvalidPhoneNumber, Message: "The '" + field + "' field must be a valid E.164 phone number"}
}

func (r *Request) readTo(raw json.RawMessage) *Problem {
	if raw == nil {
		return missing("to")
	}
	var one string
	if json.Unmarshal(raw, &one) == nil && raw[0] == '"' {
		r.To = []providers.Secret{providers.NewSecret(one)}
		return Recipient(r.To[0])
	}
	var list []string
	if raw[0] != '[' || json.Unmarshal(raw, &list) != nil {
		return wrong("to", "must be a phone number, or a list of phone numbers")
	}
	if len(list) == 0 || len(list) > MaxRecipients {
		return wrong("to", fmt.Sprintf("must have 1 to %d phone numbers", MaxRecipients))
	}
	r.List = true
	for _, number := range list {
		r.To = append(r.To, providers.NewSecret(number))
	}
	return nil
}

func (r *Request) readFrom(raw json.RawMessage) *Problem {
	if raw == nil {
		return nil
	}
	if !text(raw, &r.From) || r.From == "" || len(r.From) > 32 {
		return wrong("from", "must be one of the configured senders")
	}
	return nil
}

func (r *Request) readBody(raw json.RawMessage) *Problem {
	if raw == nil {
		return missing("body")
	}
	var body string
	if !text(raw, &body) || strings.TrimSpace(body) == "" {
		return wrong("body", "must be a text that is not empty")
	}
	if utf8.RuneCountInString(body) > maxText {
		return wrong("body", fmt.Sprintf("must have at most %d characters", maxText))
	}
	r.Body = providers.NewSecret(body)
	return nil
}

// mediaTypes are the files that the contract allows.
var mediaTypes = []string{".jpg", ".jpeg", ".png", ".gif", ".pdf"}

func (r *Request) readMedia(raw json.RawMessage) *Problem {
	if raw == nil {
		return nil
	}
	if raw[0] != '[' || json.Unmarshal(raw, &r.Media) != nil {
		return wrong("media_urls", "must be a list of addresses")
	}
	if len(r.Media) > maxMedia {
		return wrong("media_urls", fmt.Sprintf("must have at most %d addresses", maxMedia))
	}
	for _, address := range r.Media {
		u, err := url.Parse(address)
		switch {
		case err != nil, len(address) > maxMediaURL, u.Scheme != "https", u.User != nil, !public(u.Hostname()):
			return wrong("media_urls", "must have https addresses that everybody can reach: the provider fetches them")
		case !slices.Contains(mediaTypes, strings.ToLower(path.Ext(u.Path))):
			return wrong("media_urls", "must have addresses of files that end in jpg, png, gif or pdf")
		}
	}
	return nil
}

// public reports whether a host may be reachable from outside. smshook never connects to it: the provider does.
func public(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		return ip.IsGlobalUnicast() && !ip.IsPrivate()
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	return strings.Contains(host, ".") && !slices.Contains([]string{"localhost", "local", "internal", "lan", "home", "arpa"}, last) && !strings.ContainsAny(last, "0123456789")
}

func (r *Request) readAt(raw json.RawMessage) *Problem {
	if raw == nil {
		return nil
	}
	var written string
	if !text(raw, &written) {
		return wrong("scheduled_at", "must be a time such as 2026-01-16T10:00:00Z")
	}
	at, err := time.Parse(time.RFC3339Nano, written)
	if err != nil {
		return wrong("scheduled_at", "must be a time such as 2026-01-16T10:00:00Z")
	}
	r.At = at
	return nil
}

// Due returns when the message of a request is to be sent: at once, if the time is past by the little that clocks differ.
func (r Request) Due(receivedAt time.Time) (time.Time, *Problem) {
	switch {
	case r.At.IsZero():
		return receivedAt, nil
	case r.At.Before(receivedAt.Add(-skew)):
		return time.Time{}, wrong("scheduled_at", "must be in the future; the server's time is "+receivedAt.UTC().Format(time.RFC3339))
	case r.At.After(receivedAt.Add(maxLater)):
		return time.Time{}, wrong("scheduled_at", "must be at most 7 days ahead")
	case r.At.Before(receivedAt):
		return receivedAt, nil
	}
	return r.At, nil
}

func (r *Request) readMetadata(raw json.RawMessage) *Problem {
	switch {
	case raw == nil:
		return nil
	case raw[0] != '{':
		return wrong("metadata", "must be an object")
	case len(raw) > maxMetadata:
		return wrong("metadata", fmt.Sprintf("must have at most %d bytes", maxMetadata))
	}
	r.Metadata = slices.Clone(raw)
	return nil
}

// text reads a JSON string.
func text(raw json.RawMessage, into *string) bool {
	return raw[0] == '"' && json.Unmarshal(raw, into) == nil
}
