package whatsapp

import (
	"strconv"

	"github.com/smshook/smshook/providers"
)

// codes are those of the Cloud API, https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes,
// and of the Graph API beneath it, that an answer or a receipt can have. Meta says that they count rather than the HTTP
// status. An operator changes the Kind of a code by WHATSAPP_CODES. A code that isn't here gets the Kind of its HTTP status.
var codes = withPermissions(providers.Codes{
	"0":   providers.Account,   // token can't be authenticated: expired, revoked
	"1":   providers.Temporary, // unknown error
	"2":   providers.Temporary, // service down or overloaded
	"3":   providers.Account,   // capability missing
	"4":   providers.Temporary, // the app's call limit
	"10":  providers.Account,   // permission missing
	"17":  providers.Temporary, // the user's call limit
	"32":  providers.Temporary, // the page's call limit
	"33":  providers.Account,   // phone number id deleted or unknown
	"100": providers.Rejected,  // bad parameter
	"102": providers.Account,   // token
	"104": providers.Account,   // token
	"190": providers.Account,   // token expired
	"368": providers.Account,   // blocked for policy
	"613": providers.Temporary, // a call limit
	"803": providers.Account,   // phone number id not found

	"80007":  providers.Temporary, // the WhatsApp account's call limit
	"130403": providers.Channel,   // blocked by the recipient
	"130429": providers.Temporary, // the sender's throughput
	"130472": providers.Channel,   // recipient in an experiment
	"130497": providers.Rejected,  // recipient's country not allowed
	"131000": providers.Temporary, // unknown error
	"131005": providers.Account,   // access denied
	"131008": providers.Rejected,  // parameter missing
	"131009": providers.Rejected,  // parameter invalid
	"131016": providers.Temporary, // service unavailable
	"131021": providers.Recipient, // recipient is the sender
	"131026": providers.Channel,   // not on WhatsApp, terms not accepted, or too old a WhatsApp
	"131030": providers.Rejected,  // recipient not on the test number's list
	"131031": providers.Account,   // account locked
	"131037": providers.Account,   // display name not approved
	"131042": providers.Account,   // payment
	"131045": providers.Account,   // sender not registered
	"131047": providers.Rejected,  // free text outside the window
	"131048": providers.Temporary, // too many of the sender's messages blocked or reported
	"131049": providers.Channel,   // withheld from this user
	"131050": providers.Channel,   // marketing stopped by this user
	"131051": providers.Rejected,  // message type
	"131052": providers.Rejected,  // media
	"131053": providers.Rejected,  // media
	"131056": providers.Rejected,  // too many from this sender to this recipient: anyone can cause that
	"131057": providers.Temporary, // account in maintenance

	// https://developers.facebook.com/documentation/business-messaging/whatsapp/direct-send
	"131064": providers.Temporary, // limit of an account whose templates were in wrong categories

	"132000": providers.Rejected, // number of the template's parameters
	"132001": providers.Rejected, // template missing, or not approved in this language
	"132005": providers.Rejected, // template's text too long
	"132007": providers.Rejected, // template against the policy
	"132012": providers.Rejected, // template parameter's format
	"132015": providers.Rejected, // template paused
	"132016": providers.Rejected, // template disabled
	"132018": providers.Rejected, // template's parameters
	"132068": providers.Rejected, // flow blocked
	"132069": providers.Rejected, // flow throttled

	// The registration of the sender.
	"133000": providers.Account,   // deregistration unfinished
	"133004": providers.Temporary, // server unavailable
	"133005": providers.Account,   // PIN wrong
	"133006": providers.Account,   // number not verified
	"133008": providers.Account,   // PIN tried too often
	"133009": providers.Account,   // PIN tried too fast
	"133010": providers.Account,   // not registered
	"133015": providers.Account,   // deleted a moment ago
	"133016": providers.Temporary, // registered too often

	"134011": providers.Account,  // payment terms
	"134100": providers.Rejected, // marketing templates only
	"134101": providers.Rejected, // template not synchronised yet
	"134102": providers.Rejected, // template can't be used
	"135000": providers.Rejected, // unknown problem of the request
})

// withPermissions adds 200 to 299: the Graph API has one for each permission that can be missing.
func withPermissions(table providers.Codes) providers.Codes {
	for code := 200; code <= 299; code++ {
		table[strconv.Itoa(code)] = providers.Account
	}
	return table
}
