package sns

import "github.com/smshook/smshook/providers"

// codes are those of Publish, https://docs.aws.amazon.com/sns/latest/api/API_Publish.html, those that all actions may answer with,
// https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html, and older names of the same, as
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html has them. An operator overrides one by SNS_CODES. A code
// that isn't here gets the Kind of its HTTP status. AWS answers throttling by 400, and therefore the codes are needed.
var codes = providers.Codes{
	"AuthorizationError":          providers.Account,   // the key may not publish
	"EndpointDisabled":            providers.Account,   // of push messages
	"InternalError":               providers.Temporary, // it was answered
	"InvalidParameter":            providers.Rejected,  // the text says which
	"InvalidSecurity":             providers.Account,   // signature
	"KMSAccessDenied":             providers.Account,
	"KMSDisabled":                 providers.Account,
	"KMSInvalidState":             providers.Account,
	"KMSNotFound":                 providers.Account,
	"KMSOptInRequired":            providers.Account,
	"KMSThrottling":               providers.Temporary,
	"NotFound":                    providers.Account,
	"OptedOut":                    providers.Recipient, // has sent STOP
	"ParameterValueInvalid":       providers.Rejected,
	"PlatformApplicationDisabled": providers.Account, // of push messages
	"Throttled":                   providers.Temporary,
	"UserError":                   providers.Rejected,
	"ValidationException":         providers.Rejected,

	"AccessDenied":                   providers.Account,
	"AccessDeniedException":          providers.Account,
	"ExpiredToken":                   providers.Account, // session token
	"ExpiredTokenException":          providers.Account, // session token
	"IncompleteSignature":            providers.Account,
	"InternalFailure":                providers.Temporary, // it was answered
	"InvalidAction":                  providers.Account,   // BASE_URL is not SNS
	"InvalidClientTokenId":           providers.Account,   // no such access key
	"MalformedHttpRequestException":  providers.Rejected,
	"MissingAuthenticationToken":     providers.Account,
	"NotAuthorized":                  providers.Account,
	"OptInRequired":                  providers.Account, // not subscribed to the service
	"RequestAbortedException":        providers.Temporary,
	"RequestEntityTooLargeException": providers.Rejected,
	"RequestExpired":                 providers.Account, // our clock is wrong
	"RequestTimeoutException":        providers.Temporary,
	"ServiceUnavailable":             providers.Temporary,
	"SignatureDoesNotMatch":          providers.Account, // wrong secret or region, or our clock is wrong
	"Throttling":                     providers.Temporary,
	"ThrottlingException":            providers.Temporary,
	"UnknownOperationException":      providers.Account, // BASE_URL is not SNS
	"UnrecognizedClientException":    providers.Account, // no such access key
	"ValidationError":                providers.Rejected,
}
