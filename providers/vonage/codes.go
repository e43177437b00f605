package vonage

import (
	"maps"

	"github.com/smshook/smshook/providers"
)

// An operator overrides a code by VONAGE_CODES. A code that isn't here gets the Kind of its HTTP status; inside a 200,
// Rejected; in a receipt, the Kind of its status.

// invalidParameter is the status of the SMS API that is about the number, if its text says so.
const invalidParameter = "3"

// smsCodes are the SMS API's statuses, https://developer.vonage.com/en/api-errors/sms.
var smsCodes = providers.Codes{
	"1":  providers.Temporary, // throttled
	"2":  providers.Rejected,  // missing parameter
	"3":  providers.Rejected,  // invalid parameter
	"4":  providers.Account,   // bad credentials
	"5":  providers.Temporary, // internal error: it was answered
	"6":  providers.Recipient, // invalid message: unknown prefix
	"7":  providers.Recipient, // number barred
	"8":  providers.Account,   // account barred
	"9":  providers.Account,   // no credit
	"10": providers.Temporary, // too many connections
	"11": providers.Account,   // account not enabled for HTTP
	"12": providers.Rejected,  // too long
	"14": providers.Account,   // bad signature
	"15": providers.Rejected,  // sender not allowed
	"17": providers.Rejected,  // blocked by the network's provider
	"22": providers.Rejected,  // network code doesn't fit the number
	"23": providers.Rejected,  // bad callback URL
	"29": providers.Rejected,  // not on a demo account's list
	"32": providers.Account,   // both a signature and the secret
	"33": providers.Recipient, // number deactivated
}

// receiptCodes are the err-codes of the SMS API's receipts,
// https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts. A 3 is written err-3 here: status 3 is something
// else, and an operator's override is for sends and receipts alike.
var receiptCodes = providers.Codes{
	"err-1":  providers.Temporary, // unknown
	"err-2":  providers.Temporary, // absent for now
	"err-3":  providers.Recipient, // absent for good
	"err-4":  providers.Recipient, // barred by the user
	"err-5":  providers.Temporary, // portability
	"err-6":  providers.Rejected,  // anti-spam
	"err-7":  providers.Temporary, // handset busy
	"err-8":  providers.Temporary, // network error
	"err-9":  providers.Recipient, // refuses messages of this service
	"err-10": providers.Rejected,  // illegal message
	"err-11": providers.Temporary, // unroutable
	"err-12": providers.Recipient, // unreachable
	"err-13": providers.Recipient, // age restriction
	"err-14": providers.Recipient, // blocked by the network
	"err-15": providers.Recipient, // the recipient's credit is used up
	"err-16": providers.Temporary, // quota of the gateway
	"err-50": providers.Rejected,  // entity filter
	"err-51": providers.Rejected,  // header filter
	"err-52": providers.Rejected,  // content filter
	"err-53": providers.Rejected,  // consent filter
	"err-54": providers.Rejected,  // regulation filter
	"err-99": providers.Temporary, // general
}

const (
	alreadySent        = "1320"
	partsUnknown       = "1490" // the network has not reported what became of every part
	recipientOfChannel = "1430"
)

// noFailure are the codes of the Messages API that don't say that the message failed. They are in no table.
var noFailure = map[string]bool{alreadySent: true, partsUnknown: true}

// messagesCodes are the Messages API's, in answers and in status webhooks, https://developer.vonage.com/en/api-errors/messages.
// Those of email alone are left out.
var messagesCodes = providers.Codes{
	"1000": providers.Temporary, // throttled
	"1010": providers.Rejected,  // missing parameters
	"1020": providers.Rejected,  // invalid parameters
	"1021": providers.Rejected,  // invalid tag
	"1022": providers.Rejected,  // invalid template
	"1030": providers.Temporary, // internal error: it was answered
	"1040": providers.Recipient, // invalid message: unknown prefix
	"1050": providers.Recipient, // number barred
	"1060": providers.Account,   // account barred
	"1070": providers.Account,   // no credit
	"1080": providers.Account,   // account not enabled for HTTP
	"1090": providers.Rejected,  // too long
	"1100": providers.Temporary, // not submitted: communication failed
	"1120": providers.Rejected,  // sender refused
	"1130": providers.Rejected,  // invalid ttl
	"1140": providers.Account,   // facility not enabled for the account
	"1150": providers.Rejected,  // invalid message class
	"1160": providers.Rejected,  // not on a demo account's list
	"1170": providers.Recipient, // invalid number
	"1180": providers.Temporary, // absent for now
	"1190": providers.Recipient, // absent for good
	"1200": providers.Temporary, // portability
	"1210": providers.Rejected,  // anti-spam
	"1220": providers.Temporary, // handset busy
	"1230": providers.Temporary, // network error
	"1240": providers.Recipient, // has sent STOP
	"1241": providers.Rejected,  // too many to this number
	"1242": providers.Account,   // number pool missing
	"1250": providers.Temporary, // unroutable
	"1251": providers.Rejected,  // no route to this network
	"1260": providers.Recipient, // unreachable
	"1270": providers.Recipient, // age restriction
	"1280": providers.Recipient, // blocked by the network
	"1282": providers.Rejected,  // policy or content, says the channel's provider
	"1290": providers.Recipient, // the recipient's credit is used up
	"1300": providers.Channel,   // not a user of the channel
	"1310": providers.Channel,   // device not suitable
	"1330": providers.Temporary, // unknown
	"1331": providers.Temporary, // the channel's provider doesn't respond
	"1340": providers.Rejected,  // outside the window: a template is needed
	"1350": providers.Account,   // fee not paid
	"1360": providers.Temporary, // ttl over
	"1370": providers.Account,   // access token expired
	"1380": providers.Rejected,  // resource invalid
	"1381": providers.Rejected,  // resource too large
	"1382": providers.Rejected,  // resource of a wrong type
	"1400": providers.Rejected,  // unsupported channel
	"1410": providers.Rejected,  // invalid parameters of the channel
	"1420": providers.Rejected,  // invalid sender
	"1430": providers.Recipient, // invalid recipient
	"1431": providers.Rejected,  // several recipients
	"1440": providers.Rejected,  // invalid message type
	"1450": providers.Rejected,  // invalid client reference
	"1451": providers.Rejected,  // invalid context
	"1460": providers.Rejected,  // the day's limit, such as that of 10DLC
	"1461": providers.Channel,   // withheld from this user by the channel's provider
	"1470": providers.Recipient, // Fraud Defender's rules: another provider would only move the fraud there
	"1472": providers.Recipient, // Fraud Defender: burst
	"1473": providers.Recipient, // Fraud Defender: artificially inflated traffic
	"1474": providers.Rejected,  // Fraud Defender: country off
	"1475": providers.Recipient, // Fraud Defender: network blocked
	"1476": providers.Rejected,  // sender on a list of numbers that must not send
	"1480": providers.Rejected,  // entity filter
	"1481": providers.Rejected,  // header filter
	"1482": providers.Rejected,  // content filter
	"1483": providers.Rejected,  // consent filter
	"1484": providers.Rejected,  // sender not authenticated, or regulation
	"2001": providers.Recipient, // fraud guard of the channel's provider
}

// whatsAppCodes are messagesCodes over WhatsApp. A user without WhatsApp may still get an SMS. What Fraud Defender stops for
// one channel must not be sent through another.
var whatsAppCodes = asChannel(
	"1040", // invalid message: unknown prefix
	"1050", // number barred
	"1170", // invalid number
	"1190", // absent for good
	"1240", // has sent STOP
	"1260", // unreachable
	"1270", // age restriction
	"1280", // blocked by the network
	"1290", // the recipient's credit is used up
	recipientOfChannel,
)

func asChannel(ofChannel ...string) providers.Codes {
	table := maps.Clone(messagesCodes)
	for _, code := range ofChannel {
		table[code] = providers.Channel
	}
	return table
}

// voiceCodes are the details of calls that failed. Answers of the Voice API have no codes that say more than their status.
// https://developer.vonage.com/en/voice/voice-api/webhook-reference, and
// https://github.com/Vonage/vonage-java-sdk (CallStatusDetail.java)
var voiceCodes = providers.Codes{
	"cannot_route":          providers.Rejected,  // no way to this number
	"carrier_timeout":       providers.Temporary, // the mobile network didn't answer
	"declined":              providers.Channel,   // the user has refused the call
	"internal_error":        providers.Temporary,
	"invalid_number":        providers.Recipient,
	"number_out_of_service": providers.Recipient,
	"restricted":            providers.Rejected, // refused by the mobile network
	"timeout":               providers.Channel,  // nobody has answered
	"unavailable":           providers.Channel,  // can't be reached for now
}

// parameterCodes are codes that mean something else in a 422: so the examples of the specification have them.
var parameterCodes = providers.Codes{
	"1060": providers.Rejected, // invalid client reference
	"1100": providers.Rejected, // unsupported channel
	"1140": providers.Rejected, // invalid message type
}
