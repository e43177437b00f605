package submission

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/ledger"
)

var (
	notFound = &api.Problem{Status: http.StatusNotFound, Code: api.NotFound, Message: "There is no such message, or it ended too long ago"}
	tooLate  = &api.Problem{Status: http.StatusConflict, Code: api.Conflict, Message: "The message can't be canceled any more: it was sent, is being sent, or has ended"}
)

// Message returns a message that the caller has asked for, as it is now.
func (s *Service) Message(ctx context.Context, c Caller, id string) (*api.Message, *api.Problem) {
	d, id, problem := s.find(ctx, c, id)
	if problem != nil {
		return nil, problem
	}
	status := s.before(d)
	if status == api.Sent {
		if status, problem = s.sent(ctx, id); problem != nil {
			return nil, problem
		}
	}
	return d.message(id, status), nil
}

// Cancel cancels a message that was not sent yet. Canceling it again has the same answer.
func (s *Service) Cancel(ctx context.Context, c Caller, id string) (*api.Message, *api.Problem) {
	d, id, problem := s.find(ctx, c, id)
	if problem != nil {
		return nil, problem
	}
	if d.Status == api.Canceled {
		return d.message(id, api.Canceled), nil
	}
	ended := d.ended(api.Canceled)
	canceled, err := s.queue.Cancel(ctx, id, ledger.ItemEnd{Keep: s.keep(), Body: s.seal(id, ended)})
	if err != nil {
		return nil, unavailable
	}
	if !canceled {
		return nil, tooLate
	}
	return ended.message(id, api.Canceled), nil
}

// find returns what is kept of a message of the caller. Another caller's message is as unknown as one that doesn't exist.
func (s *Service) find(ctx context.Context, c Caller, named string) (document, string, *api.Problem) {
	id, ok := strings.CutPrefix(named, prefix)
	if !ok || len(id) > ledger.MaxItemName {
		return document{}, "", notFound
	}
	item, _, found, err := s.queue.Item(ctx, id)
	if err != nil {
		return document{}, "", unavailable
	}
	if !found || item.Topic != ledger.Scheduled {
		return document{}, "", notFound
	}
	d, err := s.open(id, item.Body)
	if err != nil {
		return document{}, "", unavailable
	}
	if d.Caller != c {
		return document{}, "", notFound
	}
	return d, id, nil
}

// sent returns how far a message is that a provider has accepted.
func (s *Service) sent(ctx context.Context, id string) (api.Status, *api.Problem) {
	found, err := s.ledger.Messages(ctx, ledger.Query{ID: id, Limit: 1})
	if err != nil {
		return "", unavailable
	}
	if len(found) == 0 || found[0].Resending {
		return api.Sent, nil
	}
	return statusOf(found[0].State(ledger.At(time.Now()))), nil
}

// statusOf is the status that a state is for a caller.
func statusOf(state ledger.State) api.Status {
	switch state {
	case ledger.Delivered, ledger.Read:
		return api.Delivered
	case ledger.Undelivered:
		return api.Undelivered
	case ledger.StateFailed, ledger.Refused:
		return api.Failed
	case ledger.Expired:
		return api.Expired
	}
	return api.Sent
}
