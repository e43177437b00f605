package submission

import (
	"net/http"

	"github.com/smshook/smshook/internal/api"
)

// The problems that are the same for all requests.
var (
	tooLarge = &api.Problem{
		Status:  http.StatusRequestEntityTooLarge,
		Code:    api.TooLarge,
		Message: "The message is too large to be kept",
	}
	unavailable = &api.Problem{
		Status: http.StatusServiceUnavailable,
		Code:   api.Unavailable,
		Message: "The store can't be reached, and it isn't known whether the message was kept; " +
			"try again, with the same Idempotency-Key so that nothing is sent twice",
	}
	notSender = &api.Problem{
		Status:  http.StatusForbidden,
		Code:    api.SMSNotEnabled,
		Message: "The 'from' field is not one of the configured senders",
	}
	keyReused = &api.Problem{
		Status:  http.StatusUnprocessableEntity,
		Code:    api.KeyReused,
		Message: "The Idempotency-Key was used before, for a request with another body",
	}
	forgets = &api.Problem{
		Status:  http.StatusUnprocessableEntity,
		Code:    api.InvalidRequest,
		Message: "The 'scheduled_at' field needs a server that remembers: SMSHOOK_STORE must be sqlite or postgres",
	}
	longList = &api.Problem{
		Status:  http.StatusUnprocessableEntity,
		Code:    api.InvalidRequest,
		Message: "The 'to' field may have 100 phone numbers at most on this server: SMSHOOK_STORE must be sqlite or postgres for more",
	}
	repeated = &api.Problem{
		Status:  http.StatusBadRequest,
		Code:    api.InvalidRequest,
		Message: "The 'to' field has this phone number more than once",
	}
	unreachable = &api.Problem{
		Status:  http.StatusUnprocessableEntity,
		Code:    api.InvalidPhoneNumber,
		Message: "The 'to' field must be a phone number that exists, and that the settings of the server allow",
	}
	noInstance = &api.Problem{
		Status: http.StatusUnprocessableEntity,
		Code:   api.InvalidRequest,
		Message: "No provider of the server can send this to this number: a text of one's own, " +
			"from the sender of the 'from' field, with what the 'media_urls' field has",
	}
)
