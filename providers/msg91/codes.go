package msg91

import "github.com/smshook/smshook/providers"

// codes are those of answers. Only 106 and 418 are in MSG91's own pages: https://api.msg91.com/apidoc/textsms/send-sms-v1.php and
// https://msg91.com/help/api. The others are from a list of a reseller of the same system,
// https://msgwow.com/kb/article/what-are-all-the-error-codes-and-what-does-it-mean. An operator overrides one by MSG91_CODES. A code that
// isn't here gets the Kind of its HTTP status; inside a 200, Rejected.
var codes = providers.Codes{
	"101": providers.Rejected,  // no number
	"102": providers.Rejected,  // no message
	"103": providers.Rejected,  // no sender
	"105": providers.Account,   // no password
	"106": providers.Account,   // no auth key
	"107": providers.Rejected,  // no route
	"202": providers.Recipient, // invalid number
	"203": providers.Rejected,  // invalid sender
	"207": providers.Account,   // invalid auth key
	"208": providers.Account,   // IP address not allowed
	"301": providers.Account,   // no balance
	"302": providers.Account,   // account expired
	"303": providers.Account,   // account banned
	"306": providers.Temporary, // route not available at this time of day
	"310": providers.Rejected,  // too long
	"418": providers.Account,   // IP address not allowed
}

// reportCodes are the statuses of delivery reports that are failures.
// https://msg91.com/help/how-can-i-get-the-delivery-reports-on-my-webhook-url
var reportCodes = providers.Codes{
	"2":  providers.Temporary, // failed
	"9":  providers.Rejected,  // on the list of numbers that get no advertising: the template is promotional
	"16": providers.Recipient, // rejected: why isn't said, and it may be fraud
	"17": providers.Recipient, // blocked number
	"25": providers.Recipient, // rejected, as 16
}
