// Package all is the list of providers.
package all

import (
	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/console"
	"github.com/smshook/smshook/providers/msg91"
	"github.com/smshook/smshook/providers/plivo"
	"github.com/smshook/smshook/providers/sns"
	"github.com/smshook/smshook/providers/twilio"
	"github.com/smshook/smshook/providers/vonage"
	"github.com/smshook/smshook/providers/webhook"
	"github.com/smshook/smshook/providers/whatsapp"
)

// Drivers returns every provider that smshook knows, in the order in which they are documented.
func Drivers() []providers.Driver {
	return []providers.Driver{
		providers.NewDriver("twilio", "Twilio", twilio.New),
		providers.NewDriver("plivo", "Plivo", plivo.New),
		providers.NewDriver("vonage", "Vonage", vonage.New),
		providers.NewDriver("msg91", "MSG91", msg91.New),
		providers.NewDriver("sns", "Amazon SNS", sns.New),
		providers.NewDriver("whatsapp", "WhatsApp", whatsapp.New),
		providers.NewDriver("webhook", "Webhook", webhook.New),
		providers.NewDriver("console", "Console", console.New).DevOnly(),
	}
}
