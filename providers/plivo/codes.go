package plivo

import "github.com/smshook/smshook/providers"

// codes are the values of error_code in a message's record, and of ErrorCode in a call to a callback URL. 000 is a success.
// A code that isn't here gets the Kind of the HTTP status, or in a receipt the Kind of the message's status. An operator changes the
// Kind of a code by PLIVO_CODES.
var codes = providers.Codes{
	// https://www.plivo.com/docs/messaging/troubleshooting/error-codes
	"10":   providers.Rejected,  // the network calls the message invalid
	"20":   providers.Temporary, // error of the network
	"30":   providers.Rejected,  // taken for spam by the network
	"40":   providers.Rejected,  // sender malformed, not for SMS, or another account's
	"50":   providers.Recipient, // number malformed, or a landline's
	"60":   providers.Rejected,  // loop between sender and recipient
	"70":   providers.Recipient, // number no longer reachable
	"80":   providers.Temporary, // number unreachable for now
	"90":   providers.Temporary, // no route
	"100":  providers.Rejected,  // prohibited or not supported by the network
	"110":  providers.Rejected,  // text too long
	"200":  providers.Recipient, // has sent STOP to this sender
	"201":  providers.Rejected,  // from a US toll-free number to Canada
	"1000": providers.Temporary, // unknown reason

	// https://www.plivo.com/docs/messaging/concepts/geo-permissions
	"450": providers.Rejected,  // destination country not enabled
	"451": providers.Recipient, // over the threshold for the country; with another provider the fraud would only move there

	// https://support.plivo.com/support/solutions/articles/17000088423
	"900": providers.Account, // insufficient credit

	// Seen only in other software that reads the codes.
	"300": providers.Temporary, // could not be dispatched
	"420": providers.Temporary, // expired in the queue
	"910": providers.Account,   // account disabled
}
