package providers

import (
	"regexp"
	"time"
)

var (
	// ErrorCode matches the error codes of most providers: 1 to 5 digits. A one-time code has 6 to 10, and therefore doesn't match.
	// https://github.com/supabase/auth/blob/master/internal/conf/configuration.go (OtpLength)
	ErrorCode = regexp.MustCompile(`^[0-9]{1,5}$`)

	// WhatsAppCode matches the error codes of Meta, which other providers may pass on. Those with 6 digits begin with 13.
	// https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
	WhatsAppCode = regexp.MustCompile(`^([0-9]{1,5}|13[0-9]{4})$`)
)

// ClockError is how much a provider's clock and ours may differ.
const ClockError = 5 * time.Minute

// InTime reports whether a call that was signed at a time may come now. Repeats is how long the provider repeats a call with the same
// signature. It is 0 if the provider signs each repeat again.
func InTime(signed time.Time, repeats time.Duration) bool {
	age := time.Since(signed)
	return -ClockError <= age && age <= repeats+ClockError
}
