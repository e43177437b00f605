package msg91

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// delivered is the status of a message that is on the phone.
const delivered = "1"

// report is what MSG91 says about one message, in both versions of its webhook.
type report struct {
	RequestID call.Scalar `json:"requestId"`
	Status    call.Scalar `json:"status"` // in version 3
	Reports   []report    `json:"report"` // in version 2: one for each number
}

// Receipts reads a delivery report of the webhook's version 2, a form whose field data is JSON, or of version 3, which is JSON.
// https://msg91.com/help/how-can-i-get-the-delivery-reports-on-my-webhook-url
//
// A receipt has no time, because the time zone of the reports isn't documented.
func (p *Provider) Receipts(_ *http.Request, body []byte) ([]providers.Receipt, error) {
	reports, err := read(body)
	if err != nil {
		return nil, err
	}
	var receipts []providers.Receipt
	for _, r := range reports {
		if receipt, ok := r.receipt(r.RequestID); ok {
			receipts = append(receipts, receipt)
		}
		for _, one := range r.Reports {
			if receipt, ok := one.receipt(r.RequestID); ok {
				receipts = append(receipts, receipt)
			}
		}
	}
	return receipts, nil
}

// errUnreadable quotes nothing, as the errors of parsers do.
var errUnreadable = errors.New("the report is neither the JSON nor the form that it should be")

func read(body []byte) ([]report, error) {
	text := strings.TrimSpace(string(body))
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		fields, err := url.ParseQuery(text)
		if err != nil {
			return nil, errUnreadable
		}
		text = fields.Get("data")
	}
	if strings.HasPrefix(text, "{") {
		text = "[" + text + "]"
	}
	var reports []report
	if json.Unmarshal([]byte(text), &reports) != nil {
		return nil, errUnreadable
	}
	return reports, nil
}

// receipt is what a report says about the message of that name. It isn't ok if the status isn't a known one.
func (r report) receipt(id call.Scalar) (_ providers.Receipt, ok bool) {
	receipt := providers.Receipt{ID: string(id), State: providers.StateDelivered}
	if r.Status != delivered {
		receipt.State, receipt.Code = providers.StateUndelivered, string(r.Status)
		receipt.Kind, ok = reportCodes[receipt.Code]
		return receipt, ok && requestID.MatchString(receipt.ID)
	}
	return receipt, requestID.MatchString(receipt.ID)
}

// Setup says that MSG91 signs nothing: only the token in the address proves a report.
func (p *Provider) Setup() providers.ReceiptSetup {
	return providers.ReceiptSetup{
		Enter:    "in MSG91's panel, under SMS, Webhook, with version v3",
		Unsigned: "MSG91 signs no delivery reports",
	}
}
