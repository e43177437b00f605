package twilio

import "github.com/smshook/smshook/providers"

// codes are those of Twilio's error dictionary, https://www.twilio.com/docs/api/errors, that an answer or a message can
// carry. Twilio warns that codes may change: an operator overrides one by TWILIO_CODES. A code that isn't here gets the
// Kind of its HTTP status, and in a receipt [providers.Temporary].
var codes = providers.Codes{
	"10001": providers.Account,   // account not active
	"20003": providers.Account,   // credentials rejected
	"20005": providers.Account,   // account not active
	"20010": providers.Account,   // action disabled for the account
	"20404": providers.Account,   // no such account or path
	"20429": providers.Temporary, // too many requests; not processed
	"20500": providers.Temporary, // internal error
	"20503": providers.Temporary, // unavailable

	"21211": providers.Recipient, // invalid To
	"21214": providers.Recipient, // To can't be reached
	"21217": providers.Recipient, // To doesn't look valid
	"21265": providers.Recipient, // To is a short code
	"21610": providers.Recipient, // To has sent STOP
	"21614": providers.Channel,   // To isn't a mobile number: a call may reach it
	"21635": providers.Channel,   // To is a landline, where Twilio tries none

	"21212": providers.Rejected,  // invalid From
	"21219": providers.Rejected,  // To not verified, on a trial account
	"21407": providers.Rejected,  // From can't send SMS
	"21408": providers.Rejected,  // destination region not enabled
	"21601": providers.Rejected,  // From can't send SMS
	"21602": providers.Rejected,  // no body
	"21603": providers.Rejected,  // no From
	"21604": providers.Rejected,  // no To
	"21606": providers.Rejected,  // From can't send SMS to this To
	"21607": providers.Rejected,  // From can't send SMS
	"21608": providers.Rejected,  // To not verified, on a trial account
	"21609": providers.Rejected,  // bad StatusCallback
	"21611": providers.Temporary, // the sender's queue is full
	"21612": providers.Rejected,  // To not reachable from this From
	"21616": providers.Rejected,  // From matches several numbers
	"21617": providers.Rejected,  // body over 1600 characters
	"21618": providers.Rejected,  // body can't be sent
	"21624": providers.Rejected,  // bad ValidityPeriod
	"21654": providers.Rejected,  // ContentSid missing
	"21655": providers.Rejected,  // ContentSid invalid
	"21656": providers.Rejected,  // ContentVariables invalid
	"92005": providers.Rejected,  // content variables
	"92006": providers.Rejected,  // content variables
	"92007": providers.Rejected,  // content variables

	// The Messaging Service is the account's: what is wrong with it is wrong for every number.
	"21701": providers.Account, // missing
	"21702": providers.Account, // missing
	"21703": providers.Account, // without senders
	"21704": providers.Account, // without senders
	"21705": providers.Account, // invalid
	"21712": providers.Account, // unavailable

	"30001": providers.Temporary, // queue overflow
	"30002": providers.Account,   // account suspended
	"30003": providers.Temporary, // handset unreachable
	"30004": providers.Recipient, // blocked by the recipient or the network
	"30005": providers.Recipient, // number not assigned
	"30006": providers.Channel,   // landline or unreachable network
	"30007": providers.Rejected,  // filtered by Twilio or the network
	"30008": providers.Temporary, // unknown network error
	"30010": providers.Rejected,  // above the maximum price
	"30017": providers.Temporary, // network congestion
	"30018": providers.Rejected,  // sender must be registered
	"30022": providers.Temporary, // A2P rate
	"30023": providers.Temporary, // A2P daily cap
	"30024": providers.Rejected,  // sender not provisioned
	"30027": providers.Temporary, // A2P daily cap
	"30032": providers.Rejected,  // toll-free number not verified
	"30034": providers.Rejected,  // US number not registered for A2P 10DLC
	"30036": providers.Temporary, // validity period over
	"30410": providers.Unknown,   // the network didn't answer
	"30450": providers.Recipient, // stopped by the fraud guard: another provider would only move the fraud there
	"30453": providers.Recipient, // likewise, for hours

	// Calls
	"13223": providers.Rejected,  // number not in international form
	"13224": providers.Rejected,  // number invalid, or no network takes the call: a text may reach it
	"13227": providers.Rejected,  // destination not enabled for calls
	"21210": providers.Account,   // From not verified
	"21215": providers.Rejected,  // destination not enabled for calls
	"21216": providers.Recipient, // on the list of numbers with much fraud: another provider would only move the fraud there

	// WhatsApp
	"63001": providers.Account,   // channel can't authenticate
	"63002": providers.Account,   // sender not found
	"63003": providers.Channel,   // recipient not found
	"63005": providers.Rejected,  // content refused
	"63007": providers.Account,   // sender not found
	"63008": providers.Account,   // channel misconfigured
	"63009": providers.Temporary, // error of the channel
	"63010": providers.Temporary, // internal error
	"63012": providers.Temporary, // internal error of the channel
	"63013": providers.Rejected,  // against the channel's policy
	"63014": providers.Channel,   // blocked by the recipient
	"63015": providers.Rejected,  // To hasn't joined the sandbox
	"63016": providers.Rejected,  // free text outside the session: a template is needed
	"63017": providers.Temporary, // rate limited
	"63018": providers.Temporary, // rate limited
	"63020": providers.Account,   // business manager
	"63021": providers.Rejected,  // content
	"63024": providers.Channel,   // invalid recipient
	"63027": providers.Rejected,  // template missing
	"63028": providers.Rejected,  // template parameters
	"63032": providers.Channel,   // WhatsApp won't deliver to this user
	"63033": providers.Channel,   // blocked by the recipient
	"63038": providers.Temporary, // daily limit
	"63040": providers.Rejected,  // template rejected
	"63041": providers.Rejected,  // template paused
	"63049": providers.Channel,   // withheld from this user by Meta
	"63051": providers.Account,   // sender locked by Meta
	"63112": providers.Account,   // business account disabled by Meta, or not verified yet
}
