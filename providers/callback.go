package providers

import (
	"net/url"
	"strings"
)

// Callback is the address to which a provider sends the receipts of one instance. The zero value has no address, and then no
// receipts are wanted.
type Callback struct{ address Secret }

// NewCallback returns the Callback for an address. Its path ends in a secret token.
func NewCallback(address string) Callback { return Callback{NewSecret(address)} }

// MessageParam is the parameter of the address that names the message. It is needed because a receipt may come before Send has
// returned the provider's own name for the message.
const MessageParam = "m"

// For returns the address for the receipts of one message, or nothing if there is none.
func (c Callback) For(m Message) string {
	if c.address.Empty() {
		return ""
	}
	return c.address.Reveal() + "?" + MessageParam + "=" + url.QueryEscape(m.ID)
}

// Whole returns the address for all messages, to be entered at the provider.
func (c Callback) Whole() string { return c.address.Reveal() }

// Token is the secret end of the address. It must be masked where a provider quotes the address.
func (c Callback) Token() Secret {
	address := c.address.Reveal()
	return NewSecret(address[strings.LastIndex(address, "/")+1:])
}
