package providers

import (
	"net/url"
	"strings"
)

// Callback is where a provider reports what becomes of the messages of one instance. The zero value is nowhere: no receipts
// are wanted.
type Callback struct{ address Secret }

// NewCallback returns the Callback for an address, whose path proves who calls it and is secret for that reason.
func NewCallback(address string) Callback { return Callback{NewSecret(address)} }

// MessageParam is the parameter of the address that names the message: a receipt may come before Send has returned and told
// the provider's own name for it.
const MessageParam = "m"

// For returns the address for the receipts of one message, or nothing if there is none.
func (c Callback) For(m Message) string {
	if c.address.Empty() {
		return ""
	}
	return c.address.Reveal() + "?" + MessageParam + "=" + url.QueryEscape(m.ID)
}

// Whole returns the address without a message, to be entered at the provider.
func (c Callback) Whole() string { return c.address.Reveal() }

// Token is the end of the address, the part that must not be seen where a provider quotes it.
func (c Callback) Token() Secret {
	address := c.address.Reveal()
	return NewSecret(address[strings.LastIndex(address, "/")+1:])
}
